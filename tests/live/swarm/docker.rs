//! A stand-in for the Docker daemon of a Swarm manager: only the calls of the engine, with Docker's JSON, status codes
//! and version checks. Fronts reach it through the gate, as they would reach Docker. A task is a process of this build
//! on this machine, restarted when it ends, as Swarm does.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path as Segment, Query, Request, State},
    http::{Method, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tilecast_lab::process::{Process, quiet};
use tokio::{net::UnixListener, sync::Semaphore, task::JoinHandle};

use super::{
    configs::{self, Configs},
    gate::Gate,
};

/// As in the service that the engine asks for.
const RESTART_DELAY: Duration = Duration::from_millis(500);

/// See the module. Dropping it ends every task.
pub struct Docker {
    shared: Arc<Shared>,
    servers: Vec<JoinHandle<()>>,
    gate: Gate,
}

pub struct Shared {
    folder: TempDir,
    swarm: Mutex<Swarm>,
    late: Late,
}

/// Where writes of configs are held back, as by managers that have lost their leader: they are done later, whoever
/// asked for them.
struct Late {
    /// How many are to be held still, were held, and have been done since.
    counts: [AtomicUsize; 3],
    open: Semaphore,
}

impl Late {
    fn new() -> Self {
        Self { counts: Default::default(), open: Semaphore::new(0) }
    }
}

/// What a manager keeps.
#[derive(Default)]
pub struct Swarm {
    pub next: u64,
    pub configs: Configs,
    secrets: BTreeMap<String, Value>,
    services: BTreeMap<String, Service>,
    /// Services of somebody else, without tasks.
    others: BTreeMap<String, Service>,
    /// The only node has no core.
    full: bool,
    /// No task is placed.
    held: bool,
}

struct Service {
    version: u64,
    spec: Value,
    /// The task that should run, and every task that does.
    task: u64,
    running: BTreeMap<u64, Process>,
}

pub type Answer = Result<Response, (StatusCode, Json<Value>)>;

pub fn refuse(status: StatusCode, message: &str) -> (StatusCode, Json<Value>) {
    (status, Json(json!({"message": message})))
}

impl Docker {
    /// Serves on a socket in a folder of its own, with a gate before it.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("docker.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let shared = Arc::new(Shared { folder, swarm: Mutex::default(), late: Late::new() });
        let server = serve(shared.clone(), listener, Arc::default());
        let keeping = tokio::spawn(restart(shared.clone()));
        let gate = Gate::start(&format!("unix://{}", socket.display())).await;
        Self { shared, servers: vec![server, keeping], gate }
    }

    /// Another way to the same API, past the gate, which can be cut.
    pub fn way(&mut self, name: &str) -> Way {
        let path = self.shared.folder.path().join(name);
        let cut = Arc::new(AtomicBool::new(false));
        let listener = UnixListener::bind(&path).expect("a socket");
        self.servers.push(serve(self.shared.clone(), listener, cut.clone()));
        Way { host: format!("unix://{}", path.display()), cut }
    }

    /// Address of its API, behind the gate.
    pub fn host(&self) -> String {
        format!("tcp://{}", self.gate.address)
    }

    /// Things of somebody else in the same Swarm: a service, a secret with the id `theirs`, a config.
    pub fn add_others(&self) {
        let labels = json!({"com.docker.stack.namespace": "shop"});
        let spec = |name: &str| json!({"Name": name, "Labels": labels, "Data": "cGFzc3dvcmQ="});
        let mut swarm = self.swarm();
        swarm.secrets.insert("theirs".to_owned(), json!({"ID": "theirs", "Spec": spec("shop-password")}));
        let config = json!({"ID": "conf", "Version": {"Index": 1}, "Spec": spec("shop-config")});
        swarm.configs.insert("shop-config".to_owned(), config);
        let service = Service { version: 1, spec: spec("shop-db"), task: 0, running: BTreeMap::new() };
        swarm.others.insert("shop-db".to_owned(), service);
    }

    /// What is kept, but for tasks.
    pub fn everything(&self) -> Value {
        let swarm = self.swarm();
        let services = swarm.services.iter().chain(&swarm.others);
        let services: BTreeMap<_, _> =
            services.map(|(name, service)| (name, (&service.spec, service.version))).collect();
        json!({"services": services, "secrets": swarm.secrets, "configs": swarm.configs})
    }

    /// Holds this many writes of configs back from now on.
    pub fn hold_writes(&self, count: usize) {
        self.shared.late.counts[0].store(count, Ordering::Relaxed);
    }

    /// How many are held back, and how many of those have been done since.
    pub fn held_writes(&self) -> (usize, usize) {
        let [_, held, done] = &self.shared.late.counts;
        (held.load(Ordering::Relaxed), done.load(Ordering::Relaxed))
    }

    /// Does what was held back, in its order, and holds nothing any more.
    pub fn release_writes(&self) {
        self.hold_writes(0);
        let (held, done) = self.held_writes();
        self.shared.late.open.add_permits(held - done);
    }

    fn swarm(&self) -> MutexGuard<'_, Swarm> {
        self.shared.lock()
    }

    /// The only node has no core any more, or again.
    pub fn fill(&self, full: bool) {
        self.swarm().full = full;
    }

    /// No task is placed any more, or again, as if another had been quicker.
    pub fn hold(&self, held: bool) {
        self.swarm().held = held;
    }

    /// Numbers of services, secrets and running tasks.
    pub fn count(&self) -> (usize, usize, usize) {
        let swarm = self.swarm();
        let tasks = swarm.services.values().map(|service| service.running.len()).sum();
        (swarm.services.len(), swarm.secrets.len(), tasks)
    }

    /// Labels of every config of this kind.
    pub fn records(&self, kind: &str) -> Vec<Value> {
        let swarm = self.swarm();
        let labels = swarm.configs.values().map(|config| config["Spec"]["Labels"].clone());
        labels.filter(|labels| labels["tilecast.kind"] == kind).collect()
    }

    /// What the only service was asked to be.
    pub fn spec(&self) -> Value {
        self.swarm().services.values().next().expect("a service").spec.clone()
    }

    /// Process ids of the tasks of the only service, the oldest first.
    pub fn tasks(&self) -> Vec<u32> {
        let swarm = self.swarm();
        swarm.services.values().next().map(|s| s.running.values().map(Process::id).collect()).unwrap_or_default()
    }

    /// Starts a second task beside the present one, as Swarm does for a node it cannot see; the first goes on.
    pub fn lose_sight_of_the_task(&self) {
        let mut swarm = self.swarm();
        let Swarm { next, services, secrets, .. } = &mut *swarm;
        let service = services.values_mut().next().expect("a service");
        service.begin(next, secrets, self.shared.folder.path());
    }
}

