//! Looking at SRS's list every few seconds, which makes up for callbacks that got lost, on either side's restart above all.

use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, timeout};
use tokio_util::sync::CancellationToken;

use super::{ApiUrl, Keys, Srs, kept, listing::Listed};

/// From one look to the next: how long whoever's callback got lost is missed in the meeting.
const EVERY: Duration = Duration::from_secs(5);

/// Longest time one SRS may take for its whole list.
const PATIENCE: Duration = Duration::from_secs(15);

impl Srs {
    /// Looks until `stop`.
    pub async fn watch(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reached = true;
        loop {
            let look = async {
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = self.0.poke.notified() => {}
                }
                self.look(&mut reached).await;
            };
            if stop.run_until_cancelled(look).await.is_none() {
                return;
            }
        }
    }

    /// Looks once. `reached` is whether the last look was whole, so that a change is told once.
    async fn look(&self, reached: &mut bool) {
        let asked = Instant::now();
        self.book(|book| book.ask(asked));
        let (listed, whole) = self.list(reached).await;
        match self.0.settings.keys {
            Keys::Required => self.look_by_key(listed, whole, asked).await,
            Keys::Off => self.look_by_name(listed.into_iter().map(|(_, listed)| listed).collect(), whole, asked).await,
        }
    }

    /// Every stream that any SRS lists, with the API that lists it, and whether all of them did. Without an API nothing is whole.
    async fn list(&self, reached: &mut bool) -> (Vec<(&ApiUrl, Listed)>, bool) {
        let apis = &self.0.settings.apis;
        let mut listed = Vec::new();
        let mut whole = true;
        for api in apis {
            let fault = match timeout(PATIENCE, api.list(&self.0.connector)).await {
                Ok(Ok(streams)) => {
                    listed.extend(streams.into_iter().map(|stream| (api, stream)));
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no whole list within {PATIENCE:?}"),
            };
            if *reached {
                tracing::warn!(%api, "SRS does not say what is published, so nobody leaves for now: {fault}");
            }
            whole = false;
        }
        if whole && !*reached {
            tracing::info!("SRS says again what is published");
        }
        *reached = whole;
        (listed, whole && !apis.is_empty())
    }

    /// Keeps what a restart must not forget, whenever it changes, until `stop`.
    pub async fn keep(self, stop: CancellationToken) {
        let mut worked = true;
        while stop.run_until_cancelled(self.0.changed.notified()).await.is_some() {
            self.write(&mut worked).await;
        }
        if self.register(|register| register.has_changed()) {
            self.write(&mut worked).await;
        }
    }

    async fn write(&self, worked: &mut bool) {
        let (path, kept) = (self.0.file.clone(), self.kept());
        let done = tokio::task::spawn_blocking(move || kept::write(&path, &kept)).await;
        let done = done.map_err(std::io::Error::other).flatten();
        if let Err(error) = &done
            && *worked
        {
            let path = self.0.file.display();
            tracing::error!(%path, "who publishes on SRS is not kept, so a restart asks everyone again: {error}");
        }
        *worked = done.is_ok();
    }
}
