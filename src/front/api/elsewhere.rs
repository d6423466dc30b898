//! Requests for rooms of other fronts are passed on to them; the list of rooms is everybody's.

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    http::{Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};

use super::{
    client, guard, openapi,
    problem::{Kind, Problem},
    state::ApiState,
};
use crate::{
    base::RoomId,
    front::{
        cluster::{Cluster, Inward},
        docker::Place,
    },
};

/// Largest list of one front's rooms, bytes: as many rooms as it holds with long documents.
const MAX_LIST_BYTES: usize = 32 << 20;

/// Most fronts that are asked for their lists at the same time.
const LISTS: usize = 8;

/// Passes a request on where it belongs, or lets it in.
pub(super) async fn pass_on(State(state): State<ApiState>, request: Request, next: Next) -> Result<Response, Problem> {
    let Some(cluster) = state.0.cluster.clone() else { return Ok(next.run(request).await) };
    let inward = request.extensions().get::<Inward>().is_some();
    if request.uri().path() == "/v1/rooms" && request.method() == Method::GET && !inward {
        return everybodys(&cluster, request, next).await;
    }
    let Some(room) = room(request.uri().path()) else { return Ok(next.run(request).await) };
    match cluster.place(&room).await {
        Place::Here | Place::Nowhere => Ok(next.run(request).await),
        // A front that passes on has seen it here; now it is elsewhere, and who asks again is told where.
        Place::There(address) if !inward => {
            // That front asks for the key too, but strangers are no work for two.
            if openapi::is_keyed(request.uri().path()) {
                guard::show_key(&state, request.headers(), request.extensions()).await?;
            }
            let client = client::socket(request.extensions());
            cluster.forward(&address, client, request).await.map_err(|error| {
                tracing::warn!(%room, "{error}");
                moving(&room)
            })
        }
        Place::There(_) | Place::Moving => Err(moving(&room)),
    }
}

fn moving(room: &RoomId) -> Problem {
    let detail = format!("room {room} is moving from one front to another; ask again as soon as Retry-After says");
    Problem::new(Kind::Moving, detail).retry_after(1)
}

/// The room that a path is about.
fn room(path: &str) -> Option<RoomId> {
    let mut parts = path.split('/').skip(1);
    let room = match (parts.next()?, parts.next()?) {
        ("v1", "rooms") => parts.next()?,
        ("whip" | "whep", room) => room,
        _ => return None,
    };
    room.parse().ok()
}

/// The rooms of all fronts in one list. A list that lacks some would be read as if they were gone, so there is none then.
async fn everybodys(cluster: &Cluster, request: Request, next: Next) -> Result<Response, Problem> {
    let client = client::socket(request.extensions());
    let authorization = request.headers().get(header::AUTHORIZATION).cloned();
    let ours = next.run(request).await;
    let others = cluster.others();
    if ours.status() != StatusCode::OK || others.is_empty() {
        return Ok(ours);
    }
    let ask = async |address: String| {
        let mut asked = Request::get("/v1/rooms").body(Body::empty()).ok()?;
        if let Some(authorization) = &authorization {
            asked.headers_mut().insert(header::AUTHORIZATION, authorization.clone());
        }
        let answer = cluster.forward(&address, client, asked).await;
        let answer = answer.inspect_err(|error| tracing::warn!("{error}")).ok()?;
        if answer.status() == StatusCode::OK { rooms(answer).await } else { None }
    };
    let theirs = stream::iter(others).map(ask).buffer_unordered(LISTS);
    let theirs = theirs.map(|rooms| rooms.ok_or(())).try_concat().await;
    let (Some(mut all), Ok(theirs)) = (rooms(ours).await, theirs) else {
        let detail = "a front does not answer, so not all rooms can be listed; ask again as soon as Retry-After says";
        return Err(Problem::new(Kind::Moving, detail).retry_after(1));
    };
    all.extend(theirs);
    let id = |room: &Value| room["id"].as_str().unwrap_or_default().to_owned();
    all.sort_by_key(id);
    // One that moved between two answers is in both.
    all.dedup_by_key(|room| id(room));
    Ok(Json(json!({"rooms": all})).into_response())
}

async fn rooms(answer: Response) -> Option<Vec<Value>> {
    let body = Limited::new(answer.into_body(), MAX_LIST_BYTES).collect().await.ok()?;
    let mut list: Value = serde_json::from_slice(&body.to_bytes()).ok()?;
    serde_json::from_value(list.get_mut("rooms")?.take()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_of_a_path_is_found_and_other_paths_have_none() {
        for path in ["/v1/rooms/r", "/v1/rooms/r/participants/a", "/whip/r/a", "/whip/r/a/session", "/whep/r"] {
            assert_eq!(room(path).map(String::from).as_deref(), Some("r"), "{path}");
        }
        for path in ["/v1/rooms", "/v1/rooms/", "/v1/layouts/r", "/healthz", "/", "/whip", "/v1/rooms/..", "/hooks/srs"]
        {
            assert!(room(path).is_none(), "{path}");
        }
    }
}