/// A way to the API.
pub struct Way {
    pub host: String,
    cut: Arc<AtomicBool>,
}

impl Way {
    /// Nothing comes through any more, or again.
    pub fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::Relaxed);
    }
}

fn serve(shared: Arc<Shared>, listener: UnixListener, cut: Arc<AtomicBool>) -> JoinHandle<()> {
    let routes = Router::new()
        .route("/_ping", get(async || "OK"))
        .route("/services", get(list_services))
        .route("/services/create", post(create_service))
        .route("/services/{name}", get(inspect_service).delete(delete_service))
        .route("/services/{name}/update", post(update_service))
        .route("/secrets", get(list_secrets))
        .route("/secrets/create", post(create_secret))
        .route("/secrets/{id}", delete(delete_secret))
        .route("/tasks", get(list_tasks))
        .route("/nodes", get(list_nodes))
        .merge(configs::routes().layer(middleware::from_fn_with_state(shared.clone(), late)))
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            let cut = cut.clone();
            async move {
                if cut.load(Ordering::Relaxed) {
                    std::future::pending::<()>().await;
                }
                next.run(request).await
            }
        }))
        .with_state(shared);
    tokio::spawn(async move {
        let _ = axum::serve(listener, routes).await;
    })
}

/// Holds a write back when it is to be.
async fn late(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let [hold, held, _] = &shared.late.counts;
    let less = |count: usize| count.checked_sub(1);
    if request.method() == Method::GET || hold.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_err() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a whole body");
    held.fetch_add(1, Ordering::Relaxed);
    let shared = shared.clone();
    let later = tokio::spawn(async move {
        shared.late.open.acquire().await.expect("never closed").forget();
        let answer = next.run(Request::from_parts(parts, body.into())).await;
        shared.late.counts[2].fetch_add(1, Ordering::Relaxed);
        answer
    });
    later.await.expect("no test panics in it")
}

