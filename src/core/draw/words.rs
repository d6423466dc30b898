//! Text boxes: labels, captions and the clock, with badges.

use image::{Rgb, RgbaImage};

use super::{
    Fonts, badge,
    outline::{Outline, Shape},
    shape::blend_over,
    text::Line,
};
use crate::{
    layout::{Badge, LINE_PITCH, Paint, Part, SMALLEST_SHARE, Text},
    media::{Rect, Size},
};

/// Line pitch, in letters' sizes.
const PITCH: f32 = LINE_PITCH as f32;
/// Padding between words and the edge of a visible box, left and right, then above and below; and the box's corner
/// radius. In letters' sizes.
const PADDING: (f32, f32, f32) = (0.5, 0.12, 0.3);
/// Half the height of capitals, in letters' sizes: a line is centred by it.
const HALF_CAPITAL: f32 = 0.36;
/// Size of badges, and their distance from what follows, in letters' sizes.
const BADGE: (f32, f32) = (0.95, 0.28);
/// Largest letters, px: one letter fills a 4K canvas.
const MAX_LETTERS: u32 = 2160;
/// Most lines of a text: more than a canvas shows legibly.
const MAX_LINES: usize = 64;

/// The text of the parts at a moment, in seconds of UTC since 1970.
pub fn say(parts: &[Part], utc: i64) -> String {
    let said = parts.iter().map(|part| match part {
        Part::Words(words) => words.clone(),
        Part::Clock { seconds, utc_offset_minutes } => {
            let local = utc.saturating_add(i64::from(*utc_offset_minutes) * 60).rem_euclid(86_400);
            let (hour, minute) = (local / 3600, local / 60 % 60);
            if *seconds { format!("{hour:02}:{minute:02}:{:02}", local % 60) } else { format!("{hour:02}:{minute:02}") }
        }
    });
    said.collect()
}

/// Draws an overlay's text `said` so that it fits into `room`, in smaller letters where necessary: a box with even
/// width and height. `None` when nothing would be visible.
pub fn words(fonts: &mut Fonts, text: &Text, said: &str, room: Size) -> Option<RgbaImage> {
    let size = fitting(fonts, text, said, room);
    write(fonts, text, said, &[], room, size)
}

/// Draws a tile's label with the text `said` and badges before it. Text that does not fit into `room` is cut, since
/// labels side by side have one size.
pub fn label(fonts: &mut Fonts, text: &Text, said: &str, badges: &[Badge], room: Size) -> Option<RgbaImage> {
    write(fonts, text, said, badges, room, letters(text))
}

/// Height of one line of a text, with the box around it, px.
pub fn line_height(text: &Text) -> u32 {
    let size = letters(text);
    (size * PITCH + 2.0 * padding(text, size).1).ceil() as u32
}

/// Padding of the words in their box if the box is visible: at each side, and above and below, px.
fn padding(text: &Text, size: f32) -> (f32, f32) {
    if text.background.is_none() { (0.0, 0.0) } else { (PADDING.0 * size, PADDING.1 * size) }
}

fn letters(text: &Text) -> f32 {
    text.size.clamp(1, MAX_LETTERS) as f32
}

/// The size of letters in which the whole text fits, within bounds.
fn fitting(fonts: &mut Fonts, text: &Text, said: &str, room: Size) -> f32 {
    let size = letters(text);
    let (aside, above) = padding(text, size);
    let free = |side: u32| side.saturating_sub(text.inset.saturating_mul(2)) as f32;
    let lines = said.split('\n').take(MAX_LINES).count();
    let height = size + PITCH * size * (lines - 1) as f32 + 2.0 * above;
    // A clock keeps its size from second to second, whatever its digits.
    let widest = |digits: String| fonts.weighted_line(&digits, size, text.weight, f32::from(u16::MAX));
    let digits = said.split('\n').take(MAX_LINES).map(|line| line.replace(|c: char| c.is_ascii_digit(), "0"));
    let width = digits.filter_map(widest).map(|line| line.width()).fold(0.0, f32::max) + 2.0 * aside;
    let share = (free(room.width) / width).min(free(room.height) / height);
    // Slightly less than what fits, so that rounding cuts nothing.
    if share < 1.0 { size * (share * 0.99).max(SMALLEST_SHARE as f32) } else { size }
}

