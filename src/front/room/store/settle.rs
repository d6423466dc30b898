//! Writes whose outcome is known: one that the store does not answer in time is looked for, and kept from event later.
//!
//! A change names the version that it is made from. Another change from that version is made first or refused, so it settles what
//! became of one that nobody answered: where it is made, the other never will be. A record that is not there yet has no version; one
//! that is made late is undone when it is seen ([`SharedStore::undo_late`]).

use tokio::time::{sleep, timeout};

use super::{shared::SharedStore, shared_error::SharedStoreError};
use crate::front::docker::{
    api::ApiError,
    record::{Kind, Labels, Record, RecordError},
};

/// Label that a change has which only settles what became of another.
const SETTLED: &str = "tilecast.settled";

impl SharedStore {
    /// Gives a record these labels, as [`Records::change`](crate::front::docker::Records::change).
    ///
    /// # Errors
    /// Why it did not get them and never will; [`SharedStoreError::Unknown`] when it may.
    pub(super) async fn change_surely<const N: usize>(
        &self,
        kind: Kind,
        record: &Record,
        labels: [(&str, String); N],
    ) -> Result<(), SharedStoreError> {
        match self.patience.wait(self.records.change(record, labels.clone())).await {
            Err(error) if is_open(&error) => {
                let settled = timeout(self.patience.settle, self.settle(kind, record, &labels, error)).await;
                settled.unwrap_or(Err(SharedStoreError::Unknown))
            }
            answered => answered,
        }
    }

    /// Finds out what became of a change; `refused` is the answer when it is kept from event.
    async fn settle(
        &self,
        kind: Kind,
        record: &Record,
        labels: &[(&str, String)],
        refused: SharedStoreError,
    ) -> Result<(), SharedStoreError> {
        let mark = format!("{:016x}", rand::random::<u64>());
        loop {
            match self.patience.wait(self.records.get(kind, &record.about)).await {
                Ok(Some(present)) if present.id != record.id => return Err(RecordError::Changed.into()),
                Ok(Some(present)) if has(&present, labels) => return Ok(()),
                Ok(Some(present)) if present.label(SETTLED) == Some(&mark) => return Err(refused),
                Ok(Some(present)) if present.version != record.version => return Err(RecordError::Changed.into()),
                Ok(Some(_)) => {
                    let marked = self.records.change(record, [(SETTLED, mark.clone())]);
                    if self.patience.wait(marked).await.is_ok() {
                        return Err(refused);
                    }
                }
                Ok(None) => return Err(RecordError::Changed.into()),
                Err(_) => {}
            }
            sleep(self.patience.again).await;
        }
    }

    /// Makes a record, as [`Records::create`](crate::front::docker::Records::create).
    ///
    /// # Errors
    /// Why it is not there and never will be; [`SharedStoreError::Unknown`] when it may.
    pub(super) async fn create_surely(
        &self,
        kind: Kind,
        about: &str,
        labels: Labels,
        file: Option<&[u8]>,
    ) -> Result<(), SharedStoreError> {
        match self.patience.wait(self.records.create(kind, about, labels.clone(), file)).await {
            Err(error) if is_open(&error) => {
                let labels: Vec<_> = labels.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
                let there = async {
                    loop {
                        match self.patience.wait(self.records.get(kind, about)).await {
                            Ok(Some(present)) if has(&present, &labels) => return Ok(()),
                            Ok(Some(_)) => return Err(RecordError::Taken.into()),
                            Ok(None) | Err(_) => sleep(self.patience.again).await,
                        }
                    }
                };
                timeout(self.patience.settle, there).await.unwrap_or(Err(SharedStoreError::Unknown))
            }
            answered => answered,
        }
    }

    /// Removes a record, as [`Records::delete`](crate::front::docker::Records::delete).
    ///
    /// # Errors
    /// [`SharedStoreError::Unknown`] when it may be there and may go yet.
    pub(super) async fn delete_surely(&self, kind: Kind, record: &Record) -> Result<(), SharedStoreError> {
        let gone = async {
            loop {
                match self.patience.wait(self.records.delete(record)).await {
                    Err(error) if is_open(&error) => {}
                    answered => return answered,
                }
                match self.patience.wait(self.records.get(kind, &record.about)).await {
                    Ok(None) => return Ok(()),
                    Ok(Some(present)) if present.id != record.id => return Ok(()),
                    Ok(Some(_)) | Err(_) => sleep(self.patience.again).await,
                }
            }
        };
        timeout(self.patience.answer + self.patience.settle, gone).await.unwrap_or(Err(SharedStoreError::Unknown))
    }
}

/// Whether an error leaves open what becomes of a write: everything but a plain no. A manager that has lost its leader says that it
/// failed, and what it had passed on may be done all the same.
fn is_open(error: &SharedStoreError) -> bool {
    match error {
        SharedStoreError::Slow | SharedStoreError::Unknown => true,
        SharedStoreError::Record(RecordError::Api(ApiError::Refused(status, _))) => *status >= 500,
        SharedStoreError::Record(RecordError::Api(ApiError::Silent(..) | ApiError::Nonsense(_))) => true,
        _ => false,
    }
}

fn has(record: &Record, labels: &[(&str, String)]) -> bool {
    labels.iter().all(|(key, value)| record.label(key).unwrap_or_default() == value)
}
