//! `/v1/layouts`: templates.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    body::{Asked, JsonBody, Names},
    problem::{Kind, Problem},
    rooms::answer,
    state::ApiState,
};
use crate::{
    base::{AssetName, TemplateName},
    front::{
        model::RoomError,
        room::{
            Precondition,
            templates::{Entry, Version},
        },
    },
    layout::{Advice, Canvas, Cost, Fault, MAX_TILES, Template, advise, json::Decoded},
};

/// Every template.
#[derive(Debug, Serialize, ToSchema)]
pub struct LayoutList {
    /// By name.
    layouts: Vec<NamedTemplate>,
}

/// A template with its name.
#[derive(Debug, Serialize, ToSchema)]
pub struct NamedTemplate {
    /// What rooms call it by.
    name: TemplateName,
    /// True for one that came with the server and was not replaced; `DELETE` brings it back.
    built_in: bool,
    /// Which version it is; 0 for a built-in one.
    version: u64,
    /// Its `ETag`.
    etag: String,
    /// The template itself.
    #[schema(value_type = Template)]
    template: std::sync::Arc<Template>,
}

/// Every template by name, built-in and stored.
#[utoipa::path(get, path = "/v1/layouts", tag = "layouts", responses((status = 200, body = LayoutList)))]
pub async fn list(State(state): State<ApiState>) -> Json<LayoutList> {
    let named = |(name, entry): (TemplateName, Entry)| {
        let etag = entry.tag();
        NamedTemplate { name, built_in: entry.fixed, version: entry.number, etag, template: entry.template }
    };
    Json(LayoutList { layouts: state.rooms().templates().into_iter().map(named).collect() })
}

/// What the headers ask to be true before anything is changed.
///
/// # Errors
/// A header that is not of the format.
fn precondition(headers: &HeaderMap) -> Result<Precondition, Problem> {
    let text = |name| match headers.get(name) {
        None => Ok(None),
        Some(value) => value.to_str().map(Some).map_err(|_| ()),
    };
    let (Ok(matches), Ok(none)) = (text(header::IF_MATCH), text(header::IF_NONE_MATCH)) else {
        return Err(Problem::new(Kind::InvalidAddress, "If-Match and If-None-Match are ETags, or *"));
    };
    if none.is_some_and(|none| none.trim() != "*") {
        return Err(Problem::new(
            Kind::InvalidAddress,
            "with a change, If-None-Match can only be *: create, do not replace",
        ));
    }
    let tags = |text: &str| text.split(',').map(|tag| tag.trim().to_owned()).collect();
    Ok(Precondition { matches: matches.map(tags), absent: none.is_some() })
}

/// True if `If-None-Match` names what there is.
pub(super) fn unchanged(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    known.is_some_and(|known| known.split(',').any(|known| known.trim() == tag || known.trim() == "*"))
}

fn tagged(entry: &Entry, created: bool) -> Response {
    let mut response = answer(created, Json(entry.template.clone()));
    add_tag(&mut response, entry);
    response
}

fn add_tag(response: &mut Response, entry: &Entry) {
    if let Ok(tag) = entry.tag().parse() {
        response.headers_mut().insert(header::ETAG, tag);
    }
}

/// Stores a template, in place of a built-in one if it has that name; rooms that use it change at once. `If-Match` with the
/// `ETag` of `GET` refuses the change if somebody else came first, `If-None-Match: *` if there is one already. What was stored
/// before is kept as a version. Images that are not there yet are no fault; `warnings` names them.
#[utoipa::path(
    put, path = "/v1/layouts/{name}", tag = "layouts",
    params(
        ("name" = TemplateName, Path, description = "The template"),
        ("If-Match" = Option<String>, Header, description = "Its ETag, or * for any that there is"),
        ("If-None-Match" = Option<String>, Header, description = "* to create only"),
    ),
    request_body = Template,
    responses((status = 200, body = PutTemplate), (status = 201, body = PutTemplate, description = "Created"))
)]
pub async fn put(
    State(state): State<ApiState>,
    Names(name): Names<TemplateName>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let only = precondition(&headers)?;
    let template: Template = Decoded::from_value(body).checked(Template::check).map_err(Problem::faults)?;
    let (entry, created) = state.rooms().put_template(&name, template, &only).await?;
    let missing = missing_images(&state, &entry.template);
    for fault in &missing {
        tracing::warn!(layout = %name, pointer = fault.pointer, "a layout was stored whose image is missing: {}", fault.detail);
    }
    let mut response = answer(created, Json(PutTemplate { template: (*entry.template).clone(), warnings: missing }));
    add_tag(&mut response, &entry);
    Ok(response)
}

/// A template as it was stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct PutTemplate {
    /// The template.
    #[serde(flatten)]
    template: Template,
    /// Images that it shows and that are not there, with their places; left out when all are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Fault>,
}

/// What a template shows that is not there.
pub(super) fn missing_images(state: &ApiState, template: &Template) -> Vec<Fault> {
    let assets = state.rooms().assets();
    let advice = |has: &dyn Fn(&AssetName) -> bool| advise(template, 0, &Canvas::default(), has).warnings;
    let usual = advice(&|_| true);
    let mut warnings = advice(&|name| assets.contains_key(name));
    warnings.retain(|warning| !usual.contains(warning));
    warnings
}

