//! The templates a room may name: built-in ones, those of `--layouts`, and those stored over REST, the last taking the
//! place of the first. A stored one keeps its earlier versions.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    base::{AssetHash, TemplateName},
    layout::{self, Template, TemplateChoice},
};

/// Most stored templates.
pub const MAX_TEMPLATES: usize = 256;
/// Most earlier versions of one template that are kept.
pub const MAX_VERSIONS: usize = 20;
/// Most bytes of JSON that earlier versions of one template may have together: its file stays under what is read back.
const MAX_VERSION_BYTES: usize = 2 << 20;

/// A template as it was stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Counts up from 1.
    pub number: u64,
    /// When, RFC 3339; empty for what an older version of this program stored.
    #[serde(default)]
    pub stored_at: String,
    /// What.
    pub template: Arc<Template>,
}

/// A stored template.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The one that is used.
    pub present: Version,
    /// Those before, the oldest first; at most [`MAX_VERSIONS`].
    pub earlier: Vec<Version>,
}

impl Kept {
    /// `template` after what was there before.
    fn after(before: Option<&Self>, template: Template) -> Self {
        let stored_at = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let stored_at = stored_at.format(&Rfc3339).unwrap_or_default();
        let number = before.map_or(1, |before| before.present.number + 1);
        let mut earlier: Vec<Version> = before.map_or_else(Vec::new, |before| before.earlier.clone());
        earlier.extend(before.map(|before| before.present.clone()));
        let mut room = MAX_VERSION_BYTES;
        let fits = |version: &&Version| {
            let bytes = serde_json::to_vec(&version.template).map_or(usize::MAX, |json| json.len());
            room.checked_sub(bytes).inspect(|left| room = *left).is_some()
        };
        let keep = earlier.iter().rev().take(MAX_VERSIONS).take_while(fits).count();
        earlier.drain(..earlier.len() - keep);
        Self { present: Version { number, stored_at, template: Arc::new(template) }, earlier }
    }

    /// One of its versions.
    pub fn version(&self, number: u64) -> Option<&Version> {
        std::iter::once(&self.present).chain(&self.earlier).find(|version| version.number == number)
    }
}

/// One template of the set.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The template itself.
    pub template: Arc<Template>,
    /// True for one that nobody stored.
    pub fixed: bool,
    /// Its version; 0 for one that nobody stored.
    pub number: u64,
}

impl Entry {
    /// Names this very state of the template, for `ETag` (RFC 9110 8.8.3).
    pub fn tag(&self) -> String {
        let json = serde_json::to_vec(&*self.template).unwrap_or_default();
        let hash = AssetHash::of(&json).to_string();
        format!("\"{}-{}\"", self.number, &hash[..16])
    }
}

/// Shared by every room and the REST API; clones share the set.
#[derive(Debug, Clone)]
pub struct Templates {
    fixed: Arc<BTreeMap<TemplateName, Arc<Template>>>,
    stored: Arc<RwLock<BTreeMap<TemplateName, Kept>>>,
}

impl Templates {
    /// The built-in templates, `extra` ones from `--layouts` in front of them, and what was stored over REST.
    pub fn new(extra: Vec<(TemplateName, Template)>, stored: Vec<(TemplateName, Kept)>) -> Self {
        let share = |(name, template)| (name, Arc::new(template));
        let fixed = layout::builtin().into_iter().chain(extra).map(share).collect();
        Self { fixed: Arc::new(fixed), stored: Arc::new(RwLock::new(stored.into_iter().collect())) }
    }

    /// Every template by name.
    pub fn all(&self) -> BTreeMap<TemplateName, Entry> {
        let stored = self.stored.read().unwrap_or_else(PoisonError::into_inner);
        let fixed = |(name, template): (&TemplateName, &Arc<Template>)| {
            (name.clone(), Entry { template: template.clone(), fixed: true, number: 0 })
        };
        let mut all: BTreeMap<_, _> = self.fixed.iter().map(fixed).collect();
        all.extend(stored.iter().map(|(name, kept)| (name.clone(), Entry::of(kept))));
        all
    }

    /// One template.
    pub fn get(&self, name: &TemplateName) -> Option<Entry> {
        let fixed = || self.fixed.get(name).map(|t| Entry { template: t.clone(), fixed: true, number: 0 });
        self.kept(name).as_ref().map(Entry::of).or_else(fixed)
    }

    /// A stored template with its earlier versions.
    pub fn kept(&self, name: &TemplateName) -> Option<Kept> {
        self.stored.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// True for a template that stays when a stored one of its name is forgotten.
    pub fn is_fixed(&self, name: &TemplateName) -> bool {
        self.fixed.contains_key(name)
    }

    /// How many are stored.
    pub fn stored(&self) -> usize {
        self.stored.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What storing `template` would make of the one of that name.
    pub(super) fn next(&self, name: &TemplateName, template: Template) -> Kept {
        Kept::after(self.kept(name).as_ref(), template)
    }

    /// Stores one.
    pub(super) fn put(&self, name: TemplateName, kept: Kept) {
        self.stored.write().unwrap_or_else(PoisonError::into_inner).insert(name, kept);
    }

    /// Forgets a stored one with all its versions; true when there was one.
    pub(super) fn forget(&self, name: &TemplateName) -> bool {
        self.stored.write().unwrap_or_else(PoisonError::into_inner).remove(name).is_some()
    }

    /// These are stored, and no others; true when that is news.
    pub(super) fn replace(&self, stored: BTreeMap<TemplateName, Kept>) -> bool {
        let mut present = self.stored.write().unwrap_or_else(PoisonError::into_inner);
        let changed = *present != stored;
        *present = stored;
        changed
    }

    /// What a room's choice means now. A name that is gone, which only a state folder edited by hand brings about, means
    /// the built-in grid.
    pub fn resolve(&self, choice: &TemplateChoice) -> Arc<Template> {
        match choice {
            TemplateChoice::Inline(template) => Arc::new((**template).clone()),
            TemplateChoice::Named(name) => {
                let grid = || self.fixed.iter().find(|(name, _)| name.as_str() == "grid").map(|(_, t)| t.clone());
                self.get(name).map(|entry| entry.template).or_else(grid).expect("grid is built in")
            }
        }
    }
}

impl Entry {
    fn of(kept: &Kept) -> Self {
        Self { template: kept.present.template.clone(), fixed: false, number: kept.present.number }
    }
}
