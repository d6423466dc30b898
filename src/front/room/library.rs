//! What rooms share over REST: templates with their versions, and images. One change after the other.

use std::sync::Arc;

use super::{
    Rooms,
    assets::{Asset, Upload},
    templates::{Entry, Kept, MAX_TEMPLATES},
    whole::Whole,
};
use crate::{
    base::{AssetName, RoomId, TemplateName},
    front::{
        model::{RoomDocument, RoomError},
        raster::{RasterError, Rasterizer},
    },
    layout::{LayoutChoice, Template, TemplateChoice},
};

/// What must be true of a template for a change to take place (RFC 9110 13.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Precondition {
    /// `If-Match`: one of these is its tag; `*` is any that there is.
    pub matches: Option<Vec<String>>,
    /// `If-None-Match: *`: there is none yet.
    pub absent: bool,
}

impl Precondition {
    fn holds(&self, present: Option<&Entry>) -> bool {
        let matches =
            |tags: &Vec<String>| present.is_some_and(|entry| tags.iter().any(|tag| tag == "*" || *tag == entry.tag()));
        self.matches.as_ref().is_none_or(matches) && !(self.absent && present.is_some())
    }
}

impl Rooms {
    /// Every template by name.
    pub fn templates(&self) -> std::collections::BTreeMap<TemplateName, Entry> {
        self.context.templates.all()
    }

    /// The template that a room's layout is by.
    pub fn resolved(&self, choice: &TemplateChoice) -> Arc<Template> {
        self.context.templates.resolve(choice)
    }

    /// One template.
    pub fn template(&self, name: &TemplateName) -> Result<Entry, RoomError> {
        self.context.templates.get(name).ok_or_else(|| RoomError::NoTemplate(name.clone()))
    }

    /// A stored template with its earlier versions; one that nobody stored has none.
    pub fn versions(&self, name: &TemplateName) -> Result<Option<Kept>, RoomError> {
        self.template(name)?;
        Ok(self.context.templates.kept(name))
    }

    /// Stores a template that was validated; rooms that use it change at once. The flag is true when it is new.
    pub async fn put_template(
        &self,
        name: &TemplateName,
        template: Template,
        only: &Precondition,
    ) -> Result<(Entry, bool), RoomError> {
        let (name, only) = (name.clone(), only.clone());
        let put = async move |rooms: Self, whole| {
            let _turn = rooms.turn_to_change().await?;
            rooms.store_template(whole, &name, template, &only).await
        };
        self.whole(put).await
    }

    /// Stores an earlier version again, as the newest one.
    pub async fn roll_back(&self, name: &TemplateName, number: u64, only: &Precondition) -> Result<Entry, RoomError> {
        let (name, only) = (name.clone(), only.clone());
        let roll_back = async move |rooms: Self, whole| {
            let _turn = rooms.turn_to_change().await?;
            let version = rooms.versions(&name)?.and_then(|kept| kept.version(number).cloned());
            let version = version.ok_or_else(|| RoomError::NoVersion(name.clone(), number))?;
            Ok(rooms.store_template(whole, &name, (*version.template).clone(), &only).await?.0)
        };
        self.whole(roll_back).await
    }

    async fn store_template(
        &self,
        whole: Whole,
        name: &TemplateName,
        template: Template,
        only: &Precondition,
    ) -> Result<(Entry, bool), RoomError> {
        let templates = &self.context.templates;
        let present = templates.get(name);
        if !only.holds(present.as_ref()) {
            return Err(RoomError::Changed(name.clone()));
        }
        if templates.stored() >= MAX_TEMPLATES && templates.kept(name).is_none() {
            let why = format!("is one too many; this server keeps {MAX_TEMPLATES}, delete one first");
            return Err(RoomError::TemplateInUse(name.clone(), why));
        }
        // A room that sets parameters must not be left with ones that mean nothing, now or when its next layout is due.
        for (id, document) in self.users(name).await {
            for (at, layout) in layouts(&document) {
                if names(layout, name)
                    && let Some(fault) = layout.check_parameters(&template).first()
                {
                    let why = format!("is used by room {id}, whose {at}{} {}", fault.pointer, fault.detail);
                    return Err(RoomError::TemplateInUse(name.clone(), why));
                }
            }
        }
        let kept = self.context.keep_template(whole, name, templates.next(name, template)).await?;
        templates.put(name.clone(), kept);
        self.library_changed().await;
        let entry = templates.get(name).ok_or_else(|| RoomError::NoTemplate(name.clone()))?;
        Ok((entry, present.is_none()))
    }

    /// Forgets a stored template. One that a room uses is refused, unless a built-in of the same name takes over.
    pub async fn delete_template(&self, name: &TemplateName, only: &Precondition) -> Result<(), RoomError> {
        let (name, only) = (name.clone(), only.clone());
        self.whole(async move |rooms: Self, whole| rooms.remove_template(whole, &name, &only).await).await
    }

