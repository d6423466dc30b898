//! Swarm service specification: a room's service and its secret, in the form of Docker's API.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bollard::models::{
    EndpointSpec, EndpointSpecModeEnum, HealthConfig, Limit, Mount, MountTmpfsOptions, MountType,
    NetworkAttachmentConfig, ResourceObject, SecretSpec, ServiceSpec, ServiceSpecMode, ServiceSpecModeReplicated,
    ServiceSpecUpdateConfig, ServiceSpecUpdateConfigOrderEnum, TaskSpec, TaskSpecContainerSpec,
    TaskSpecContainerSpecFile, TaskSpecContainerSpecPrivileges, TaskSpecContainerSpecSecrets, TaskSpecPlacement,
    TaskSpecResources, TaskSpecRestartPolicy, TaskSpecRestartPolicyConditionEnum,
};

use crate::{
    base::{AssetHash, RoomId, Secret},
    cost::Budget,
    link::join::Ticket,
};

/// Label with the name of the installation: services of other installations are never touched.
pub const NAME: &str = "tilecast.name";
/// Label with the address of the front that a service works for.
pub const FRONT: &str = "tilecast.front";
/// Label with the room.
pub const ROOM: &str = "tilecast.room";
/// Label with the SHA-256 of the token that lets the service's workers in.
pub const TOKEN: &str = "tilecast.token";
/// Label with the SHA-256 of everything that the service was made from except the token: while it is the same, the
/// service may stay.
pub const MADE_FROM: &str = "tilecast.made-from";

/// Label with the reservation: millicores, MiB.
pub const BUDGET: &str = "tilecast.budget";

/// Path of a worker's ticket.
const TICKET: &str = "tilecast";

/// Delay before Swarm restarts a task that ended: a task that ends at once must not keep a core busy.
const RESTART_DELAY_NANOS: i64 = 500_000_000;

/// Time for a task to end after it was told to; a worker needs 2 s.
const STOP_GRACE_NANOS: i64 = 5_000_000_000;

/// Limit of CPU time relative to the reservation, so that a short peak costs no frame; the limit is at least one core.
const CPU_HEADROOM: i64 = 2;

/// Limit of memory relative to the reservation. A worker that exceeds it has a leak.
const MEMORY_HEADROOM: i64 = 3;

/// Most threads and processes of one worker: two for each of 64 participants, the encoders, and a margin.
const MAX_PIDS: i64 = 512;

/// `/tmp` of a worker whose root is read-only, bytes.
const TMP_BYTES: i64 = 16 << 20;

/// An operator's settings for the Swarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwarmSettings {
    /// Docker's API of a manager: `unix:///PATH`, `tcp://HOST:PORT`.
    pub docker: String,
    /// Name of the installation: begins the names of its services, and services of other names are never touched.
    pub name: String,
    /// Image that workers run from; the same build as this front.
    pub image: String,
    /// Network that workers are attached to, where they find the front.
    pub network: Option<String>,
    /// Placement constraints of workers, as in `docker service create --constraint`.
    pub constraints: Vec<String>,
    /// Where workers find this front, `HOST:PORT`; for a cluster, a name that resolves to every front, or all of them
    /// with commas between. No two installations have the same.
    pub advertise: String,
    /// Filter of the workers' log.
    pub log: String,
}

/// The values that a service is made of.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub settings: &'a SwarmSettings,
    /// The front's certificate, PEM.
    pub certificate: &'a str,
    /// The room whose worker it runs.
    pub room: &'a RoomId,
    pub budget: Budget,
}

