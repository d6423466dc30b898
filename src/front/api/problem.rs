//! What a client gets instead of what it asked for: RFC 9457 problem documents.

use axum::{
    Json,
    extract::Path,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    front::{model::RoomError, webrtc},
    layout::Fault,
};

/// When a full machine may be asked again, s: meetings end by the minute.
const CROWDED: u64 = 30;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $slug:literal, $status:ident, $title:literal;)*) => {
        /// Every way a request can fail. The slug is the stable part of the problem's `type`; titles may be reworded.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The last segment of `type`.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            /// The HTTP status it is sent with.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// One line, the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

kinds! {
    /// The body does not parse.
    MalformedJson = "malformed-json", BAD_REQUEST, "The body is not JSON";
    /// A name in the path or a query parameter is not usable.
    InvalidAddress = "invalid-address", BAD_REQUEST, "The address has an unusable part";
    /// The document parses, but a value in it is wrong; `faults` says which.
    InvalidDocument = "invalid-document", UNPROCESSABLE_ENTITY, "The document has faults";
    /// No API key, or none that is configured.
    Unauthorized = "unauthorized", UNAUTHORIZED, "An API key is needed";
    /// No publish key or viewer token, one that does not fit, or nothing there that it could fit.
    KeyNeeded = "key-needed", UNAUTHORIZED, "The key or token of this place is needed";
    /// Another web site asked, or asked under another name.
    ForbiddenOrigin = "forbidden-origin", FORBIDDEN, "The request came from elsewhere";
    /// No endpoint has this path.
    NoEndpoint = "no-endpoint", NOT_FOUND, "There is nothing at this path";
    /// No such room.
    NoRoom = "no-room", NOT_FOUND, "There is no such room";
    /// No such participant in the room.
    NoParticipant = "no-participant", NOT_FOUND, "There is no such participant";
    /// No such output of the room.
    NoOutput = "no-output", NOT_FOUND, "There is no such output";
    /// No such layout.
    NoLayout = "no-layout", NOT_FOUND, "There is no such layout";
    /// No such version of a layout.
    NoVersion = "no-version", NOT_FOUND, "There is no such version";
    /// No such asset.
    NoAsset = "no-asset", NOT_FOUND, "There is no such asset";
    /// `If-Match` or `If-None-Match` does not hold.
    Changed = "changed", PRECONDITION_FAILED, "It is not what you believe it is";
    /// The uploaded file is no image, or too much of one.
    NoImage = "no-image", UNPROCESSABLE_ENTITY, "The file is no image that can be shown";
    /// An asset that is shown cannot go, and a full server takes no more.
    AssetInUse = "asset-in-use", CONFLICT, "The asset cannot be changed so";
    /// The path exists, the method does not.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "The method does not fit the path";
    /// The body came too slowly.
    SlowBody = "slow-body", REQUEST_TIMEOUT, "The body took too long to arrive";
    /// A layout that is built in or used by a room cannot go.
    LayoutInUse = "layout-in-use", CONFLICT, "The layout cannot be changed so";
    /// Somebody else is live at the place; `?takeover=1` takes it.
    PlaceTaken = "place-taken", CONFLICT, "Somebody else is live at this place";
    /// The server holds as many rooms as it may.
    TooManyRooms = "too-many-rooms", CONFLICT, "The server takes no more rooms";
    /// The offer does not read.
    MalformedSdp = "malformed-sdp", BAD_REQUEST, "The body is not usable SDP";
    /// The offer reads, but this server can do nothing with it.
    NoMedia = "no-media", UNPROCESSABLE_ENTITY, "The offer has no media in common with this server";
    /// No such WHIP or WHEP session.
    NoSession = "no-session", NOT_FOUND, "There is no such session";
    /// `If-Match` names an ICE session that is over.
    StaleSession = "stale-session", PRECONDITION_FAILED, "The session has changed";
    /// The body is larger than any document may be.
    TooLarge = "too-large", PAYLOAD_TOO_LARGE, "The body is too large";
    /// The body is not declared as JSON.
    NotJson = "not-json", UNSUPPORTED_MEDIA_TYPE, "The body must be JSON";
    /// The body is not declared as the kind of SDP that the endpoint takes.
    NotSdp = "not-sdp", UNSUPPORTED_MEDIA_TYPE, "The body must be SDP";
    /// Too many requests, or too many wrong keys, from one address.
    RateLimited = "rate-limited", TOO_MANY_REQUESTS, "Too many requests";
    /// A fault of ours.
    Internal = "internal", INTERNAL_SERVER_ERROR, "The server failed";
    /// No program frame has been made yet.
    NoPicture = "no-picture", SERVICE_UNAVAILABLE, "There is no picture yet";
    /// The room is between two fronts, or this front has lost touch with the others.
    Moving = "moving", SERVICE_UNAVAILABLE, "The room is moving";
    /// The server is stopping.
    Stopping = "stopping", SERVICE_UNAVAILABLE, "The server is stopping";
    /// What is left of the machine is not enough for the room.
    NoCapacity = "no-capacity", SERVICE_UNAVAILABLE, "There is no room for the room";
    /// As many clients are served as may be.
    Busy = "busy", SERVICE_UNAVAILABLE, "The server is busy";
    /// The room, or the store behind it, did not answer in time.
    TimedOut = "timed-out", GATEWAY_TIMEOUT, "The room took too long to answer";
    /// The change could not be kept, so it was not made.
    NotStored = "not-stored", INSUFFICIENT_STORAGE, "The change could not be stored";
}

impl Kind {
    /// What stands in `type`: a relative reference that this server answers too.
    pub fn uri(self) -> String {
        format!("/problems/{}", self.slug())
    }
}

/// An RFC 9457 problem document, sent as `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem this is; stable, and `GET` on it describes the kind.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid-document")]
    uri: String,
    /// The kind in words.
    title: &'static str,
    /// The HTTP status, repeated.
    status: u16,
    /// What happened this time and what to do about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    /// Where in the document, for every fault found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<Fault>,
    #[serde(skip)]
    kind: Kind,
    #[serde(skip)]
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of this kind; `detail` is a sentence a person can act on.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            uri: kind.uri(),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail: detail.into(),
            faults: Vec::new(),
            kind,
            headers: Vec::new(),
        }
    }

    /// A document refused for these faults.
    pub fn faults(faults: Vec<Fault>) -> Self {
        let detail = match faults.as_slice() {
            [one] if one.pointer.is_empty() => format!("{}; nothing was changed", one.detail),
            [one] => format!("{}: {}; nothing was changed", one.pointer, one.detail),
            many => format!("{} values are wrong, see faults; nothing was changed", many.len()),
        };
        Self { faults, ..Self::new(Kind::InvalidDocument, detail) }
    }

    /// Adds `Retry-After`, whole seconds.
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Adds a header to the answer.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.kind.status(), Json(&self)).into_response();
        let json = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// The one place where a room's refusal becomes an HTTP status.
