//! Keeps those waiting who guess keys, at the front that they came to.

use std::{net::IpAddr, time::Instant};

use axum::{
    extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State},
    http::{HeaderMap, Method, StatusCode},
    middleware::Next,
    response::Response,
};

use super::{
    client,
    problem::{Kind, Problem},
    state::ApiState,
    webrtc_door::bearer,
};
use crate::{
    base::{ParticipantId, RoomId},
    front::{
        cluster::Inward,
        net::guess::{Limited, Scope},
    },
};

/// What a request brings a key for.
#[derive(Debug)]
enum Asked {
    Publish(RoomId, ParticipantId),
    Watch(RoomId),
}

impl Asked {
    fn scope(&self) -> Scope<'_> {
        match self {
            Self::Publish(room, participant) => Scope::Publish(room, participant),
            Self::Watch(room) => Scope::Watch(room),
        }
    }
}

/// Refuses the attempts of whoever was wrong too often, before anybody looks at the key; what is answered with 401 was wrong.
pub(super) async fn limit(State(state): State<ApiState>, request: Request, next: Next) -> Result<Response, Problem> {
    if request.extensions().get::<Inward>().is_some() {
        return Ok(next.run(request).await);
    }
    let address = client::peer(&request);
    let (mut parts, body) = request.into_parts();
    let route = parts.extensions.get::<MatchedPath>().cloned();
    let names = RawPathParams::from_request_parts(&mut parts, &()).await.ok();
    let asked =
        route.zip(names).and_then(|(route, names)| asked(&parts.method, route.as_str(), &names, &parts.headers));
    let request = Request::from_parts(parts, body);
    let Some(asked) = asked else { return Ok(next.run(request).await) };
    let attempt = state.0.guesses.begin(address, asked.scope(), Instant::now()).map_err(refuse)?;
    let answer = next.run(request).await;
    match answer.status() {
        StatusCode::UNAUTHORIZED => attempt.wrong().await,
        _ => attempt.forgive(),
    }
    Ok(answer)
}

/// What is asked for; none where no key is looked at. Who asks for a program without a token guesses its name.
fn asked(method: &Method, route: &str, names: &RawPathParams, headers: &HeaderMap) -> Option<Asked> {
    let name = |wanted| names.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value);
    let asks = match *method {
        Method::POST => route == "/whep/{room}" || bearer(headers).is_some(),
        Method::OPTIONS => bearer(headers).is_some(),
        _ => false,
    };
    match route {
        "/whip/{room}/{participant}" if asks => {
            Some(Asked::Publish(name("room")?.parse().ok()?, name("participant")?.parse().ok()?))
        }
        "/whep/{room}" if asks => Some(Asked::Watch(name("room")?.parse().ok()?)),
        _ => None,
    }
}

/// Counts a wrong key where a right one passes whatever was tried before it, as it is too long to be guessed.
pub(super) async fn wrong(state: &ApiState, address: IpAddr, scope: Scope<'_>) -> Result<(), Problem> {
    let attempt = state.0.guesses.begin(address, scope, Instant::now()).map_err(refuse)?;
    attempt.wrong().await;
    Ok(())
}

fn refuse(limited: Limited) -> Problem {
    Problem::new(Kind::RateLimited, limited.to_string()).retry_after(limited.seconds())
}