impl Drop for Docker {
    fn drop(&mut self) {
        self.servers.iter().for_each(JoinHandle::abort);
        self.swarm().services.clear();
    }
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, Swarm> {
        self.swarm.lock().expect("no test panics with it")
    }
}

impl Service {
    fn begin(&mut self, next: &mut u64, secrets: &BTreeMap<String, Value>, folder: &Path) {
        *next += 1;
        self.task = *next;
        let container = &self.spec["TaskTemplate"]["ContainerSpec"];
        let secret = &container["Secrets"][0];
        let data = secrets[secret["SecretID"].as_str().expect("an id")]["Spec"]["Data"].as_str().expect("data");
        let ticket: PathBuf = folder.join(format!("ticket-{}", self.task));
        std::fs::write(&ticket, STANDARD.decode(data).expect("base64")).expect("written");
        let place = format!("/run/secrets/{}", secret["File"]["Name"].as_str().expect("a name"));
        let mut command = quiet(env!("CARGO_BIN_EXE_tilecast"));
        for argument in container["Args"].as_array().expect("arguments") {
            let argument = argument.as_str().expect("text");
            command.arg(if argument == place { ticket.to_str().expect("UTF-8") } else { argument });
        }
        for variable in container["Env"].as_array().expect("environment") {
            let (key, value) = variable.as_str().and_then(|text| text.split_once('=')).expect("KEY=VALUE");
            command.env(key, value.replace("{{.Task.ID}}", &format!("task{}", self.task)));
        }
        self.running.insert(self.task, Process::start("task", &mut command).expect("the worker starts"));
    }
}

/// Starts tasks that have ended again, after the delay, while there is room; sees to those that wait for room.
async fn restart(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(RESTART_DELAY).await;
        let mut swarm = shared.lock();
        let Swarm { next, services, secrets, held, .. } = &mut *swarm;
        for service in services.values_mut() {
            service.running.retain(|_, process| process.check().is_ok());
            if !*held && !service.running.contains_key(&service.task) {
                service.begin(next, secrets, shared.folder.path());
            }
        }
    }
}

#[derive(Deserialize)]
pub struct Filters {
    filters: Option<String>,
}

impl Filters {
    /// True when `labels` has every label that is asked for.
    pub fn admit(&self, labels: &Value) -> bool {
        let filters: Value =
            self.filters.as_ref().map_or(Value::Null, |text| serde_json::from_str(text).expect("JSON"));
        let wanted = filters["label"].as_array().cloned().unwrap_or_default();
        wanted.iter().all(|label| {
            let (key, value) = label.as_str().and_then(|text| text.split_once('=')).expect("KEY=VALUE");
            labels[key] == value
        })
    }
}

async fn list_services(State(shared): State<Arc<Shared>>, Query(filters): Query<Filters>) -> Json<Value> {
    let swarm = shared.lock();
    let all = swarm.services.values().chain(swarm.others.values());
    let found = all.filter(|service| filters.admit(&service.spec["Labels"]));
    Json(found.map(|service| json!({"Spec": service.spec, "Version": {"Index": service.version}})).collect())
}

async fn create_service(State(shared): State<Arc<Shared>>, Json(spec): Json<Value>) -> Answer {
    let mut swarm = shared.lock();
    let name = spec["Name"].as_str().expect("a name").to_owned();
    if swarm.services.contains_key(&name) {
        return Err(refuse(StatusCode::CONFLICT, "name conflicts with an existing object"));
    }
    let Swarm { next, services, secrets, held, .. } = &mut *swarm;
    *next += 1;
    let mut service = Service { version: *next, spec, task: 0, running: BTreeMap::new() };
    if !*held {
        service.begin(next, secrets, shared.folder.path());
    }
    services.insert(name.clone(), service);
    Ok((StatusCode::CREATED, Json(json!({"ID": name}))).into_response())
}

