//! PURE: template → validated layout → [`Scene`] for these participants on this canvas; fit, grid, transitions.
//!
//! No clock, no file, no lock: templates come in as text, people and canvas as arguments, scenes go out.

pub mod choice;
pub mod scene;
pub mod template;

pub use choice::{LayoutChoice, TemplateChoice};
pub use scene::{Canvas, Color, Fit, MAX_TILES, Scene, Tile};
pub use template::Template;
