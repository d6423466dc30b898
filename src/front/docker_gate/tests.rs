//! Requests of a front pass, and requests of an attacker who has taken over a front do not.

use http::{Method, Uri};
use serde_json::{Value, json};

use super::{
    Settings, answer,
    call::{Asked, Call, Kind},
};
use crate::{
    base::{RoomId, Secret},
    cost::Budget,
    front::docker::{
        Kind as RecordKind, SwarmSettings, record_name,
        service::{self, Wanted},
    },
};

const IMAGE: &str = "registry.example/tilecast@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn front() -> SwarmSettings {
    SwarmSettings {
        docker: "tcp://docker-api:2375".to_owned(),
        name: "tilecast".to_owned(),
        image: IMAGE.to_owned(),
        network: Some("tilecast_media".to_owned()),
        constraints: vec!["node.labels.media==yes".to_owned()],
        advertise: "fronts:8190".to_owned(),
        log: "info,tilecast=debug".to_owned(),
    }
}

fn gate() -> Settings {
    let SwarmSettings { name, network, constraints, .. } = front();
    let images = vec!["registry.example/tilecast:before".to_owned(), IMAGE.to_owned()];
    let docker = "/nonexistent/docker.sock".into();
    Settings { docker, name, images, network, constraints, max_millicores: 8000, max_mib: 4096, max_rooms: 4 }
}

fn room() -> RoomId {
    "weekly".parse().expect("an id")
}

/// A request of a front.
fn service_of(settings: &SwarmSettings, budget: Budget) -> Value {
    let room = room();
    let wanted = Wanted { settings, certificate: "PEM", room: &room, budget };
    let token = service::hash(&Secret::new("t0ken"));
    let name = format!("{}-0000002a", wanted.name());
    serde_json::to_value(wanted.service(&token, ("abc123".to_owned(), name))).expect("JSON")
}

fn service() -> Value {
    service_of(&front(), Budget { millicores: 500, mib: 200 })
}

fn secret() -> Value {
    let (settings, room) = (front(), room());
    let budget = Budget { millicores: 500, mib: 200 };
    let wanted = Wanted { settings: &settings, certificate: "PEM", room: &room, budget };
    serde_json::to_value(wanted.secret(&Secret::new("t0ken"), 42)).expect("JSON")
}

