//! Geometry: sizes and rectangles, in px.

use serde::{Deserialize, Serialize};

/// Width and height in px.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

impl Size {
    /// True for a tile that is small for this picture: at most two thirds of its size, in both directions.
    pub fn is_small_for(self, picture: Self) -> bool {
        self.width * 3 <= picture.width * 2 && self.height * 3 <= picture.height * 2
    }
}

/// A rectangle on the canvas: left and top edge, width and height, in px. The edges may lie off the canvas while a tile
/// moves; width and height are at least 2 and even, as 4:2:0 pictures need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rect {
    /// px from the canvas's left edge
    pub x: i32,
    /// px from the canvas's top edge
    pub y: i32,
    pub width: u32,
    pub height: u32,
}

impl Rect {
    pub fn size(self) -> Size {
        Size { width: self.width, height: self.height }
    }
}
