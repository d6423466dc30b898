//! Docker client: the part of Docker's API that the engine needs, for services, their secrets and tasks.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    errors::Error,
    models::{Node, NodeSpecAvailabilityEnum, NodeState, ResourceObject, SecretSpec, ServiceSpec, Task, TaskState},
    query_parameters::{
        InspectServiceOptions, ListNodesOptions, ListSecretsOptions, ListServicesOptions, ListTasksOptions,
        UpdateServiceOptions,
    },
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::time::timeout;

use super::service;
use crate::cost::{Budget, Capacity};

/// Longest wait for an answer: a manager that elects a leader takes a few seconds.
const ANSWER: Duration = Duration::from_secs(10);

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No connection, or no answer within `ANSWER`.
    #[error("Docker's API at {0} does not answer{1}; is the daemon running, and may this front reach it?")]
    Silent(String, String),
    /// Docker refused: status and message.
    #[error("Docker refused ({0}): {1}")]
    Refused(u16, String),
    /// The answer is invalid.
    #[error("Docker's API gave an answer that does not parse: {0}")]
    Nonsense(String),
}

/// A service in its present state.
#[derive(Debug)]
pub struct Found {
    /// Version that a change must name.
    pub version: i32,
    pub labels: HashMap<String, String>,
}

/// The client. Clones share connections.
#[derive(Debug, Clone)]
pub struct Api {
    host: String,
    /// Made at the first call that finds the daemon's socket.
    docker: Arc<OnceLock<Docker>>,
}

impl Api {
    /// A client for `unix:///PATH`, `tcp://HOST:PORT` or `http://HOST:PORT`; nothing is connected yet.
    ///
    /// # Errors
    /// The fault of the address.
    pub fn new(host: &str) -> Result<Self, String> {
        if ["unix:///", "tcp://", "http://"].iter().any(|scheme| host.starts_with(scheme)) {
            return Ok(Self { host: host.to_owned(), docker: Arc::default() });
        }
        Err(format!("{host:?} is no address of Docker's API; write unix:///var/run/docker.sock or tcp://HOST:PORT"))
    }

    /// The daemon; the first call connects.
    pub(in crate::front) fn docker(&self) -> Result<&Docker, ApiError> {
        if let Some(docker) = self.docker.get() {
            return Ok(docker);
        }
        let seconds = ANSWER.as_secs();
        let made = match self.host.starts_with("unix://") {
            true => Docker::connect_with_unix(&self.host, seconds, API_DEFAULT_VERSION),
            false => Docker::connect_with_http(&self.host, seconds, API_DEFAULT_VERSION),
        };
        let made = made.map_err(|error| ApiError::Silent(self.host.clone(), format!(" ({error})")))?;
        Ok(self.docker.get_or_init(|| made))
    }