fn config() -> Value {
    let name = record_name("tilecast", RecordKind::Room, "weekly");
    let labels = json!({
        "tilecast.name": "tilecast", "tilecast.kind": "room", "tilecast.about": "weekly", "tilecast.owner": "f1",
        "tilecast.epoch": "3", "tilecast.sealed": "c2VhbGVk",
    });
    json!({"Name": name, "Labels": labels, "Data": "V2hhdA=="})
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// Replaces or adds the value at a pointer.
fn with(value: &Value, pointer: &str, new: Value) -> Value {
    let mut value = value.clone();
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer");
    match value.pointer_mut(parent).expect("a parent") {
        Value::Object(map) => {
            map.insert(last.replace("~1", "/"), new);
        }
        Value::Array(list) => match last.parse::<usize>() {
            Ok(at) if at < list.len() => list[at] = new,
            _ => list.push(new),
        },
        other => panic!("{other} has no parts"),
    }
    value
}

fn without(value: &Value, pointer: &str) -> Value {
    let mut value = value.clone();
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer");
    let gone = value.pointer_mut(parent).and_then(Value::as_object_mut).and_then(|map| map.remove(last));
    assert!(gone.is_some(), "{pointer} was there");
    value
}

#[test]
fn what_a_front_makes_passes_as_it_is() {
    let gate = gate();
    let asked = service();
    let judged = gate.service(&bytes(&asked)).expect("a worker's service");
    assert_eq!(serde_json::to_value(&judged.spec).expect("JSON"), asked);
    assert_eq!((judged.room, judged.secret.0.as_str()), (room(), "abc123"));
    let other_image = SwarmSettings { image: "registry.example/tilecast:before".to_owned(), ..front() };
    gate.service(&bytes(&service_of(&other_image, Budget { millicores: 8000, mib: 4096 }))).expect("the other image");
    let asked = secret();
    assert_eq!(serde_json::to_value(gate.secret(&bytes(&asked)).expect("a ticket")).expect("JSON"), asked);
    let asked = config();
    assert_eq!(serde_json::to_value(gate.config(&bytes(&asked)).expect("a record")).expect("JSON"), asked);

    let bare = SwarmSettings { network: None, constraints: Vec::new(), ..front() };
    let bare_gate = Settings { network: None, constraints: Vec::new(), ..gate };
    bare_gate.service(&bytes(&service_of(&bare, Budget { millicores: 1, mib: 1 }))).expect("without a network");
}

#[test]
fn no_other_service_passes() {
    let good = service();
    let container = |part: &str| format!("/TaskTemplate/ContainerSpec/{part}");
    let set = |pointer: &str, value: Value| with(&good, pointer, value);
    let host = json!({"Type": "bind", "Source": "/", "Target": "/host"});
    let other = |change: fn(&mut SwarmSettings)| {
        let mut settings = front();
        change(&mut settings);
        service_of(&settings, Budget { millicores: 500, mib: 200 })
    };
    let hostile: Vec<(&str, Value)> = vec![
        ("another image", set(&container("Image"), json!("debian"))),
        ("the image by a tag", set(&container("Image"), json!("registry.example/tilecast:latest"))),
        ("another digest", set(&container("Image"), json!(IMAGE.replace("0123", "1123")))),
        ("another command", set(&container("Command"), json!(["/bin/sh"]))),
        ("a longer command", set(&container("Command"), json!(["tilecast", "serve"]))),
        ("other arguments", set(&container("Args"), json!(["worker", "--join", "/host/etc/shadow"]))),
        ("more arguments", set(&container("Args/3"), json!("--x"))),
        ("another variable", set(&container("Env/2"), json!("LD_PRELOAD=/tmp/x.so"))),
        ("another first variable", set(&container("Env/0"), json!("PATH=/tmp"))),
        ("a template in the log filter", set(&container("Env/1"), json!("TILECAST_LOG={{.Node.Hostname}}"))),
        ("a new line in the log filter", set(&container("Env/1"), json!("TILECAST_LOG=info\nX=1"))),
        ("a mount of the machine's disk", set(&container("Mounts/1"), host.clone())),
        ("a mount in the place of /tmp", set(&container("Mounts/0"), host)),
        ("Docker's socket", set(&container("Mounts/0/Source"), json!("/var/run/docker.sock"))),
        ("a bind in the place of memory", set(&container("Mounts/0/Type"), json!("bind"))),
        ("a larger /tmp", set(&container("Mounts/0/TmpfsOptions/SizeBytes"), json!(16_i64 << 40))),
        ("a volume driver", set(&container("Mounts/0/VolumeOptions"), json!({"DriverConfig": {"Name": "local"}}))),
        ("a root that is written to", set(&container("ReadOnly"), json!(false))),
        ("no word of the root", without(&good, &container("ReadOnly"))),
        ("capabilities kept", without(&good, &container("CapabilityDrop"))),
        ("a capability", set(&container("CapabilityAdd"), json!(["CAP_SYS_ADMIN"]))),
        ("new privileges", set(&container("Privileges/NoNewPrivileges"), json!(false))),
        ("no seccomp", set(&container("Privileges/Seccomp"), json!({"Mode": "unconfined"}))),
        ("no apparmor", set(&container("Privileges/AppArmor"), json!({"Mode": "disabled"}))),
        ("a credential spec", set(&container("Privileges/CredentialSpec"), json!({"File": "x"}))),
        ("another user", set(&container("User"), json!("0"))),
        ("more groups", set(&container("Groups"), json!(["docker"]))),
        ("another folder", set(&container("Dir"), json!("/proc"))),
        ("a terminal", set(&container("TTY"), json!(true))),
        ("sysctls", set(&container("Sysctls"), json!({"kernel.core_pattern": "|/x"}))),
        ("ulimits", set(&container("Ulimits"), json!([{"Name": "nofile", "Soft": 1, "Hard": 1}]))),
        ("hosts", set(&container("Hosts"), json!(["127.0.0.1 registry.example"]))),
        ("a name server", set(&container("DNSConfig"), json!({"Nameservers": ["203.0.113.1"]}))),
        ("a health check that runs", set(&container("HealthCheck/Test"), json!(["CMD", "/bin/sh"]))),
        (
            "another secret as well",
            set(&container("Secrets/1"), good.pointer(&container("Secrets/0")).cloned().expect("it")),
        ),
        ("the secret elsewhere", set(&container("Secrets/0/File/Name"), json!("/etc/passwd"))),
        ("a config", set(&container("Configs"), json!([{"ConfigID": "x", "ConfigName": "y"}]))),
        ("labels of the container", set(&container("Labels"), json!({"com.docker.stack.namespace": "x"}))),
        ("a field that nobody knows", set(&container("Privileged"), json!(true))),
        ("a field in small letters", set(&container("mounts"), json!([]))),
        ("the host's network", set("/TaskTemplate/Networks/0/Target", json!("host"))),
        ("another network", set("/TaskTemplate/Networks/0/Target", json!("tilecast_control"))),
        ("one network more", set("/TaskTemplate/Networks/1", json!({"Target": "ingress"}))),
        ("an alias", set("/TaskTemplate/Networks/0/Aliases", json!(["fronts"]))),
        ("no network", without(&good, "/TaskTemplate/Networks")),
        ("networks of the old kind", set("/Networks", json!([{"Target": "host"}]))),
        ("no limits", without(&good, "/TaskTemplate/Resources/Limits")),
        ("a higher limit", set("/TaskTemplate/Resources/Limits/MemoryBytes", json!(1_i64 << 40))),
        ("a limit of nothing, which is none", set("/TaskTemplate/Resources/Limits/NanoCPUs", json!(0))),
        ("more processes", set("/TaskTemplate/Resources/Limits/Pids", json!(0))),
        ("a device", set("/TaskTemplate/Resources/Reservations/GenericResources", json!([]))),
        ("nodes of one's choice", set("/TaskTemplate/Placement/Constraints/0", json!("node.role==manager"))),
        ("no constraint", set("/TaskTemplate/Placement/Constraints", json!([]))),
        ("a plugin in the place of a container", set("/TaskTemplate/PluginSpec", json!({"Name": "x"}))),
        ("a runtime", set("/TaskTemplate/Runtime", json!("plugin"))),
        ("a log driver", set("/TaskTemplate/LogDriver", json!({"Name": "gelf", "Options": {}}))),
        ("replicas", set("/Mode/Replicated/Replicas", json!(1000))),
        ("one on each node", set("/Mode", json!({"Global": {}}))),
        ("a job", set("/Mode/ReplicatedJob", json!({"MaxConcurrent": 1}))),
        ("a port", set("/EndpointSpec/Ports", json!([{"TargetPort": 80, "PublishedPort": 80}]))),
        ("an address of its own", set("/EndpointSpec/Mode", json!("vip"))),
        ("another name", set("/Name", json!("tilecast_front"))),
        (
            "the name of another room",
            set("/Name", json!(service::service_name("tilecast", &"other".parse().expect("an id")))),
        ),
        ("another installation's name", other(|settings| settings.name = "other".to_owned())),
        ("another installation's label", set("/Labels/tilecast.name", json!("other"))),
        ("a label of a stack", set("/Labels/com.docker.stack.namespace", json!("shop"))),
        ("a hash that is none", set("/Labels/tilecast.token", json!("x"))),
        ("no budget", without(&good, "/Labels/tilecast.budget")),
        ("a budget that is not the reservation", set("/Labels/tilecast.budget", json!("600 200"))),
        ("a budget written otherwise", set("/Labels/tilecast.budget", json!("0500 200"))),
        ("too many cores", service_of(&front(), Budget { millicores: 8001, mib: 200 })),
        ("too much memory", service_of(&front(), Budget { millicores: 500, mib: 4097 })),
        ("nothing reserved, so nothing limited", service_of(&front(), Budget { millicores: 500, mib: 0 })),
        ("a room that is none", set("/Labels/tilecast.room", json!("../x"))),
        ("nothing", json!({})),
        ("a list", json!([good.clone()])),
    ];
    assert!(hostile.len() >= 40);
    let gate = gate();
    gate.service(&bytes(&good)).expect("what they were made from passes");
    for (what, body) in hostile {
        assert_ne!(body, good, "{what} is a change");
        let refused = gate.service(&bytes(&body)).expect_err(what);
        assert!(!refused.to_string().is_empty());
    }
    // Docker would merge a field that occurs twice; the forwarded object has it once.
    let twice = good.to_string().replacen("{\"", r#"{"TaskTemplate":{"ContainerSpec":{"Privileged":true}},""#, 1);
    let passed = gate.service(twice.as_bytes()).expect("the last counts here");
    assert!(!serde_json::to_string(&passed.spec).expect("JSON").contains("Privileged"));
    assert!(gate.service(b"no JSON").is_err() && gate.service(&vec![b'['; 100_000]).is_err());
}

#[test]
fn no_other_secret_passes() {
    let (gate, good) = (gate(), secret());
    let ticket = |text: &str| {
        use base64::Engine as _;
        json!(base64::engine::general_purpose::STANDARD.encode(text))
    };
    for (what, body) in [
        ("another name", with(&good, "/Name", json!("tilecast.fleet"))),
        ("a name of another room", with(&good, "/Name", json!("tilecast-0000000000000000-0000002a"))),
        ("a longer name", with(&good, "/Name", json!(format!("{}0", good["Name"].as_str().expect("a name"))))),
        ("no label", without(&good, "/Labels")),
        ("another room's label", with(&good, "/Labels/tilecast.room", json!("other"))),
        ("a label more", with(&good, "/Labels/x", json!("y"))),
        ("no ticket", with(&good, "/Data", ticket("{}"))),
        ("a large one", with(&good, "/Data", ticket(&" ".repeat(17 << 10)))),
        ("what is not base64", with(&good, "/Data", json!("%%%"))),
        ("a driver", with(&good, "/Driver", json!({"Name": "x"}))),
        ("a template", with(&good, "/Templating", json!({"Name": "golang"}))),
    ] {
        gate.secret(&bytes(&body)).expect_err(what);
    }
}

#[test]
fn no_other_config_passes() {
    let (gate, good) = (gate(), config());
    for (what, body) in [
        ("another name", with(&good, "/Name", json!("docker-api"))),
        ("another thing's name", with(&good, "/Labels/tilecast.about", json!("other"))),
        ("another kind", with(&good, "/Labels/tilecast.kind", json!("volume"))),
        ("another installation", with(&good, "/Labels/tilecast.name", json!("other"))),
        ("a label of a stack", with(&good, "/Labels/com.docker.stack.namespace", json!("shop"))),
        ("a label that is no word", with(&good, "/Labels/tilecast.A b", json!("x"))),
        ("a label that is no text", with(&good, "/Labels/tilecast.owner", json!(1))),
        ("a template", with(&good, "/Templating", json!({"Name": "golang"}))),
        ("what is not base64", with(&good, "/Data", json!("%%%"))),
        ("too much", with(&good, "/Labels/tilecast.sealed", json!("x".repeat(1501 << 10)))),
    ] {
        gate.config(&bytes(&body)).expect_err(what);
    }
    let many = (0..17).fold(good, |config, n| {
        let word = char::from(b'a' + n);
        with(&config, &format!("/Labels/tilecast.{word}"), json!("x"))
    });
    gate.config(&bytes(&many)).expect_err("too many labels");
}

fn asked(method: &str, target: &str) -> Option<Asked> {
    let uri: Uri = target.parse().expect("an address");
    Asked::read(&method.parse::<Method>().expect("a method"), &uri, "tilecast").ok()
}

#[test]
fn only_a_fronts_calls_pass() {
    let ours = "%7B%22label%22%3A%5B%22tilecast.name%3Dtilecast%22%2C%22tilecast.room%3Dweekly%22%5D%7D";
    let labels = vec!["tilecast.name=tilecast".to_owned(), "tilecast.room=weekly".to_owned()];
    for (method, target, wanted) in [
        ("GET", "/readyz", Call::Ready),
        ("GET", "/nodes", Call::Nodes),
        ("GET", &format!("/services?filters={ours}"), Call::List(Kind::Service, labels.clone())),
        ("GET", &format!("/v1.41/configs?filters={ours}"), Call::List(Kind::Config, labels.clone())),
        (
            "GET",
            "/services/tilecast-0123456789abcdef",
            Call::Inspect(Kind::Service, "tilecast-0123456789abcdef".to_owned()),
        ),
        ("POST", "/v1.53/secrets/create", Call::Create(Kind::Secret)),
        ("POST", "/services/x/update?version=7&registryAuthFrom=spec", Call::Update(Kind::Service, "x".to_owned(), 7)),
        ("POST", "/configs/x/update?version=7", Call::Update(Kind::Config, "x".to_owned(), 7)),
        ("DELETE", "/secrets/abc123", Call::Delete(Kind::Secret, "abc123".to_owned())),
        ("GET", "/tasks?filters=%7B%22desired-state%22%3A%5B%22running%22%5D%7D", Call::RunningTasks),
        (
            "GET",
            "/tasks?filters=%7B%22service%22%3A%5B%22tilecast-0123456789abcdef%22%5D%7D",
            Call::TasksOf("tilecast-0123456789abcdef".to_owned()),
        ),
    ] {
        assert_eq!(asked(method, target).map(|asked| asked.call), Some(wanted), "{method} {target}");
    }
    assert_eq!(asked("GET", "/v1.41/nodes").map(|asked| asked.version).as_deref(), Some("/v1.41"));
    for (method, target) in [
        ("GET", "/"),
        ("GET", "/info"),
        ("GET", "/_ping"),
        ("GET", "/containers/json"),
        ("POST", "/containers/create"),
        ("POST", "/containers/x/exec"),
        ("GET", "/images/json"),
        ("POST", "/build"),
        ("POST", "/swarm/leave"),
        ("GET", "/swarm"),
        ("GET", "/swarm/unlockkey"),
        ("POST", "/nodes/x/update?version=1"),
        ("DELETE", "/nodes/x"),
        ("GET", "/nodes/x"),
        ("POST", "/networks/create"),
        ("POST", "/volumes/create"),
        ("POST", "/plugins/pull"),
        ("POST", "/session"),
        ("GET", "/services"),
        ("GET", "/configs?filters={}"),
        ("GET", "/configs?filters=%7B%22label%22%3A%5B%22tilecast.name%3Dother%22%5D%7D"),
        ("GET", "/configs?filters=%7B%22label%22%3A%5B%22tilecast.name%3Dtilecast%22%2C%22x%3Dy%22%5D%7D"),
        ("GET", "/configs?filters=%7B%22label%22%3A%7B%22tilecast.name%3Dtilecast%22%3Atrue%7D%7D"),
        (
            "GET",
            "/configs?filters=%7B%22label%22%3A%5B%22tilecast.name%3Dtilecast%22%5D%2C%22name%22%3A%5B%22x%22%5D%7D",
        ),
        ("GET", "/services/x/logs?stdout=1"),
        ("GET", "/secrets/abc123"),
        ("GET", "/tasks"),
        ("GET", "/tasks?filters=%7B%22service%22%3A%5B%22shop-db%22%5D%7D"),
        ("GET", "/tasks?filters=%7B%22service%22%3A%5B%22tilecast_front%22%5D%7D"),
        ("GET", "/tasks/x"),
        ("POST", "/secrets/x/update?version=1"),
        ("POST", "/services/x/update"),
        ("POST", "/services/x/update?version=-1"),
        ("POST", "/services/x/update?version=1&rollback=previous"),
        ("POST", "/services/x/update?version=1&registryAuthFrom=previous-spec"),
        ("POST", "/services/x/update?version=1&version=2"),
        ("PUT", "/services/x"),
        ("HEAD", "/services/x"),
        ("POST", "/services"),
        ("POST", "/services/create?x=1"),
        ("DELETE", "/services/x?force=1"),
        ("DELETE", "/services/..%2Fcontainers%2Fx"),
        ("DELETE", "/services/x%2Fy"),
        ("DELETE", "/services/"),
        ("DELETE", "/services/../containers"),
        ("GET", "//services/x"),
        ("GET", "/v1.41//services/x"),
        ("GET", "/v1./services/x"),
        ("GET", "/v2.0/services/x"),
        ("GET", "/v1.41/../info"),
        ("GET", "/v1.41/readyz"),
    ] {
        assert_eq!(asked(method, target), None, "{method} {target}");
    }
}

#[test]
fn a_front_is_told_of_the_swarm_what_it_needs() {
    let ours = json!({
        "ID": "1", "Version": {"Index": 7}, "CreatedAt": "x",
        "Spec": {"Name": "n", "Labels": {"tilecast.name": "tilecast"}, "Data": "eA==", "TaskTemplate": {"Env": ["A=b"]}},
    });
    let other = with(&ours, "/Spec/Labels/tilecast.name", json!("other"));
    let list = json!([ours, other, {"ID": "3", "Spec": {"Name": "shop"}}]);
    let told = answer::things(Kind::Service, &list, "tilecast");
    let wanted = json!([{
        "ID": "1", "Version": {"Index": 7}, "Spec": {"Name": "n", "Labels": {"tilecast.name": "tilecast"}},
    }]);
    assert_eq!(told, wanted);
    assert_eq!(answer::things(Kind::Config, &list, "tilecast")[0]["Spec"]["Data"], "eA==");
    assert_eq!(answer::things(Kind::Secret, &json!({"message": "x"}), "tilecast"), json!([]));

    let reserved = json!({"NanoCPUs": 5, "MemoryBytes": 6, "GenericResources": []});
    let tasks = json!([{
        "ID": "t", "NodeID": "n", "ServiceID": "s", "Status": {"State": "running", "Err": "e", "ContainerStatus": {}},
        "CreatedAt": "then", "Spec": {"ContainerSpec": {"Env": ["PASSWORD=x"]}, "Resources": {"Reservations": reserved}},
    }, {"ID": "u", "NodeID": "n", "Spec": {}}]);
    let wanted = json!([
        {"NodeID": "n", "Spec": {"Resources": {"Reservations": {"NanoCPUs": 5, "MemoryBytes": 6}}}}, {"NodeID": "n"},
    ]);
    assert_eq!(answer::reservations(&tasks), wanted);
    let why = answer::tasks(&tasks);
    assert_eq!(why[0], json!({"ID": "t", "CreatedAt": "then", "Status": {"State": "running", "Err": "e"}}));

    let nodes = json!([{
        "ID": "n", "Spec": {"Availability": "active", "Role": "manager", "Labels": {"x": "y"}}, "Status": {"State": "ready", "Addr": "a"},
        "Description": {"Hostname": "h", "Resources": {"NanoCPUs": 1, "MemoryBytes": 2}, "TLSInfo": {}}, "ManagerStatus": {},
    }]);
    let wanted = json!([{
        "ID": "n", "Spec": {"Availability": "active"}, "Status": {"State": "ready"},
        "Description": {"Resources": {"NanoCPUs": 1, "MemoryBytes": 2}},
    }]);
    assert_eq!(answer::nodes(&nodes), wanted);
}