fn write(fonts: &mut Fonts, text: &Text, said: &str, badges: &[Badge], room: Size, size: f32) -> Option<RgbaImage> {
    let boxed = !text.background.is_none();
    let (aside, above) = padding(text, size);
    let free = |side: u32, padding: f32| side.saturating_sub(text.inset.saturating_mul(2)) as f32 - 2.0 * padding;
    let (width, height) = (free(room.width, aside), free(room.height, above));
    let pitch = size * PITCH;
    let badge_side = (size * BADGE.0).round();
    let count = (((width + size * BADGE.1) / (badge_side + size * BADGE.1)).max(0.0) as usize).min(badges.len());
    let badges = &badges[..count];
    let marks = badges.len() as f32 * (badge_side + size * BADGE.1);
    // The last line needs no space below it.
    let fit = (((height + pitch - size) / pitch).floor().max(1.0) as usize).min(MAX_LINES);
    let line = |(index, words): (usize, &str)| {
        let taken = if index == 0 { marks } else { 0.0 };
        let line = (width - taken > size).then(|| fonts.weighted_line(words, size, text.weight, width - taken));
        (taken, line.flatten())
    };
    let lines: Vec<(f32, Option<Line>)> = said.split('\n').take(fit).enumerate().map(line).collect();
    if badges.is_empty() && lines.iter().all(|(_, line)| line.is_none()) {
        return None;
    }
    let length = |(taken, line): &(f32, Option<Line>)| match line {
        Some(line) => taken + line.width(),
        // The last badge needs no distance after it.
        None => (taken - size * BADGE.1).max(0.0),
    };
    let widest = lines.iter().map(length).fold(0.0, f32::max);
    let mut image = RgbaImage::new(even(widest + 2.0 * aside), even(pitch * lines.len() as f32 + 2.0 * above));
    if boxed {
        fill(&mut image, (PADDING.2 * size) as u32, text.background);
    }
    let (keep, _) = text.anchor.fractions();
    for (index, whole) in lines.iter().enumerate() {
        let mut x = aside + (image.width() as f32 - 2.0 * aside - length(whole)) * keep as f32;
        let middle = above + pitch * (index as f32 + 0.5);
        if index == 0 {
            for badge in badges {
                badge::paint(&mut image, *badge, (x, middle - badge_side / 2.0), badge_side);
                x += badge_side + size * BADGE.1;
            }
        }
        if let (_, Some(line)) = whole {
            line.paint_over(&mut image, x, middle + HALF_CAPITAL * size, text.color);
        }
    }
    Some(image)
}

/// The rectangle of a box of this size in `rect`: even numbers.
pub fn anchored(rect: Rect, text: &Text, size: Size) -> Rect {
    let (across, down) = text.anchor.fractions();
    let place = |start: i32, side: u32, own: u32, fraction: f64| {
        // A distance that leaves no space puts the box in the middle.
        let inset = f64::from(text.inset).min(f64::from(side) / 2.0);
        let free = f64::from(side) - 2.0 * inset - f64::from(own);
        let from = inset + free * fraction;
        start + (from / 2.0).round() as i32 * 2
    };
    let x = place(rect.x, rect.width, size.width, across);
    let y = place(rect.y, rect.height, size.height, down);
    Rect { x: x & !1, y: y & !1, width: size.width, height: size.height }
}

fn even(length: f32) -> u32 {
    (length.ceil().max(1.0) as u32 + 1) & !1
}

fn fill(image: &mut RgbaImage, radius: u32, paint: Paint) {
    let (width, height) = image.dimensions();
    let outline = Outline { rect: Rect { x: 0, y: 0, width, height }, radius };
    let color = Rgb([paint.color.red, paint.color.green, paint.color.blue]);
    let mut row = vec![0; width as usize];
    for y in 0..height {
        outline.cover(Shape::Inside, y as i32, 0..width as i32, &mut row);
        for (x, coverage) in row.iter().enumerate() {
            let alpha = f32::from(*coverage) / 255.0 * f32::from(paint.alpha) / 255.0;
            blend_over(image, x as i64, y.into(), color, alpha);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{Anchor, Weight};

    #[test]
    fn the_clock_is_read_where_it_is_read() {
        let clock = |seconds, utc_offset_minutes| Part::Clock { seconds, utc_offset_minutes };
        let parts = [Part::Words("at ".to_owned()), clock(false, 90), Part::Words(", ".to_owned()), clock(true, -60)];
        assert_eq!(say(&parts, 86_400 * 3 + 3600 * 23 + 59), "at 00:30, 22:00:59");
        assert_eq!(say(&parts, 0), "at 01:30, 23:00:00");
    }

    #[test]
    fn a_box_keeps_to_its_anchor_on_even_numbers() {
        let rect = Rect { x: 10, y: 20, width: 101, height: 50 };
        let mut text = Text {
            parts: Vec::new(),
            size: 10,
            weight: Weight::Regular,
            color: Paint::WHITE,
            background: Paint::NONE,
            anchor: Anchor::BottomRight,
            inset: 4,
        };
        let at = |text: &Text| anchored(rect, text, Size { width: 30, height: 12 });
        assert_eq!((at(&text).x, at(&text).y), (78, 54));
        text.anchor = Anchor::TopLeft;
        assert_eq!((at(&text).x, at(&text).y), (14, 24));
    }
}
