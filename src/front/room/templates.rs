//! The templates a room may name: built-in ones, those of `--layouts`, and those stored over REST, the last taking the
//! place of the first.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{
    base::TemplateName,
    layout::{self, Template, TemplateChoice},
};

/// Most stored templates.
pub const MAX_TEMPLATES: usize = 256;

/// Shared by every room and the REST API; clones share the set.
#[derive(Debug, Clone)]
pub struct Templates {
    fixed: Arc<BTreeMap<TemplateName, Arc<Template>>>,
    stored: Arc<RwLock<BTreeMap<TemplateName, Arc<Template>>>>,
}

impl Templates {
    /// The built-in templates, `extra` ones from `--layouts` in front of them, and what was stored over REST.
    pub fn new(extra: Vec<(TemplateName, Template)>, stored: Vec<(TemplateName, Template)>) -> Self {
        let share = |(name, template)| (name, Arc::new(template));
        let fixed = layout::builtin().into_iter().chain(extra).map(share).collect();
        let stored = stored.into_iter().map(share).collect();
        Self { fixed: Arc::new(fixed), stored: Arc::new(RwLock::new(stored)) }
    }

    /// Every template by name; the flag is true for those that no one stored.
    pub fn all(&self) -> Vec<(TemplateName, Arc<Template>, bool)> {
        let stored = self.stored.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: BTreeMap<_, _> = self.fixed.iter().map(|(name, t)| (name.clone(), (t.clone(), true))).collect();
        all.extend(stored.iter().map(|(name, t)| (name.clone(), (t.clone(), false))));
        all.into_iter().map(|(name, (template, fixed))| (name, template, fixed)).collect()
    }

    /// One template.
    pub fn get(&self, name: &TemplateName) -> Option<Arc<Template>> {
        let stored = self.stored.read().unwrap_or_else(PoisonError::into_inner);
        stored.get(name).or_else(|| self.fixed.get(name)).cloned()
    }

    /// True for a template that stays when a stored one of its name is forgotten.
    pub fn is_fixed(&self, name: &TemplateName) -> bool {
        self.fixed.contains_key(name)
    }

    /// How many are stored.
    pub fn stored(&self) -> usize {
        self.stored.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Stores one; true when the name is new.
    pub fn put(&self, name: TemplateName, template: Template) -> bool {
        let fresh = self.get(&name).is_none();
        self.stored.write().unwrap_or_else(PoisonError::into_inner).insert(name, Arc::new(template));
        fresh
    }

    /// Forgets a stored one; true when there was one.
    pub fn forget(&self, name: &TemplateName) -> bool {
        self.stored.write().unwrap_or_else(PoisonError::into_inner).remove(name).is_some()
    }

    /// What a room's choice means now. A name that is gone, which only a state folder edited by hand brings about, means
    /// the built-in grid.
    pub fn resolve(&self, choice: &TemplateChoice) -> Arc<Template> {
        match choice {
            TemplateChoice::Inline(template) => Arc::new((**template).clone()),
            TemplateChoice::Named(name) => {
                let grid = || self.fixed.iter().find(|(name, _)| name.as_str() == "grid").map(|(_, t)| t.clone());
                self.get(name).or_else(grid).expect("grid is built in")
            }
        }
    }
}