async fn inspect_service(State(shared): State<Arc<Shared>>, Segment(name): Segment<String>) -> Answer {
    let swarm = shared.lock();
    let service = swarm.services.get(&name).or_else(|| swarm.others.get(&name));
    let service = service.ok_or_else(|| refuse(StatusCode::NOT_FOUND, "service not found"))?;
    Ok(Json(json!({"Spec": service.spec, "Version": {"Index": service.version}})).into_response())
}

async fn delete_service(State(shared): State<Arc<Shared>>, Segment(name): Segment<String>) -> Answer {
    let mut swarm = shared.lock();
    let gone = swarm.services.remove(&name).or_else(|| swarm.others.remove(&name));
    gone.map(|_| StatusCode::OK.into_response()).ok_or_else(|| refuse(StatusCode::NOT_FOUND, "service not found"))
}

#[derive(Deserialize)]
pub struct Version {
    pub version: u64,
}

async fn update_service(
    State(shared): State<Arc<Shared>>,
    Segment(name): Segment<String>,
    Query(Version { version }): Query<Version>,
    Json(spec): Json<Value>,
) -> Answer {
    let mut swarm = shared.lock();
    let Swarm { next, services, secrets, .. } = &mut *swarm;
    let service = services.get_mut(&name).ok_or_else(|| refuse(StatusCode::NOT_FOUND, "service not found"))?;
    if service.version != version {
        return Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, "update out of sequence"));
    }
    *next += 1;
    service.version = *next;
    service.spec = spec;
    // Start first: the old task goes on until the new one is there.
    service.begin(next, secrets, shared.folder.path());
    Ok(Json(json!({"Warnings": null})).into_response())
}

async fn list_secrets(State(shared): State<Arc<Shared>>, Query(filters): Query<Filters>) -> Json<Value> {
    let swarm = shared.lock();
    let found = swarm.secrets.values().filter(|secret| filters.admit(&secret["Spec"]["Labels"]));
    // The data of a secret never leave a manager but for the tasks that use it.
    let without_data = found.cloned().map(|mut secret| {
        secret["Spec"].as_object_mut().expect("an object").remove("Data");
        secret
    });
    Json(without_data.collect())
}

async fn create_secret(State(shared): State<Arc<Shared>>, Json(spec): Json<Value>) -> Answer {
    let mut swarm = shared.lock();
    swarm.next += 1;
    let id = format!("secret{}", swarm.next);
    swarm.secrets.insert(id.clone(), json!({"ID": id, "Spec": spec}));
    Ok((StatusCode::CREATED, Json(json!({"ID": id}))).into_response())
}

async fn delete_secret(State(shared): State<Arc<Shared>>, Segment(id): Segment<String>) -> Answer {
    let mut swarm = shared.lock();
    let mut used = swarm.services.values().flat_map(|s| s.spec["TaskTemplate"]["ContainerSpec"]["Secrets"].as_array());
    if used.any(|secrets| secrets.iter().any(|secret| secret["SecretID"] == id.as_str())) {
        return Err(refuse(StatusCode::BAD_REQUEST, "secret is in use by a service"));
    }
    drop(used);
    let gone = swarm.secrets.remove(&id);
    gone.map(|_| StatusCode::NO_CONTENT.into_response())
        .ok_or_else(|| refuse(StatusCode::NOT_FOUND, "secret not found"))
}

/// One machine that is empty, or one that is far too small.
async fn list_nodes(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let cores: i64 = if shared.lock().full { 0 } else { 8 };
    let resources = json!({"NanoCPUs": cores * 1_000_000_000, "MemoryBytes": 16_i64 << 30});
    Json(json!([{
        "ID": "node", "Spec": {"Availability": "active"}, "Status": {"State": "ready"},
        "Description": {"Resources": resources},
    }]))
}

async fn list_tasks(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let swarm = shared.lock();
    let Some(service) = swarm.services.values().next() else { return Json(json!([])) };
    let status = match service.running.contains_key(&service.task) {
        true => json!({"State": "running"}),
        false => json!({"State": "pending", "Err": "no suitable node (insufficient resources on 3 nodes)"}),
    };
    Json(json!([{"ID": format!("task{}", service.task), "CreatedAt": "2026-01-01T00:00:00Z", "Status": status}]))
}
