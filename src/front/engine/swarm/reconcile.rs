//! Reconciliation loop: makes each room's service what it should be, and removes services and secrets that no room
//! needs.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::{
    Swarm,
    worker_slot::{End, WorkerSlot},
};
use crate::{
    base::{Secret, backoff::Backoff},
    front::docker::{
        Kind,
        api::ApiError,
        service::{self, Wanted},
    },
};

/// How often a room without a worker asks Swarm for the reason.
const WAITING: Duration = Duration::from_secs(2);

/// How often a service is checked although nothing seems wrong: somebody may have removed it.
const LOOK: Duration = Duration::from_secs(60);

/// Shortest and longest wait while Docker's API is away.
const AWAY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// Attempts to remove a room's resources; the sweep finds what is left then.
const ATTEMPTS: u32 = 8;

/// How often services and secrets without a room are searched, and how long after the start: rooms come first.
const SWEEP: Duration = Duration::from_secs(300);
const FIRST_SWEEP: Duration = Duration::from_secs(30);

/// Reconciles a room's service for as long as the room or the front exists.
pub async fn keep(swarm: Swarm, slot: Arc<WorkerSlot>) {
    let stop = swarm.shared.tasks.token();
    let mut backoff = Backoff::new(AWAY.0, AWAY.1);
    while slot.end().is_none() {
        let wait = match see_to(&swarm, &slot).await {
            Ok(()) => {
                backoff.reset();
                if slot.is_wanting() { WAITING } else { LOOK }
            }
            Err(error) => {
                tracing::warn!(room = %slot.room, "{error}");
                slot.delayed(error.to_string());
                backoff.next(rand::random())
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = slot.changed.notified() => {}
            () = stop.cancelled() => return,
        }
    }
    if slot.end() == Some(End::Released) {
        return;
    }
    for _ in 0..ATTEMPTS {
        match clear_away(&swarm, &slot).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(room = %slot.room, "the room's service cannot be removed yet: {error}"),
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next(rand::random())) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Creates, changes or keeps the service.
async fn see_to(swarm: &Swarm, slot: &WorkerSlot) -> Result<(), ApiError> {
    let shared = &swarm.shared;
    let (settings, certificate) = (&shared.settings, shared.certificate.as_str());
    let name = service::service_name(&settings.name, &slot.room);
    let found = shared.api.find(&name).await?;
    if shared.several.is_some()
        && let Some(budget) = found.as_ref().and_then(|found| service::read_budget(found.labels.get(service::BUDGET)?))
    {
        slot.find(budget);
    }
    let wanted = Wanted { settings, certificate, room: &slot.room, budget: slot.budget() };
    let token = found.as_ref().and_then(|found| found.labels.get(service::TOKEN));
    match (&found, token) {
        (Some(found), Some(token)) if found.labels.get(service::MADE_FROM) == Some(&wanted.made_from()) => {
            slot.trust(token.clone());
            if slot.is_wanting()
                && let Some(trouble) = shared.api.trouble(&name).await?
            {
                slot.delayed(trouble);
            }
            return Ok(());
        }
        (Some(found), _) if found.labels.get(service::NAME) != Some(&settings.name) => {
            let reason = format!("a service {name} is there that is not ours; remove it, or choose another swarm_name");
            return Err(ApiError::Refused(409, reason));
        }
        _ => {}
    }
    // In a cluster, every front knows a room's token, so that its worker is admitted wherever the room goes.
    let token = shared.several.as_ref().map_or_else(fresh_token, |several| several.key.worker_token(&slot.room));
    let token_hash = service::hash(&token);
    let secret = wanted.secret(&token, rand::random());
    let secret_name = secret.name.clone().unwrap_or_default();
    let id = shared.api.put_secret(secret).await?;
    let service = wanted.service(&token_hash, (id.clone(), secret_name));
    let made = match &found {
        Some(found) => shared.api.update(&name, found.version, service).await,
        None => shared.api.create(service).await,
    };
    if let Err(error) = made {
        // Nobody knows this secret's name any more; if it cannot be removed now, the sweep finds it.
        let _ = shared.api.delete_secret(&id).await;
        return Err(error);
    }
    tracing::info!(room = %slot.room, service = name, budget = ?wanted.budget, "service of the room");
    slot.trust(token_hash);
    forget_secrets(swarm, slot, Some(&id)).await
}

async fn clear_away(swarm: &Swarm, slot: &WorkerSlot) -> Result<(), ApiError> {
    swarm.shared.api.delete(&service::service_name(&swarm.shared.settings.name, &slot.room)).await?;
    forget_secrets(swarm, slot, None).await
}

/// Deletes the room's secrets except one.
async fn forget_secrets(swarm: &Swarm, slot: &WorkerSlot, but: Option<&str>) -> Result<(), ApiError> {
    let shared = &swarm.shared;
    let ours = [(service::NAME, shared.settings.name.as_str()), (service::ROOM, slot.room.as_str())];
    for (id, _) in shared.api.secrets(&ours).await? {
        if but != Some(id.as_str()) {
            shared.api.delete_secret(&id).await?;
        }
    }
    Ok(())
}

/// Periodically removes what this front made for rooms that no longer exist: the front or Docker was away when they
/// were removed.
pub async fn sweep(swarm: Swarm) {
    let stop = swarm.shared.tasks.token();
    let mut wait = FIRST_SWEEP;
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => return,
        }
        wait = SWEEP;
        if let Err(error) = sweep_once(&swarm).await {
            tracing::warn!("services without a room cannot be looked for: {error}");
        }
    }
}

async fn sweep_once(swarm: &Swarm) -> Result<(), ApiError> {
    let shared = &swarm.shared;
    let ours = [(service::NAME, shared.settings.name.as_str()), (service::FRONT, shared.settings.advertise.as_str())];
    let (services, secrets) = (shared.api.services(&ours).await?, shared.api.secrets(&ours).await?);
    // The services are listed first: a listed service whose room is not on record afterwards has lost its room.
    let elsewhere = match &shared.several {
        Some(several) => several.records.list(Kind::Room).await?.into_iter().map(|record| record.about).collect(),
        None => BTreeSet::new(),
    };
    // A label that is no valid room id was not written by us.
    let orphan = |room: &str| room.parse().is_ok_and(|id| swarm.find(&id).is_none()) && !elsewhere.contains(room);
    for (name, room) in services {
        if orphan(&room) {
            tracing::info!(room, service = name, "removing the service of a room that is no more");
            shared.api.delete(&name).await?;
        }
    }
    for (id, room) in secrets {
        if orphan(&room) {
            shared.api.delete_secret(&id).await?;
        }
    }
    Ok(())
}

fn fresh_token() -> Secret {
    Secret::new(rand::random::<[u8; 32]>().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}