impl Wanted<'_> {
    /// Name of the service.
    pub fn name(&self) -> String {
        service_name(&self.settings.name, self.room)
    }

    pub fn made_from(&self) -> String {
        let Self { settings, certificate, budget, .. } = self;
        // The address of Docker is left out: another front takes the service over as it is.
        let SwarmSettings { docker: _, name, image, network, constraints, advertise, log } = settings;
        let service = (name, image, network, constraints, advertise, log);
        AssetHash::of(format!("{service:?} {certificate} {budget:?}").as_bytes()).to_string()
    }

    /// The secret that holds the ticket. Docker's secrets cannot change, so each has a new name: `nonce` is new each
    /// time.
    pub fn secret(&self, token: &Secret, nonce: u32) -> SecretSpec {
        let ticket = Ticket {
            front: self.settings.advertise.clone(),
            certificate: self.certificate.to_owned(),
            room: self.room.clone(),
            token: token.clone(),
        };
        let text = serde_json::to_vec(&ticket).expect("a ticket is texts");
        SecretSpec {
            name: Some(format!("{}-{nonce:08x}", self.name())),
            labels: Some(self.labels([])),
            data: Some(STANDARD.encode(text)),
            ..SecretSpec::default()
        }
    }

    /// The service. Its secret is given by id and name.
    pub fn service(&self, token_hash: &str, secret: (String, String)) -> ServiceSpec {
        ServiceSpec {
            name: Some(self.name()),
            labels: Some(self.labels([
                (TOKEN, token_hash.to_owned()),
                (MADE_FROM, self.made_from()),
                (BUDGET, write_budget(self.budget)),
            ])),
            task_template: Some(self.task(secret)),
            mode: Some(ServiceSpecMode {
                replicated: Some(ServiceSpecModeReplicated { replicas: Some(1) }),
                ..ServiceSpecMode::default()
            }),
            // The new task takes the lease when it comes, so nothing is lost while both run.
            update_config: Some(ServiceSpecUpdateConfig {
                parallelism: Some(1),
                order: Some(ServiceSpecUpdateConfigOrderEnum::START_FIRST),
                ..ServiceSpecUpdateConfig::default()
            }),
            // Nobody connects to a worker. Without an endpoint, kernels without IPVS work too.
            endpoint_spec: Some(EndpointSpec { mode: Some(EndpointSpecModeEnum::DNSRR), ports: None }),
            ..ServiceSpec::default()
        }
    }

    fn labels<const N: usize>(&self, more: [(&str, String); N]) -> HashMap<String, String> {
        let fixed = [
            (NAME, self.settings.name.clone()),
            (FRONT, self.settings.advertise.clone()),
            (ROOM, self.room.as_str().to_owned()),
        ];
        fixed.into_iter().chain(more).map(|(key, value)| (key.to_owned(), value)).collect()
    }

    fn task(&self, (secret_id, secret_name): (String, String)) -> TaskSpec {
        let settings = self.settings;
        let cpu = i64::from(self.budget.millicores) * 1_000_000;
        let memory = i64::from(self.budget.mib) << 20;
        TaskSpec {
            container_spec: Some(TaskSpecContainerSpec {
                image: Some(settings.image.clone()),
                command: Some(vec!["tilecast".to_owned()]),
                args: Some(vec!["worker".to_owned(), "--join".to_owned(), format!("/run/secrets/{TICKET}")]),
                env: Some(vec!["TILECAST_TASK={{.Task.ID}}".to_owned(), format!("TILECAST_LOG={}", settings.log)]),
                init: Some(true),
                read_only: Some(true),
                capability_drop: Some(vec!["ALL".to_owned()]),
                privileges: Some(TaskSpecContainerSpecPrivileges {
                    no_new_privileges: Some(true),
                    ..TaskSpecContainerSpecPrivileges::default()
                }),
                mounts: Some(vec![Mount {
                    target: Some("/tmp".to_owned()),
                    typ: Some(MountType::TMPFS),
                    tmpfs_options: Some(MountTmpfsOptions {
                        size_bytes: Some(TMP_BYTES),
                        ..MountTmpfsOptions::default()
                    }),
                    ..Mount::default()
                }]),
                secrets: Some(vec![TaskSpecContainerSpecSecrets {
                    file: Some(TaskSpecContainerSpecFile {
                        name: Some(TICKET.to_owned()),
                        uid: Some("0".to_owned()),
                        gid: Some("0".to_owned()),
                        // The container has no other process, and the worker is not root.
                        mode: Some(0o444),
                    }),
                    secret_id: Some(secret_id),
                    secret_name: Some(secret_name),
                }]),
                stop_grace_period: Some(STOP_GRACE_NANOS),
                // The image's health check asks whether it serves, which a worker does not.
                health_check: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }),
                ..TaskSpecContainerSpec::default()
            }),
            resources: Some(TaskSpecResources {
                reservations: Some(ResourceObject {
                    nano_cpus: Some(cpu),
                    memory_bytes: Some(memory),
                    ..ResourceObject::default()
                }),
                limits: Some(Limit {
                    nano_cpus: Some((cpu * CPU_HEADROOM).max(1_000_000_000)),
                    memory_bytes: Some(memory * MEMORY_HEADROOM),
                    pids: Some(MAX_PIDS),
                }),
                ..TaskSpecResources::default()
            }),
            restart_policy: Some(TaskSpecRestartPolicy {
                condition: Some(TaskSpecRestartPolicyConditionEnum::ANY),
                delay: Some(RESTART_DELAY_NANOS),
                ..TaskSpecRestartPolicy::default()
            }),
            placement: Some(TaskSpecPlacement {
                constraints: Some(settings.constraints.clone()),
                ..TaskSpecPlacement::default()
            }),
            networks: settings.network.clone().map(|network| {
                vec![NetworkAttachmentConfig { target: Some(network), ..NetworkAttachmentConfig::default() }]
            }),
            ..TaskSpec::default()
        }
    }
}