    /// Waits for an answer, no longer than [`ANSWER`].
    pub(in crate::front) async fn ask<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, ApiError> {
        let silent = |how: String| ApiError::Silent(self.host.clone(), how);
        match timeout(ANSWER, answer).await {
            Err(_) => Err(silent(format!(" within {} s", ANSWER.as_secs()))),
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Error::DockerResponseServerError { status_code, message })) => {
                Err(ApiError::Refused(status_code, message))
            }
            Ok(Err(error @ (Error::JsonDataError { .. } | Error::JsonSerdeError { .. }))) => {
                Err(ApiError::Nonsense(error.to_string()))
            }
            Ok(Err(error)) => Err(silent(format!(" ({error})"))),
        }
    }

    /// The service of that name, if there is one.
    pub async fn find(&self, name: &str) -> Result<Option<Found>, ApiError> {
        let found = self.docker()?.inspect_service(name, None::<InspectServiceOptions>);
        match self.ask(found).await {
            Ok(service) => Ok(Some(Found {
                version: service.version.and_then(|version| version.index).unwrap_or_default() as i32,
                labels: service.spec.and_then(|spec| spec.labels).unwrap_or_default(),
            })),
            Err(ApiError::Refused(404, _)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub async fn create(&self, service: ServiceSpec) -> Result<(), ApiError> {
        self.ask(self.docker()?.create_service(service, None)).await.map(|_| ())
    }

    /// Changes a service from `version`. Fails if somebody else has changed it since.
    pub async fn update(&self, name: &str, version: i32, service: ServiceSpec) -> Result<(), ApiError> {
        let options = UpdateServiceOptions { version, ..UpdateServiceOptions::default() };
        self.ask(self.docker()?.update_service(name, service, options, None)).await.map(|_| ())
    }

    /// Removes a service. A missing service counts as removed.
    pub async fn delete(&self, name: &str) -> Result<(), ApiError> {
        unless_gone(self.ask(self.docker()?.delete_service(name)).await)
    }

    /// Stores a secret; returns its id.
    pub async fn put_secret(&self, secret: SecretSpec) -> Result<String, ApiError> {
        self.ask(self.docker()?.create_secret(secret)).await.map(|made| made.id)
    }

    /// Id and room of every secret with these labels.
    pub async fn secrets(&self, labels: &[(&str, &str)]) -> Result<Vec<(String, String)>, ApiError> {
        let options = ListSecretsOptions { filters: Some(filters(labels)) };
        let secrets = self.ask(self.docker()?.list_secrets(Some(options))).await?;
        let secrets =
            secrets.into_iter().filter_map(|secret| Some((secret.id?, secret.spec?.labels?.remove(service::ROOM)?)));
        Ok(secrets.collect())
    }

    /// Deletes a secret. A missing secret counts as deleted.
    pub async fn delete_secret(&self, id: &str) -> Result<(), ApiError> {
        unless_gone(self.ask(self.docker()?.delete_secret(id)).await)
    }

    /// Name and room of every service with these labels.
    pub async fn services(&self, labels: &[(&str, &str)]) -> Result<Vec<(String, String)>, ApiError> {
        let options = ListServicesOptions { filters: Some(filters(labels)), ..ListServicesOptions::default() };
        let services = self.ask(self.docker()?.list_services(Some(options))).await?;
        let services = services.into_iter().filter_map(|service| {
            let spec = service.spec?;
            Some((spec.name?, spec.labels?.remove(service::ROOM)?))
        });
        Ok(services.collect())
    }

    /// The capacity of each node that takes tasks, and the part that running tasks have reserved; one entry per node.
    pub async fn nodes(&self) -> Result<Vec<Capacity>, ApiError> {
        let nodes = self.ask(self.docker()?.list_nodes(None::<ListNodesOptions>)).await?;
        let wanted = HashMap::from([("desired-state".to_owned(), vec!["running".to_owned()])]);
        let tasks = self.ask(self.docker()?.list_tasks(Some(ListTasksOptions { filters: Some(wanted) }))).await?;
        Ok(capacities(nodes, &tasks))
    }

    /// Why the newest task of a service does not run; `None` if it runs.
    pub async fn trouble(&self, service: &str) -> Result<Option<String>, ApiError> {
        let only = HashMap::from([("service".to_owned(), vec![service.to_owned()])]);
        let tasks = self.ask(self.docker()?.list_tasks(Some(ListTasksOptions { filters: Some(only) }))).await?;
        Ok(why_waiting(&tasks))
    }
}

/// The capacity of each node that takes tasks, and the part that running tasks have reserved.
fn capacities(nodes: Vec<Node>, tasks: &[Task]) -> Vec<Capacity> {
    let takes_tasks = |node: &Node| {
        let ready = node.status.as_ref().and_then(|status| status.state) == Some(NodeState::READY);
        let availability = node.spec.as_ref().and_then(|spec| spec.availability);
        ready && availability == Some(NodeSpecAvailabilityEnum::ACTIVE)
    };
    let budget = |resources: &ResourceObject| Budget {
        millicores: u32::try_from(resources.nano_cpus.unwrap_or(0) / 1_000_000).unwrap_or(u32::MAX),
        mib: u32::try_from(resources.memory_bytes.unwrap_or(0) >> 20).unwrap_or(u32::MAX),
    };
    let reserved = |task: &Task| Some(budget(task.spec.as_ref()?.resources.as_ref()?.reservations.as_ref()?));
    let capacity = |node: Node| {
        let total = budget(&node.description?.resources?);
        let on_it = tasks.iter().filter(|task| task.node_id == node.id).filter_map(reserved);
        let nothing = Budget { millicores: 0, mib: 0 };
        let taken = on_it.fold(nothing, |sum, one| Budget {
            millicores: sum.millicores.saturating_add(one.millicores),
            mib: sum.mib.saturating_add(one.mib),
        });
        Some(Capacity { total, taken })
    };
    nodes.into_iter().filter(takes_tasks).filter_map(capacity).collect()
}

fn unless_gone(result: Result<(), ApiError>) -> Result<(), ApiError> {
    match result {
        Err(ApiError::Refused(404, _)) => Ok(()),
        other => other,
    }
}

/// Docker's filter for objects with all of these labels.
pub(in crate::front) fn filters(labels: &[(&str, &str)]) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), labels.iter().map(|(key, value)| format!("{key}={value}")).collect())])
}

