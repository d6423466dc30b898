//! The OpenAPI 3.1 description: generated from the handlers, and completed with every problem that an endpoint can answer.

use std::collections::BTreeMap;

use utoipa::{
    Modify, OpenApi,
    openapi::{
        self, Content, Ref, RefOr, ResponseBuilder,
        path::Operation,
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

use super::{
    events::RoomEvent,
    problem::{Kind, Problem},
};
use crate::front::model::event::Event;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tilecast",
        description = "Merges the live streams of a meeting into one program. Every change is answered with what is now true; \
            every refusal is a problem document (RFC 9457) and changes nothing."
    ),
    components(schemas(Problem, Event, RoomEvent)),
    modifiers(&ApiKey),
    tags(
        (name = "rooms", description = "Whole rooms"),
        (name = "participants", description = "Who may be in a room"),
        (name = "stage", description = "What the program shows, and what happens"),
        (name = "outputs", description = "Where the program goes"),
        (name = "webrtc", description = "Publishing by WHIP (RFC 9725) and watching by WHEP"),
        (name = "layouts", description = "Templates"),
        (name = "assets", description = "Images that templates show"),
        (name = "service", description = "The server itself"),
        (name = "problems", description = "What a problem document's type points at"),
    )
)]
struct Description;

struct ApiKey;

impl Modify for ApiKey {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme("api_key", scheme);
    }
}

pub(super) fn base() -> openapi::OpenApi {
    Description::openapi()
}

/// Adds to every operation the problems it can answer with, and the key it needs.
pub(super) fn complete(mut document: openapi::OpenApi) -> openapi::OpenApi {
    for (path, item) in &mut document.paths.paths {
        let operations = [
            ("GET", &mut item.get),
            ("PUT", &mut item.put),
            ("POST", &mut item.post),
            ("PATCH", &mut item.patch),
            ("DELETE", &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                add_problems(method, path, operation);
            }
        }
    }
    document
}

/// Whether an API key opens what is at this path.
pub(super) fn is_keyed(path: &str) -> bool {
    path.starts_with("/v1/") || path == "/metrics"
}

fn add_problems(method: &str, path: &str, operation: &mut Operation) {
    if is_keyed(path) {
        operation.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>("api_key", [])]);
    }
    let body = operation.request_body.is_some();
    let mut by_status: BTreeMap<u16, Vec<Kind>> = BTreeMap::new();
    for kind in Kind::ALL.iter().filter(|kind| applies(**kind, method, path, body)) {
        by_status.entry(kind.status().as_u16()).or_default().push(*kind);
    }
    for (status, kinds) in by_status {
        let lines: Vec<String> = kinds.iter().map(|kind| format!("{}: `{}`", kind.title(), kind.uri())).collect();
        let schema = Ref::from_schema_name("Problem");
        let response = ResponseBuilder::new()
            .description(lines.join("; "))
            .content("application/problem+json", Content::new(Some(RefOr::Ref(schema))))
            .build();
        operation.responses.responses.insert(status.to_string(), RefOr::T(response));
    }
}

/// Whether an operation can answer with this kind of problem.
fn applies(kind: Kind, method: &str, path: &str, body: bool) -> bool {
    let keyed = is_keyed(path);
    let in_room = path.contains("{room}");
    let change = method != "GET";
    let door = path.starts_with("/whip/") || path.starts_with("/whep/");
    let session = path.contains("{session}");
    let is_quote = method == "POST" && path == "/v1/rooms";
    if door {
        return match kind {
            Kind::RateLimited | Kind::Internal | Kind::TimedOut | Kind::InvalidAddress => true,
            Kind::KeyNeeded | Kind::NoMedia | Kind::Busy | Kind::Stopping => !session,
            Kind::Moving | Kind::ForbiddenOrigin => true,
            Kind::PlaceTaken => !session && method == "POST" && path.starts_with("/whip/"),
            Kind::NoParticipant => !session && path.starts_with("/whep/"),
            Kind::MalformedSdp | Kind::SlowBody | Kind::TooLarge | Kind::NotSdp => body,
            Kind::NoSession => session,
            Kind::StaleSession => session && method == "PATCH",
            _ => false,
        };
    }
    match kind {
        Kind::RateLimited | Kind::Internal | Kind::TimedOut | Kind::ForbiddenOrigin => true,
        Kind::Unauthorized => keyed,
        Kind::InvalidAddress => (path.contains('{') || is_quote) && keyed,
        Kind::NoRoom => in_room && !(method == "PUT" && path.ends_with("{room}")),
        Kind::NoParticipant => path.contains("{participant}") && method != "PUT",
        Kind::NoOutput => path.contains("{output}") && method != "PUT",
        Kind::NoLayout => path.starts_with("/v1/layouts/{name}") && method != "PUT",
        Kind::NoVersion => path.contains("{number}") || path.ends_with("/rollback"),
        Kind::Changed => path.starts_with("/v1/layouts/{name}") && change,
        Kind::NoAsset => path.contains("/assets/{name}") && method != "PUT",
        Kind::AssetInUse => path.contains("/assets/{name}") && change,
        Kind::NoImage => path.contains("/assets/{name}") && method == "PUT",
        Kind::MalformedJson | Kind::InvalidDocument | Kind::NotJson => body && !path.contains("/assets/"),
        Kind::SlowBody | Kind::TooLarge => body,
        Kind::NotStored => change && keyed && !is_quote,
        Kind::Stopping => in_room || (change && keyed) || path == "/readyz",
        Kind::Moving => in_room || (method == "GET" && matches!(path, "/v1/rooms" | "/readyz")),
        Kind::TooManyRooms | Kind::NoCapacity => method == "PUT" && path.ends_with("{room}"),
        Kind::LayoutInUse => change && path.starts_with("/v1/layouts/{name}"),
        Kind::NoPicture => path.ends_with("/snapshot.jpg"),
        Kind::Busy => {
            path.ends_with("/events")
                || path.ends_with("/preview.png")
                || (path.contains("/assets/{name}") && method == "PUT")
        }
        Kind::NoEndpoint => path == "/problems/{kind}",
        // Answers to another method or another door, never to one of these operations.
        Kind::MethodNotAllowed
        | Kind::KeyNeeded
        | Kind::PlaceTaken
        | Kind::MalformedSdp
        | Kind::NoMedia
        | Kind::NoSession
        | Kind::StaleSession
        | Kind::NotSdp => false,
    }
}
