//! PURE: template → validated layout → [`Scene`] for these participants on this canvas; fit, grid, transitions.
//!
//! No clock, no file, no lock: templates come in as text, people and canvas as arguments, scenes go out. Nothing here starts,
//! so nothing stops.

mod builtin;
mod cast;
mod check;
pub mod choice;
mod fault;
mod pack;
pub mod scene;
mod solve;
pub mod template;
pub mod transition;

pub use builtin::builtin;
pub use choice::{LayoutChoice, TemplateChoice};
pub use fault::Fault;
pub use scene::{Canvas, Color, Fit, MAX_TILES, Scene, Tile};
pub use solve::{Person, solve};
pub use template::Template;