/// Name of the service of this room in this installation: a room's id may be longer than Docker's 63 characters.
pub fn service_name(installation: &str, room: &RoomId) -> String {
    format!("{installation}-{}", &AssetHash::of(room.as_str().as_bytes()).to_string()[..16])
}

fn write_budget(budget: Budget) -> String {
    format!("{} {}", budget.millicores, budget.mib)
}

/// The budget in the label [`BUDGET`].
pub fn read_budget(text: &str) -> Option<Budget> {
    let (millicores, mib) = text.split_once(' ')?;
    Some(Budget { millicores: millicores.parse().ok()?, mib: mib.parse().ok()? })
}

/// The hash of a token, for places that everybody can read.
pub fn hash(token: &Secret) -> String {
    AssetHash::of(token.expose().as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> SwarmSettings {
        SwarmSettings {
            docker: "unix:///var/run/docker.sock".to_owned(),
            name: "tilecast".to_owned(),
            image: "tilecast:1".to_owned(),
            network: Some("media".to_owned()),
            constraints: vec!["node.labels.media==yes".to_owned()],
            advertise: "front:8190".to_owned(),
            log: "info".to_owned(),
        }
    }

    #[test]
    fn the_token_is_in_the_secret_and_nowhere_else() {
        let settings = settings();
        let room = "weekly".parse().expect("an id");
        let budget = Budget { millicores: 500, mib: 200 };
        let wanted = Wanted { settings: &settings, certificate: "PEM", room: &room, budget };
        let token = Secret::new("t0ken");
        let secret = wanted.secret(&token, 7);
        let service = wanted.service(&hash(&token), ("id".to_owned(), secret.name.clone().unwrap_or_default()));
        assert!(!serde_json::to_string(&service).expect("JSON").contains("t0ken"));
        let ticket = STANDARD.decode(secret.data.expect("data")).expect("base64");
        let ticket: Ticket = serde_json::from_slice(&ticket).expect("a ticket");
        assert_eq!((ticket.token, ticket.front.as_str()), (token, "front:8190"));
    }

    #[test]
    fn a_service_is_made_anew_exactly_when_what_it_is_made_from_changes() {
        let settings = settings();
        let other = SwarmSettings { image: "tilecast:2".to_owned(), ..settings.clone() };
        let room = "weekly".parse().expect("an id");
        let budget = Budget { millicores: 500, mib: 200 };
        let wanted = Wanted { settings: &settings, certificate: "PEM", room: &room, budget };
        assert_eq!(wanted.made_from(), Wanted { ..wanted }.made_from());
        assert_ne!(wanted.made_from(), Wanted { settings: &other, ..wanted }.made_from());
        let nearer = SwarmSettings { docker: "tcp://docker-api:2375".to_owned(), ..settings.clone() };
        assert_eq!(wanted.made_from(), Wanted { settings: &nearer, ..wanted }.made_from());
        let service = wanted.service("hash", ("id".to_owned(), "name".to_owned()));
        let label = service.labels.and_then(|mut labels| labels.remove(BUDGET)).expect("a label");
        assert_eq!(read_budget(&label), Some(budget));
        assert_ne!(wanted.made_from(), Wanted { budget: Budget { millicores: 600, mib: 200 }, ..wanted }.made_from());
        assert!(wanted.name().len() <= 63);
    }
}