/// Swarm's message about the present task; about the one before if that failed and the present one has no message.
fn why_waiting(tasks: &[Task]) -> Option<String> {
    let mut tasks: Vec<&Task> = tasks.iter().collect();
    let created = |task: &Task| OffsetDateTime::parse(task.created_at.as_deref()?, &Rfc3339).ok();
    tasks.sort_by_key(|task| std::cmp::Reverse(created(task)));
    let present = tasks.first()?.status.as_ref()?;
    if present.state == Some(TaskState::RUNNING) {
        return None;
    }
    let error = |task: &&Task| task.status.as_ref()?.err.clone().filter(|error| !error.is_empty());
    let state = present.state.map_or_else(String::new, |state| format!("{state:?}").to_lowercase());
    Some(match tasks.iter().take(2).find_map(error) {
        Some(error) => format!("Swarm says: {error}"),
        None => format!("Swarm has its task in state {state:?}"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_newest_task_says_why_there_is_no_worker() {
        let tasks = |json| serde_json::from_value::<Vec<Task>>(json).expect("tasks");
        let pending = tasks(json!([
            {"ID": "b", "CreatedAt": "2026-01-01T00:00:05Z",
             "Status": {"State": "pending", "Err": "no suitable node (insufficient resources on 3 nodes)"}},
            {"ID": "a", "CreatedAt": "2026-01-01T00:00:01Z", "Status": {"State": "failed", "Err": "exit 1"}},
        ]));
        assert_eq!(
            why_waiting(&pending).as_deref(),
            Some("Swarm says: no suitable node (insufficient resources on 3 nodes)")
        );
        let running = tasks(json!([{"ID": "a", "CreatedAt": "2026-01-01T00:00:01Z", "Status": {"State": "running"}}]));
        assert_eq!(why_waiting(&running), None);
        let preparing = tasks(json!([
            {"ID": "b", "CreatedAt": "2026-01-01T00:00:05Z", "Status": {"State": "preparing"}},
            {"ID": "a", "CreatedAt": "2026-01-01T00:00:01Z", "Status": {"State": "failed", "Err": "exit 1"}},
        ]));
        assert_eq!(why_waiting(&preparing).as_deref(), Some("Swarm says: exit 1"));
        assert_eq!(why_waiting(&[]), None);
    }

    #[test]
    fn only_what_is_free_on_nodes_that_take_tasks_counts() {
        let nodes: Vec<Node> = serde_json::from_value(json!([
            {"ID": "a", "Spec": {"Availability": "active"}, "Status": {"State": "ready"},
             "Description": {"Resources": {"NanoCPUs": 4_000_000_000_i64, "MemoryBytes": 8_i64 << 30}}},
            {"ID": "b", "Spec": {"Availability": "drain"}, "Status": {"State": "ready"},
             "Description": {"Resources": {"NanoCPUs": 4_000_000_000_i64, "MemoryBytes": 8_i64 << 30}}},
            {"ID": "c", "Spec": {"Availability": "active"}, "Status": {"State": "down"},
             "Description": {"Resources": {"NanoCPUs": 4_000_000_000_i64, "MemoryBytes": 8_i64 << 30}}},
        ]))
        .expect("nodes");
        let reserving = json!({"Resources": {"Reservations": {"NanoCPUs": 1_500_000_000, "MemoryBytes": 1 << 30}}});
        let tasks: Vec<Task> =
            serde_json::from_value(json!([{"NodeID": "a", "Spec": reserving}, {"NodeID": "b", "Spec": reserving}]))
                .expect("tasks");
        let free: Vec<Budget> = capacities(nodes, &tasks).iter().map(Capacity::free).collect();
        assert_eq!(free, [Budget { millicores: 2500, mib: 7168 }]);
    }

    #[tokio::test]
    async fn an_api_that_is_gone_is_said_to_be() {
        assert!(Api::new("docker.example").is_err());
        let api = Api::new("unix:///nonexistent/docker.sock").expect("an address");
        let error = api.find("x").await.expect_err("nobody is there").to_string();
        assert!(error.starts_with("Docker's API at unix:///nonexistent/docker.sock does not answer"), "{error}");
    }
}