impl From<RoomError> for Problem {
    fn from(error: RoomError) -> Self {
        let detail = error.to_string();
        let kind = match error {
            RoomError::Faults(faults) => return Self::faults(faults),
            RoomError::NoPicture(_) => return Self::new(Kind::NoPicture, detail).retry_after(1),
            RoomError::Moving(..) => return Self::new(Kind::Moving, detail).retry_after(1),
            RoomError::Stopping => return Self::new(Kind::Stopping, detail).retry_after(5),
            RoomError::NoCapacity(_) => return Self::new(Kind::NoCapacity, detail).retry_after(CROWDED),
            RoomError::TooManyMixes(_) => return Self::new(Kind::Busy, detail).retry_after(10),
            RoomError::NoRoom(_) => Kind::NoRoom,
            RoomError::NoParticipant(..) => Kind::NoParticipant,
            RoomError::NoTemplate(_) => Kind::NoLayout,
            RoomError::NoVersion(..) => Kind::NoVersion,
            RoomError::Changed(_) => Kind::Changed,
            RoomError::NoAsset(_) => Kind::NoAsset,
            RoomError::AssetInUse(..) => Kind::AssetInUse,
            RoomError::TemplateInUse(..) => Kind::LayoutInUse,
            RoomError::Taken(..) | RoomError::TakenOver(..) => Kind::PlaceTaken,
            RoomError::WrongKey | RoomError::WrongToken => Kind::KeyNeeded,
            RoomError::Full(_) => Kind::TooManyRooms,
            RoomError::Store(_) | RoomError::Unwritable(_) => Kind::NotStored,
            RoomError::Unknown(_) => Kind::TimedOut,
        };
        Self::new(kind, detail)
    }
}

