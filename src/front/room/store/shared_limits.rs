//! How much several fronts can share, by what Docker's API and the Swarm's managers take.

use super::super::picture;

/// Largest sealed document, bytes: with what else is in a record it stays below the 1.5 MiB that Swarm's managers agree on in one go.
pub const MAX_SEALED_BYTES: usize = 1 << 20;

/// Largest image that several fronts share, bytes: Docker's configs hold 1000 KiB.
pub const MAX_ASSET_BYTES: usize = 900 * 1024;

/// Largest file of a finished picture that several fronts share, bytes.
pub const MAX_RASTER_BYTES: usize = MAX_ASSET_BYTES - picture::OVERHEAD;

/// Most bytes of all images that several fronts share, and as many again of their pictures: every manager of the Swarm keeps them in
/// memory, and a list of them must stay below the 16 MiB of one answer.
pub const MAX_ASSETS_BYTES: usize = 6 << 20;

/// Most bytes of a template with the versions before it, sealed; older versions are let go beyond that, so that 256 templates stay
/// below the 16 MiB of one answer.
pub const MAX_HISTORY_BYTES: usize = 48 * 1024;

/// Most bytes of all templates that several fronts share, sealed: a list that exceeds one answer could not be read, and so nothing of
/// it be changed, by any front.
pub const MAX_TEMPLATES_BYTES: usize = 12 << 20;