    async fn remove_template(&self, whole: Whole, name: &TemplateName, only: &Precondition) -> Result<(), RoomError> {
        let _turn = self.turn_to_change().await?;
        let templates = &self.context.templates;
        let present = self.template(name)?;
        if !only.holds(Some(&present)) {
            return Err(RoomError::Changed(name.clone()));
        }
        if present.fixed {
            let why = "is built in and cannot be deleted; PUT one of the same name to replace it".to_owned();
            return Err(RoomError::TemplateInUse(name.clone(), why));
        }
        if !templates.is_fixed(name)
            && let Some((id, _)) = self.users(name).await.first()
        {
            let why = format!("is used by room {id}; give that room another layout first");
            return Err(RoomError::TemplateInUse(name.clone(), why));
        }
        self.context.forget_template(whole, name).await?;
        templates.forget(name);
        self.library_changed().await;
        Ok(())
    }

    async fn users(&self, name: &TemplateName) -> Vec<(RoomId, Arc<RoomDocument>)> {
        let uses =
            |(_, document): &(RoomId, Arc<RoomDocument>)| layouts(document).any(|(_, layout)| names(layout, name));
        self.documents().await.into_iter().filter(uses).collect()
    }

    /// Every uploaded image.
    pub fn assets(&self) -> std::collections::BTreeMap<AssetName, Asset> {
        self.context.assets.all()
    }

    /// One uploaded image.
    pub fn asset(&self, name: &AssetName) -> Result<Asset, RoomError> {
        self.context.assets.get(name).ok_or_else(|| RoomError::NoAsset(name.clone()))
    }

    /// An upload with its picture, drawn where it can do no harm.
    ///
    /// # Errors
    /// Why it is no image that can be shown.
    pub async fn draw_asset(&self, upload: Upload) -> Result<Asset, RasterError> {
        let drawing = self.context.rasterizer.draw(&upload.file, self.context.store.max_raster_bytes()).await?;
        Ok(Asset { upload, drawing })
    }

    /// Draws uploads and previews.
    pub fn rasterizer(&self) -> &Rasterizer {
        &self.context.rasterizer
    }

    /// Keeps an image that was drawn; rooms that show one of its name change at once. The flag is true when it is new.
    pub async fn put_asset(&self, name: &AssetName, asset: Asset) -> Result<bool, RoomError> {
        let name = name.clone();
        let put = async move |rooms: Self, whole| {
            let _turn = rooms.turn_to_change().await?;
            if let Some(why) = rooms.context.assets.refusal(&name, &asset) {
                return Err(RoomError::AssetInUse(name, why));
            }
            rooms.context.keep_asset(whole, &name, &asset).await?;
            let created = rooms.context.assets.put(name, asset);
            rooms.library_changed().await;
            Ok(created)
        };
        self.whole(put).await
    }

    /// Forgets an image, unless a template or a room shows it.
    pub async fn delete_asset(&self, name: &AssetName) -> Result<(), RoomError> {
        let name = name.clone();
        self.whole(async move |rooms: Self, whole| rooms.remove_asset(whole, &name).await).await
    }

    async fn remove_asset(&self, whole: Whole, name: &AssetName) -> Result<(), RoomError> {
        let _turn = self.turn_to_change().await?;
        if !self.context.assets.has(name) {
            return Err(RoomError::NoAsset(name.clone()));
        }
        let used = |why| Err(RoomError::AssetInUse(name.clone(), why));
        if let Some((by, _)) = self.templates().into_iter().find(|(_, entry)| entry.template.assets().contains(&name)) {
            return used(format!("is shown by layout {by}; change that first"));
        }
        let shows = |(_, document): &(RoomId, Arc<RoomDocument>)| {
            layouts(document).any(|(_, layout)| match &layout.template {
                TemplateChoice::Inline(template) => template.assets().contains(&name),
                TemplateChoice::Named(_) => false,
            })
        };
        if let Some((id, _)) = self.documents().await.into_iter().find(shows) {
            return used(format!("is shown by room {id}; change its layout first"));
        }
        self.context.forget_asset(whole, name).await?;
        self.context.assets.forget(name);
        self.library_changed().await;
        Ok(())
    }

    /// The same for one who is about to change what is there, and so must know what other fronts have made of it.
    async fn turn_to_change(&self) -> Result<tokio::sync::OwnedSemaphorePermit, RoomError> {
        let turn = self.turn().await?;
        self.read_library().await?;
        Ok(turn)
    }

    /// Waits until nobody else changes the library, so that what is on disk is what was stored last.
    pub(super) async fn turn(&self) -> Result<tokio::sync::OwnedSemaphorePermit, RoomError> {
        self.library.clone().acquire_owned().await.map_err(|_| RoomError::Stopping)
    }
}

/// The layouts that a room's document names, and where: the present one, and one that waits.
fn layouts(document: &RoomDocument) -> impl Iterator<Item = (&'static str, &LayoutChoice)> {
    let next = document.next_layout.as_ref().map(|next| ("/next_layout/layout", &next.layout));
    std::iter::once(("/layout", &document.layout)).chain(next)
}

fn names(layout: &LayoutChoice, name: &TemplateName) -> bool {
    matches!(&layout.template, TemplateChoice::Named(named) if named == name)
}