impl From<webrtc::Error> for Problem {
    fn from(error: webrtc::Error) -> Self {
        let detail = error.to_string();
        match error {
            webrtc::Error::Room(error) => Self::from(error),
            webrtc::Error::Malformed(_) | webrtc::Error::Fragment(_) => Self::new(Kind::MalformedSdp, detail),
            webrtc::Error::NoMedia(_) => Self::new(Kind::NoMedia, detail),
            webrtc::Error::Full(_) => Self::new(Kind::Busy, detail).retry_after(5),
            webrtc::Error::NoSession => Self::new(Kind::NoSession, detail),
            webrtc::Error::Restless => Self::new(Kind::RateLimited, detail).retry_after(2),
            webrtc::Error::Stale => Self::new(Kind::StaleSession, detail),
        }
    }
}

/// A kind of problem, as `GET` on its `type` gives it.
#[derive(Debug, Serialize, ToSchema)]
pub struct KindView {
    /// As in the problem document.
    #[serde(rename = "type")]
    uri: String,
    /// As in the problem document.
    title: &'static str,
    /// The HTTP status it comes with.
    status: u16,
}

impl KindView {
    fn of(kind: &Kind) -> Self {
        Self { uri: kind.uri(), title: kind.title(), status: kind.status().as_u16() }
    }
}

/// Every kind of problem.
#[utoipa::path(get, path = "/problems", tag = "problems", responses((status = 200, body = [KindView])))]
pub async fn list() -> Json<Vec<KindView>> {
    Json(Kind::ALL.iter().map(KindView::of).collect())
}

/// One kind of problem: what a problem document's `type` points at.
#[utoipa::path(
    get, path = "/problems/{kind}", tag = "problems",
    params(("kind" = String, Path, description = "The last segment of a problem's type")),
    responses((status = 200, body = KindView))
)]
pub async fn show(Path(slug): Path<String>) -> Result<Json<KindView>, Problem> {
    let kind = Kind::ALL.iter().find(|kind| kind.slug() == slug);
    let kind = kind.ok_or_else(|| Problem::new(Kind::NoEndpoint, "GET /problems lists every kind of problem"))?;
    Ok(Json(KindView::of(kind)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::RoomId;

    #[test]
    fn a_problem_says_where_and_what_to_do() {
        let fault = Fault { pointer: "/canvas/width".to_owned(), detail: "use 16 to 3840".to_owned() };
        let problem = Problem::from(RoomError::Faults(vec![fault]));
        let json = serde_json::to_value(&problem).expect("serialises");
        let wanted = serde_json::json!({
            "type": "/problems/invalid-document", "title": "The document has faults", "status": 422,
            "detail": "/canvas/width: use 16 to 3840; nothing was changed",
            "faults": [{"pointer": "/canvas/width", "detail": "use 16 to 3840"}],
        });
        assert_eq!(json, wanted);
        let response = problem.into_response();
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    }

    #[test]
    fn waits_are_told_in_a_header() {
        let room = RoomId::try_from("weekly".to_owned()).expect("an id");
        let response = Problem::from(RoomError::NoPicture(room)).into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn slugs_are_unique() {
        let mut slugs: Vec<_> = Kind::ALL.iter().map(|kind| kind.slug()).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), Kind::ALL.len());
    }
}
