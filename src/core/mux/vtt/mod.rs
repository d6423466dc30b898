//! WebVTT: chapters, and thumbnails as rectangles of a sheet (`#xywh`, W3C Media Fragments §4.2.2).

use std::{
    fmt::{self, Write},
    time::Duration,
};

use crate::media::{Rect, Size};

/// Longest text of a cue, in characters.
const MAX_TEXT: usize = 200;

/// A chapter of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chapter<'a> {
    /// From the recording's beginning.
    pub from: Duration,
    /// Where it ends.
    pub to: Duration,
    /// Any text; what WebVTT would obey is escaped.
    pub title: &'a str,
}

/// Pictures of one size on a sheet, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sheet<'a> {
    /// Its file, relative to the text.
    pub uri: &'a str,
    /// Of one picture, px.
    pub tile: Size,
    /// Pictures in a row.
    pub columns: u32,
}

/// The text of chapters, in the order of their beginnings. A chapter that ends before it begins is left out.
pub fn chapters(chapters: &[Chapter<'_>]) -> String {
    let mut sorted: Vec<_> = chapters.iter().filter(|chapter| chapter.to > chapter.from).collect();
    sorted.sort_by_key(|chapter| chapter.from);
    let mut text = String::from("WEBVTT\n");
    for (number, chapter) in sorted.into_iter().enumerate() {
        let (from, to) = (Time(chapter.from), Time(chapter.to));
        // A string takes everything.
        let _ = write!(text, "\n{}\n{from} --> {to}\n{}\n", number + 1, Escaped(chapter.title));
    }
    text
}

/// The text of a sheet whose pictures were taken at `times`, which rise; the last is shown until `end`.
pub fn thumbnails(sheet: &Sheet<'_>, times: &[Duration], end: Duration) -> String {
    let mut text = String::from("WEBVTT\n");
    for (number, from) in times.iter().enumerate() {
        // The first picture stands for all before it.
        let from = if number == 0 { Duration::ZERO } else { *from };
        let to = times.get(number + 1).copied().unwrap_or(end);
        if to <= from {
            continue;
        }
        let Rect { x, y, width, height } = sheet.place(number);
        let uri: String = sheet.uri.chars().filter(|char| !char.is_control() && !char.is_whitespace()).collect();
        let _ = write!(text, "\n{} --> {}\n{uri}#xywh={x},{y},{width},{height}\n", Time(from), Time(to));
    }
    text
}

impl Sheet<'_> {
    /// Where a picture is on the sheet, px.
    pub fn place(&self, number: usize) -> Rect {
        let columns = self.columns.max(1) as usize;
        let at = |place: usize, side: u32| i32::try_from(place as u64 * u64::from(side)).unwrap_or(i32::MAX);
        let Size { width, height } = self.tile;
        Rect { x: at(number % columns, width), y: at(number / columns, height), width, height }
    }
}

/// §3.3 of WebVTT: hours have two digits or more.
struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        write!(f, "{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
    }
}

/// Text of one line without tags, entities, an arrow, or marks that turn its surroundings.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let turns = |char: &char| matches!(char, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let breaks = |char: char| char.is_control() || matches!(char, '\u{2028}' | '\u{2029}');
        let plain = self.0.chars().filter(|char| !turns(char)).map(|char| if breaks(char) { ' ' } else { char });
        let line: String = plain.take(MAX_TEXT).collect();
        // A cue without a line is a cue without a text, which some players refuse.
        let line = if line.trim().is_empty() { "–" } else { line.trim() };
        line.chars().try_for_each(|char| match char {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            char => f.write_char(char),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn chapters_are_in_order_and_names_are_text() {
        let told = chapters(&[
            Chapter { from: s(3700), to: s(3800), title: "Zoë & 会议 <b>x</b>\n\n00:00 --> 00:01" },
            Chapter { from: s(5), to: s(5), title: "never" },
            Chapter { from: s(0), to: s(3700), title: " \u{202e} " },
        ]);
        let want = "WEBVTT\n\n1\n00:00:00.000 --> 01:01:40.000\n–\n\n2\n01:01:40.000 --> 01:03:20.000\n\
                    Zoë &amp; 会议 &lt;b&gt;x&lt;/b&gt;  00:00 --&gt; 00:01\n";
        assert_eq!(told, want);
    }

    #[test]
    fn thumbnails_are_rectangles_of_the_sheet() {
        let sheet = Sheet { uri: "sheet.jpg", tile: Size { width: 160, height: 90 }, columns: 2 };
        let told = thumbnails(&sheet, &[s(1), s(10), s(20)], s(25));
        let want = "WEBVTT\n\n00:00:00.000 --> 00:00:10.000\nsheet.jpg#xywh=0,0,160,90\n\n\
                    00:00:10.000 --> 00:00:20.000\nsheet.jpg#xywh=160,0,160,90\n\n\
                    00:00:20.000 --> 00:00:25.000\nsheet.jpg#xywh=0,90,160,90\n";
        assert_eq!(told, want);
    }

    proptest! {
        #[test]
        fn no_name_makes_a_cue(title in any::<String>()) {
            let told = chapters(&[Chapter { from: s(0), to: s(1), title: &title }]);
            prop_assert_eq!(told.matches("-->").count(), 1);
            prop_assert_eq!(told.lines().count(), 5);
            prop_assert!(!told.lines().skip(4).any(str::is_empty));
        }
    }
}
