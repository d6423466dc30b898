//! The REST API: what a meeting system, an operator and an admin ask for becomes a change of a room, and the answer is what
//! is true then.
//!
//! Owns the HTTP listener's connections and the shapes of requests and answers; decides nothing about rooms, which
//! [`Rooms`](super::room::Rooms) does. [`serve`](super::net::serve::serve) ends when its tasks are told to stop: requests are answered, event
//! streams end.

mod assets;
mod body;
mod client;
mod elsewhere;
mod events;
mod guard;
mod guess;
mod hooks;
mod join;
mod json;
mod keys;
mod layouts;
mod openapi;
mod outputs;
mod participants;
mod pins;
mod preview;
pub mod problem;
mod proxy;
mod rooms;
mod service;
mod stage;
mod state;
mod webrtc;
mod webrtc_door;
mod whep;
mod whip;

use axum::{Router, http::Uri, middleware};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use state::{ApiState, Settings};

use crate::base::{InvalidId, TemplateName};
use problem::{Kind, Problem};

/// Every endpoint, ready to serve.
pub fn router(state: ApiState) -> Router {
    let (routes, document) = endpoints(&state).split_for_parts();
    let document = openapi::complete(document);
    routes
        .merge(service::described_by(document))
        .merge(join::routes())
        .fallback(async || Problem::new(Kind::NoEndpoint, "see /docs for every path of this server"))
        .method_not_allowed_fallback(async |uri: Uri| {
            let name = uri.path().strip_prefix("/v1/layouts/").map(str::parse::<TemplateName>);
            match name {
                // Whoever stores or asks for a template of that name is told why there can be none.
                Some(Err(taken @ InvalidId::Taken { .. })) => Problem::new(Kind::MethodNotAllowed, taken.to_string()),
                _ => Problem::new(Kind::MethodNotAllowed, "the Allow header lists what this path takes; see /docs"),
            }
        })
        .layer(middleware::from_fn_with_state(state.clone(), elsewhere::pass_on))
        .layer(middleware::from_fn_with_state(state.clone(), guess::limit))
        .layer(CatchPanicLayer::custom(guard::panicked))
        .layer(middleware::from_fn_with_state(state.clone(), guard::pass))
        .layer(middleware::from_fn_with_state(state.clone(), webrtc::cross_origin))
        .layer(middleware::from_fn_with_state(state.clone(), guard::count))
        .with_state(state)
}

/// The OpenAPI description of [`router`].
pub fn description(state: &ApiState) -> utoipa::openapi::OpenApi {
    openapi::complete(endpoints(state).into_openapi())
}

/// Endpoints with their descriptions: those that need a key, then those that do not.
fn endpoints(state: &ApiState) -> OpenApiRouter<ApiState> {
    let keyed = OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(rooms::list, rooms::quote))
        .routes(routes!(rooms::put, rooms::get, rooms::patch, rooms::delete))
        .routes(routes!(participants::put, participants::get, participants::patch, participants::delete))
        .routes(routes!(stage::put_layout, stage::get_layout))
        .routes(routes!(stage::delete_next_layout))
        .routes(routes!(pins::post, pins::get))
        .routes(routes!(pins::delete))
        .routes(routes!(stage::put_speaker, stage::get_speaker, stage::delete_speaker))
        .routes(routes!(outputs::put, outputs::get, outputs::delete))
        .routes(routes!(events::stream))
        .routes(routes!(stage::snapshot))
        .routes(routes!(layouts::list))
        .routes(routes!(layouts::put, layouts::get, layouts::delete))
        .routes(routes!(layouts::validate))
        .routes(routes!(layouts::versions))
        .routes(routes!(layouts::version))
        .routes(routes!(layouts::roll_back))
        .routes(routes!(preview::named))
        .routes(routes!(preview::inline))
        .routes(routes!(assets::list))
        .routes(routes!(assets::put, assets::get, assets::delete))
        .routes(routes!(service::metrics))
        .route_layer(middleware::from_fn_with_state(state.clone(), guard::unlock));
    keyed
        .merge(webrtc::endpoints(state))
        .routes(routes!(hooks::srs))
        .routes(routes!(hooks::srs_by_path))
        .routes(routes!(service::healthz))
        .routes(routes!(service::readyz))
        .routes(routes!(problem::list))
        .routes(routes!(problem::show))
}
