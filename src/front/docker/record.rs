//! Records (configuration store with compare-and-swap): what fronts share in the Swarm's own store, one config object
//! each, identified by labels.
//!
//! A config's data never change; its labels do, and only from the version that the caller has seen. Docker refuses an
//! update that is "out of sequence" and a name that is taken. So a record is created, changed and removed once each,
//! whoever else tries.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bollard::{
    models::{Config, ConfigSpec},
    query_parameters::{ListConfigsOptions, UpdateConfigOptions},
};

use super::{
    api::{Api, ApiError, filters},
    service,
};
use crate::base::AssetHash;

/// Label with the kind of record.
pub const KIND: &str = "tilecast.kind";
/// Label with the subject of the record within its kind.
pub const ABOUT: &str = "tilecast.about";

/// Data of a record without a file: Docker requires some.
const NO_DATA: &[u8] = b"What this is about is in the labels; Tilecast looks after it.";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A front that lives.
    Front,
    /// A room: its document and its owner.
    Room,
    /// A layout template with its versions.
    Template,
    Asset,
    /// An uploaded image's finished picture.
    Raster,
}

impl Kind {
    /// The kind in a label; `None` when it is no kind.
    pub fn read(word: &str) -> Option<Self> {
        [Self::Front, Self::Room, Self::Template, Self::Asset, Self::Raster]
            .into_iter()
            .find(|kind| kind.word() == word)
    }

    /// The kind as labels and names have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Front => "front",
            Self::Room => "room",
            Self::Template => "template",
            Self::Asset => "asset",
            Self::Raster => "raster",
        }
    }
}

/// Labels beyond those that identify the record.
pub type Labels = HashMap<String, String>;

/// One record as it was when it was read.
#[derive(Debug, Clone)]
pub struct Record {
    /// Docker's id of it.
    pub id: String,
    /// Version that an update must name.
    pub version: i64,
    /// Its subject within its kind: a room's id, a template's name.
    pub about: String,
    pub labels: Labels,
    spec: ConfigSpec,
}

impl Record {
    fn read(config: Config) -> Option<Self> {
        let spec = config.spec?;
        let labels = spec.labels.clone().unwrap_or_default();
        let version = config.version?.index? as i64;
        Some(Self { id: config.id?, version, about: labels.get(ABOUT)?.clone(), labels, spec })
    }

    /// The file, if it has one.
    pub fn data(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.spec.data.as_deref()?).ok()
    }

    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }
}

/// Why a write failed.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// There is a record of that name.
    #[error("somebody else made it at the same time")]
    Taken,
    /// The record has changed since it was read, or is gone.
    #[error("somebody else changed it at the same time")]
    Changed,
    #[error(transparent)]
    Api(#[from] ApiError),
}

/// The records of one installation. Clones share connections.
#[derive(Debug, Clone)]
pub struct Records {
    api: Api,
    installation: String,
}

impl Records {
    /// The records of the installation with this name.
    pub fn new(api: Api, installation: String) -> Self {
        Self { api, installation }
    }

    /// Every record of a kind.
    pub async fn list(&self, kind: Kind) -> Result<Vec<Record>, ApiError> {
        let labels = [(service::NAME, self.installation.as_str()), (KIND, kind.word())];
        let options = ListConfigsOptions { filters: Some(filters(&labels)) };
        let configs = self.api.ask(self.api.docker()?.list_configs(Some(options))).await?;
        Ok(configs.into_iter().filter_map(Record::read).collect())
    }

    /// One record, if it is there.
    pub async fn get(&self, kind: Kind, about: &str) -> Result<Option<Record>, ApiError> {
        let name = self.name(kind, about);
        match self.api.ask(self.api.docker()?.inspect_config(&name)).await {
            Ok(config) => Ok(Record::read(config)),
            Err(ApiError::Refused(404, _)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates a record, with or without a file.
    ///
    /// # Errors
    /// `RecordError::Taken` when there is one.
    pub async fn create(
        &self,
        kind: Kind,
        about: &str,
        labels: Labels,
        file: Option<&[u8]>,
    ) -> Result<(), RecordError> {
        let config = ConfigSpec {
            name: Some(self.name(kind, about)),
            labels: Some(self.labels(kind, about, labels)),
            data: Some(STANDARD.encode(file.unwrap_or(NO_DATA))),
            templating: None,
        };
        match self.api.ask(self.api.docker()?.create_config(config)).await {
            Ok(_) => Ok(()),
            Err(ApiError::Refused(409, _)) => Err(RecordError::Taken),
            Err(error) => Err(error.into()),
        }
    }

    /// Sets these labels of a record, and removes those that are empty.
    ///
    /// # Errors
    /// `RecordError::Changed` when the record has changed since it was read.
    pub async fn change<const N: usize>(
        &self,
        record: &Record,
        labels: [(&str, String); N],
    ) -> Result<(), RecordError> {
        let mut present = record.labels.clone();
        present.extend(labels.map(|(key, value)| (key.to_owned(), value)));
        present.retain(|_, value| !value.is_empty());
        let config = ConfigSpec { labels: Some(present), ..record.spec.clone() };
        let options = UpdateConfigOptions { version: record.version };
        match self.api.ask(self.api.docker()?.update_config(&record.id, config, options)).await {
            Ok(()) => Ok(()),
            Err(ApiError::Refused(404, _)) => Err(RecordError::Changed),
            Err(ApiError::Refused(_, why)) if why.contains("out of sequence") => Err(RecordError::Changed),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a record, even if it has changed since. A missing record counts as removed.
    pub async fn delete(&self, record: &Record) -> Result<(), ApiError> {
        match self.api.ask(self.api.docker()?.delete_config(&record.id)).await {
            Err(ApiError::Refused(404, _)) => Ok(()),
            other => other,
        }
    }

    fn name(&self, kind: Kind, about: &str) -> String {
        record_name(&self.installation, kind, about)
    }

    fn labels(&self, kind: Kind, about: &str, mut labels: Labels) -> Labels {
        let fixed = [(service::NAME, self.installation.as_str()), (KIND, kind.word()), (ABOUT, about)];
        labels.extend(fixed.map(|(key, value)| (key.to_owned(), value.to_owned())));
        labels
    }
}

/// Name of the config for this subject in this installation: a name in Docker has at most 64 characters, and a room's
/// id alone may be that long.
pub fn record_name(installation: &str, kind: Kind, about: &str) -> String {
    let hash = AssetHash::of(about.as_bytes()).to_string();
    format!("{installation}-{}-{}", kind.word(), &hash[..16])
}
