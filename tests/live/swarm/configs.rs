//! Config objects of the stand-in (compare-and-swap): only their labels change, and only from the present version.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path as Segment, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::docker::{Answer, Filters, Shared, Version, refuse};

pub type Configs = BTreeMap<String, Value>;

/// Largest data of a config, bytes.
const MAX_DATA: usize = 1000 * 1024;

/// Largest change that managers agree on at once, bytes.
const MAX_CHANGE: usize = 1536 * 1024;

pub fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/configs", get(list))
        .route("/configs/create", post(create))
        .route("/configs/{name}", get(inspect).delete(remove))
        .route("/configs/{name}/update", post(update))
}

/// By name, or by id.
fn find<'a>(configs: &'a mut Configs, name: &str) -> Result<&'a mut Value, (StatusCode, Json<Value>)> {
    let found = configs.values_mut().find(|config| config["Spec"]["Name"] == name || config["ID"] == name);
    found.ok_or_else(|| refuse(StatusCode::NOT_FOUND, &format!("config {name} not found")))
}

async fn list(State(shared): State<Arc<Shared>>, Query(filters): Query<Filters>) -> Json<Value> {
    let swarm = shared.lock();
    Json(swarm.configs.values().filter(|config| filters.admit(&config["Spec"]["Labels"])).cloned().collect())
}

async fn create(State(shared): State<Arc<Shared>>, Json(spec): Json<Value>) -> Answer {
    let mut swarm = shared.lock();
    let name = spec["Name"].as_str().expect("a name").to_owned();
    assert!(name.len() <= 64, "{name} is longer than Docker's names");
    let data = STANDARD.decode(spec["Data"].as_str().expect("data")).expect("base64");
    assert!((1..MAX_DATA).contains(&data.len()) && spec.to_string().len() < MAX_CHANGE);
    if swarm.configs.contains_key(&name) {
        let message = format!("rpc error: code = AlreadyExists desc = config {name} already exists");
        return Err(refuse(StatusCode::CONFLICT, &message));
    }
    swarm.next += 1;
    let id = format!("config{}", swarm.next);
    let config = json!({"ID": id, "Version": {"Index": swarm.next}, "Spec": spec});
    swarm.configs.insert(name, config);
    Ok((StatusCode::CREATED, Json(json!({"ID": id}))).into_response())
}

async fn inspect(State(shared): State<Arc<Shared>>, Segment(name): Segment<String>) -> Answer {
    let mut swarm = shared.lock();
    Ok(Json(find(&mut swarm.configs, &name)?.clone()).into_response())
}

async fn remove(State(shared): State<Arc<Shared>>, Segment(name): Segment<String>) -> Answer {
    let mut swarm = shared.lock();
    let name = find(&mut swarm.configs, &name)?["Spec"]["Name"].as_str().expect("a name").to_owned();
    swarm.configs.remove(&name);
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn update(
    State(shared): State<Arc<Shared>>,
    Segment(name): Segment<String>,
    Query(Version { version }): Query<Version>,
    Json(spec): Json<Value>,
) -> Result<Response, (StatusCode, Json<Value>)> {
    let mut swarm = shared.lock();
    assert!(spec.to_string().len() < MAX_CHANGE);
    swarm.next += 1;
    let next = swarm.next;
    let config = find(&mut swarm.configs, &name)?;
    if config["Version"]["Index"] != version {
        let message = "rpc error: code = Unknown desc = update out of sequence";
        return Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, message));
    }
    if config["Spec"]["Name"] != spec["Name"] || config["Spec"]["Data"] != spec["Data"] {
        let message = "rpc error: code = InvalidArgument desc = only updates to Labels are allowed";
        return Err(refuse(StatusCode::BAD_REQUEST, message));
    }
    config["Spec"] = spec;
    config["Version"]["Index"] = json!(next);
    Ok(StatusCode::OK.into_response())
}
