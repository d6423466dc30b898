//! PURE. Layout: template → validated layout → [`Scene`] for these people on this canvas; fit, grid, transitions.
//!
//! There is no clock, no file and no lock: templates come in as text; people, canvas and time are arguments; scenes
//! come out. Nothing starts here, so nothing stops.

mod builtin;
mod cast;
mod check;
pub mod choice;
mod color;
mod crowd;
mod director;
mod dress;
mod fault;
pub mod fit;
pub mod json;
mod make;
mod meeting;
mod pack;
mod painter;
pub mod parameters;
pub mod place;
mod plan;
pub mod region;
pub mod rule;
pub mod scene;
mod solve;
pub mod style;
pub mod template;
pub mod transition;
mod words;

pub use builtin::builtin;
pub use check::{Advice, Cost, advise};
pub use choice::{LayoutChoice, TemplateChoice};
pub use color::{Color, Paint};
pub use director::Director;
pub use dress::{
    Anchor, Badge, Border, Content, Highlight, LINE_PITCH, Label, Overlay, Part, SMALLEST_SHARE, Shadow, Text, Weight,
};
pub use fault::Fault;
pub use meeting::{Face, Meeting, Person};
pub use parameters::{Argument, Arguments};
pub use plan::Layout;
pub use scene::{Backdrop, Canvas, Crop, Fit, Focus, Image, MAX_OVERLAYS, MAX_TILES, Scene, Tile};
pub use template::{SCREEN, Template};
pub use transition::{Easing, Transition};
