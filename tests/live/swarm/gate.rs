//! The Docker gate: the fronts of the other tests use it, and no other client gets anything through it.

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tilecast_lab::process::{Process, free_port, quiet};

use super::{Front, LIMIT, docker::Docker, document, running};

/// A gate, of this build.
pub struct Gate {
    /// Where fronts reach it.
    pub address: String,
    _process: Process,
}

impl Gate {
    /// Starts one before the socket at `docker` and waits until it listens.
    pub async fn start(docker: &str) -> Self {
        let port = free_port().expect("a port");
        let address = format!("127.0.0.1:{port}");
        let mut command = quiet(env!("CARGO_BIN_EXE_tilecast"));
        command.args(["docker-gate", "--listen", &address, "--docker", docker, "--image", "tilecast:test"]);
        let mut process = Process::start("gate", &mut command).expect("the gate starts");
        process.until_listens(port, LIMIT).await.expect("the gate listens");
        Self { address, _process: process }
    }
}

struct Stranger<'a>(&'a str, Client);

impl Stranger<'_> {
    async fn asks(&self, method: &str, target: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let request = self.1.request(method.parse::<Method>().expect("a method"), format!("{}{target}", self.0));
        let request = body.map_or(request.try_clone().expect("no stream"), |body| request.json(body));
        let answer = request.timeout(LIMIT).send().await.expect("an answer");
        (answer.status(), answer.json().await.unwrap_or(Value::Null))
    }
}

fn changed(spec: &Value, pointer: &str, value: Value) -> Value {
    let mut spec = spec.clone();
    *spec.pointer_mut(pointer).expect("it is there") = value;
    spec
}

#[tokio::test]
async fn who_has_taken_over_a_front_gets_nothing_else() {
    let docker = Docker::start().await;
    let front = Front::new(&docker);
    let service = front.start().await;
    service.api().put("/v1/rooms/r", &document()).await.expect("a room");
    running(&service, 1).await;
    docker.add_others();
    let spec = docker.spec();
    let before = docker.everything();
    let address = docker.host().replace("tcp://", "http://");
    let stranger = Stranger(&address, Client::new());
    assert_eq!(stranger.asks("GET", "/readyz", None).await.0, StatusCode::OK);

    let name = spec["Name"].as_str().expect("a name");
    let version = before["services"][name][1].as_u64().expect("a version");
    let mount = json!([{"Type": "bind", "Source": "/", "Target": "/host"}]);
    let secret = spec.pointer("/TaskTemplate/ContainerSpec/Secrets/0").expect("a secret");
    let stolen = changed(&spec, "/TaskTemplate/ContainerSpec/Secrets/0/SecretID", json!("theirs"));
    let stolen = changed(&stolen, "/TaskTemplate/ContainerSpec/Secrets/0/SecretName", json!("shop-password"));
    let mounted = changed(&spec, "/TaskTemplate/ContainerSpec/Mounts", mount);
    let other_image = changed(&spec, "/TaskTemplate/ContainerSpec/Image", json!("debian"));
    let update = format!("/services/{name}/update?version={version}&registryAuthFrom=spec");
    let config = json!({"Name": "shop-config", "Labels": {"tilecast.name": "tilecast"}, "Data": "eA=="});
    let plain = json!({"Name": "x", "Data": "eA=="});
    for (method, target, body) in [
        ("POST", "/services/create", Some(&mounted)),
        ("POST", "/services/create", Some(&other_image)),
        ("POST", "/services/create", Some(&stolen)),
        ("POST", &update, Some(&mounted)),
        ("POST", &update, Some(&stolen)),
        ("POST", "/services/shop-db/update?version=1", Some(&spec)),
        ("POST", "/services/shop-db/update?version=1", Some(&plain)),
        ("DELETE", "/services/shop-db", None),
        ("GET", "/services/shop-db", None),
        ("GET", "/services", None),
        ("GET", "/configs/shop-config", None),
        ("DELETE", "/configs/shop-config", None),
        ("POST", "/configs/shop-config/update?version=1", Some(&config)),
        ("POST", "/configs/create", Some(&plain)),
        ("GET", "/configs", None),
        ("POST", "/secrets/create", Some(&plain)),
        ("GET", "/secrets/theirs", None),
        ("GET", "/tasks", None),
        ("GET", "/containers/json", None),
        ("POST", "/containers/create", Some(&plain)),
        ("POST", "/swarm/leave?force=1", None),
    ] {
        let (status, answer) = stranger.asks(method, target, body).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{method} {target}: {answer}");
        assert!(!answer["message"].as_str().expect("a sentence").is_empty());
        assert!(!answer.to_string().contains("cGFzc3dvcmQ="), "{answer}");
    }
    let (status, _) = stranger.asks("DELETE", "/secrets/theirs", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "it is none of this installation");
    let (status, answer) =
        stranger.asks("POST", &format!("/services/{name}/update?version={}", version + 1), Some(&spec)).await;
    assert!(
        status.is_server_error() && answer["message"].as_str().expect("why").contains("out of sequence"),
        "{answer}"
    );
    let (status, _) =
        stranger.asks("DELETE", &format!("/secrets/{}", secret["SecretID"].as_str().expect("an id")), None).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "Docker itself says that it is in use");
    assert_eq!(docker.everything(), before);

    // A body that never comes holds nothing up, nor does one without end.
    let endless =
        reqwest::Body::wrap_stream(futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 64 << 10])));
    let sent = stranger.1.post(format!("{address}/configs/create")).body(endless).timeout(LIMIT).send().await;
    assert!(sent.is_err() || sent.is_ok_and(|answer| !answer.status().is_success()), "it is cut off");

    service.api().delete("/v1/rooms/r").await.expect("removed");
    super::eventually("the room leaves nothing", || docker.count() == (0, 1, 0)).await;
    service.stop().await.expect("drains");
}
