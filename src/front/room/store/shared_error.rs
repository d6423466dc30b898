//! Why the store that several fronts share did not do as it was asked.

use super::shared_limits::{MAX_ASSET_BYTES, MAX_ASSETS_BYTES, MAX_SEALED_BYTES, MAX_TEMPLATES_BYTES};
use crate::front::docker::{api::ApiError, record::RecordError};

/// Why a document was not kept.
#[derive(Debug, thiserror::Error)]
pub enum SharedStoreError {
    /// This front may not own anything at this moment.
    #[error("this front has lost touch with the Swarm's store; ask another, or again in a few seconds")]
    Lost,
    /// Another front owns it, or soon will.
    #[error("the room is moving to another front; ask again in a second")]
    Moved,
    /// It was removed from the store by hand.
    #[error("it is not in the Swarm's store any more")]
    Gone,
    /// Larger than `MAX_SEALED_BYTES`.
    #[error("it takes {0} bytes, and what several fronts share may take {MAX_SEALED_BYTES}")]
    TooLarge(usize),
    /// Larger than what several fronts can share.
    #[error(
        "several fronts share images of at most {} KiB each and {} KiB together; make it smaller, or delete some first",
        MAX_ASSET_BYTES / 1024,
        MAX_ASSETS_BYTES / 1024
    )]
    ImageTooLarge,
    /// Templates of more than several fronts can share.
    #[error(
        "several fronts share templates of at most {} KiB together with their versions; delete some first",
        MAX_TEMPLATES_BYTES / 1024
    )]
    TemplatesTooLarge,
    /// Another front changed it at the same time.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The store took too long, and nothing was changed.
    #[error("Docker's API took too long")]
    Slow,
    /// The store took too long, and went on not to say what became of it.
    #[error("Docker's API does not say whether it was stored")]
    Unknown,
}

impl From<ApiError> for SharedStoreError {
    fn from(error: ApiError) -> Self {
        Self::Record(error.into())
    }
}