/// One template.
#[utoipa::path(
    get, path = "/v1/layouts/{name}", tag = "layouts", params(("name" = TemplateName, Path, description = "The template")),
    responses((status = 200, body = Template), (status = 304, description = "If-None-Match names it"))
)]
pub async fn get(
    State(state): State<ApiState>,
    Names(name): Names<TemplateName>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let entry = state.rooms().template(&name)?;
    let tag = entry.tag();
    if unchanged(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    Ok(tagged(&entry, false))
}

/// Forgets a stored template and its versions. One that a room uses stays, unless a built-in one of its name takes over.
#[utoipa::path(
    delete, path = "/v1/layouts/{name}", tag = "layouts",
    params(
        ("name" = TemplateName, Path, description = "The template"),
        ("If-Match" = Option<String>, Header, description = "Its ETag"),
    ),
    responses((status = 204, description = "The stored template is gone"))
)]
pub async fn delete(
    State(state): State<ApiState>,
    Names(name): Names<TemplateName>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    state.rooms().delete_template(&name, &precondition(&headers)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was stored under a name.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionList {
    /// The newest first; at most 21. Empty for a built-in template.
    versions: Vec<VersionView>,
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionView {
    /// Counts up from 1.
    version: u64,
    /// When it was stored, RFC 3339; empty when that is not known.
    stored_at: String,
    /// Its title.
    title: String,
}

/// Every version that is kept: the present one and up to 20 before.
#[utoipa::path(
    get, path = "/v1/layouts/{name}/versions", tag = "layouts",
    params(("name" = TemplateName, Path, description = "The template")), responses((status = 200, body = VersionList))
)]
pub async fn versions(
    State(state): State<ApiState>,
    Names(name): Names<TemplateName>,
) -> Result<Json<VersionList>, Problem> {
    let kept = state.rooms().versions(&name)?;
    let view = |version: &Version| VersionView {
        version: version.number,
        stored_at: version.stored_at.clone(),
        title: version.template.title.clone(),
    };
    let versions = kept.iter().flat_map(|kept| std::iter::once(&kept.present).chain(kept.earlier.iter().rev()));
    Ok(Json(VersionList { versions: versions.map(view).collect() }))
}

/// One version.
#[utoipa::path(
    get, path = "/v1/layouts/{name}/versions/{number}", tag = "layouts",
    params(("name" = TemplateName, Path, description = "The template"), ("number" = u64, Path, description = "The version")),
    responses((status = 200, body = Template))
)]
pub async fn version(
    State(state): State<ApiState>,
    Names((name, number)): Names<(TemplateName, u64)>,
) -> Result<Response, Problem> {
    let kept = state.rooms().versions(&name)?;
    let version = kept.as_ref().and_then(|kept| kept.version(number));
    let version = version.ok_or(RoomError::NoVersion(name, number))?;
    Ok(Json(version.template.clone()).into_response())
}

/// Which version to go back to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollBack {
    /// One that is kept.
    version: u64,
}

/// Stores an earlier version again, as the newest: nothing is lost, and rooms that use it change at once.
#[utoipa::path(
    post, path = "/v1/layouts/{name}/rollback", tag = "layouts",
    params(
        ("name" = TemplateName, Path, description = "The template"),
        ("If-Match" = Option<String>, Header, description = "Its ETag"),
    ),
    request_body = RollBack, responses((status = 200, body = Template))
)]
pub async fn roll_back(
    State(state): State<ApiState>,
    Names(name): Names<TemplateName>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let RollBack { version } = Decoded::from_value(body).document().map_err(Problem::faults)?;
    let entry = state.rooms().roll_back(&name, version, &precondition(&headers)?).await?;
    Ok(tagged(&entry, false))
}

/// What `validate` found.
#[derive(Debug, Serialize, ToSchema)]
pub struct Verdict {
    /// True if the template may be used.
    valid: bool,
    /// Everything that keeps it from being used.
    faults: Vec<Fault>,
    /// What looks like a mistake; only for a valid template.
    warnings: Vec<Fault>,
    /// What it will cost; only for a valid template.
    cost: Option<Cost>,
}

/// For which meeting a template is looked at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ValidateQuery {
    participants: usize,
    width: u32,
    height: u32,
}

impl Default for ValidateQuery {
    fn default() -> Self {
        let Canvas { width, height, .. } = Canvas::default();
        Self { participants: 9, width, height }
    }
}

/// Looks at a template without storing it: every fault, warnings a designer would want, and what it will cost.
#[utoipa::path(
    post, path = "/v1/layouts/validate", tag = "layouts",
    params(
        ("participants" = Option<usize>, Query, description = "For so many people, 0 to 64; 9 when left out", maximum = 64),
        ("width" = Option<u32>, Query, description = "Of the canvas, px; 1280 when left out"),
        ("height" = Option<u32>, Query, description = "Of the canvas, px; 720 when left out"),
    ),
    request_body = Template, responses((status = 200, body = Verdict))
)]
pub async fn validate(
    State(state): State<ApiState>,
    Asked(ValidateQuery { participants, width, height }): Asked<ValidateQuery>,
    JsonBody(body): JsonBody,
) -> Result<Json<Verdict>, Problem> {
    let canvas = Canvas { width, height, ..Canvas::default() };
    if let Some(fault) = canvas.check().into_iter().next() {
        return Err(Problem::new(Kind::InvalidAddress, format!("{} {}", &fault.pointer[1..], fault.detail)));
    }
    let verdict = match Decoded::<Template>::from_value(body).checked(Template::check) {
        Err(faults) => Verdict { valid: false, faults, warnings: Vec::new(), cost: None },
        Ok(template) => {
            let assets = state.rooms().assets();
            let people = participants.min(MAX_TILES);
            let Advice { warnings, cost } = advise(&template, people, &canvas, |name| assets.contains_key(name));
            Verdict { valid: true, faults: Vec::new(), warnings, cost: Some(cost) }
        }
    };
    Ok(Json(verdict))
}
