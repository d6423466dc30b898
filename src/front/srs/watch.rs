//! Looking at SRS's list every few seconds, which makes up for callbacks that got lost, on either side's restart above all.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use tokio::time::{MissedTickBehavior, timeout};
use tokio_util::sync::CancellationToken;

use super::{Place, Srs, Verdict, book::Step};
use crate::front::room::document::BroughtBy;

/// From one look to the next: how long whoever's callback got lost is missed in the meeting.
const EVERY: Duration = Duration::from_secs(5);

/// Longest time one SRS may take for its whole list.
const PATIENCE: Duration = Duration::from_secs(15);

impl Srs {
    /// Looks until `stop`; returns at once when there is no API to look at.
    pub async fn watch(self, stop: CancellationToken) {
        if self.0.settings.apis.is_empty() {
            return;
        }
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reached = true;
        loop {
            let look = async {
                ticks.tick().await;
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
        let mut listed = BTreeMap::new();
        let mut whole = true;
        for api in &self.0.settings.apis {
            let fault = match timeout(PATIENCE, api.list(&self.0.connector)).await {
                Ok(Ok(streams)) => {
                    listed.extend(streams.into_iter().filter_map(|stream| Some((self.place(&stream)?, stream))));
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
        let brought = self.brought().await;
        let steps = self.book(|book| book.compare(&listed, whole, &brought, asked, Instant::now()));
        for step in steps {
            match step {
                // One that the room does not take was told when it was published; saying so every few seconds helps nobody.
                Step::Join(place, stream) => {
                    if self.wanted(&place).await && self.join(&place, &stream).await == Verdict::Pass {
                        tracing::debug!(room = %place.0, participant = %place.1, "joined by SRS's list");
                    }
                }
                Step::Leave(place) => {
                    tracing::info!(room = %place.0, participant = %place.1, "SRS has its stream no more");
                    self.leave(&place).await;
                }
            }
        }
    }

    /// Every participant that SRS brought.
    async fn brought(&self) -> BTreeSet<Place> {
        let mut brought = BTreeSet::new();
        for view in self.0.rooms.list().await {
            let ours =
                view.document.participants.into_iter().filter(|(_, found)| found.brought_by == Some(BroughtBy::Srs));
            brought.extend(ours.map(|(id, _)| (view.id.clone(), id)));
        }
        brought
    }

    /// Whether there is a room without a participant of this name.
    async fn wanted(&self, place: &Place) -> bool {
        self.0.rooms.view(&place.0).await.is_ok_and(|view| !view.document.participants.contains_key(&place.1))
    }
}
