//! Escaping of outside text (log injection): one line, bounded, without characters that a terminal or a page obeys.

use std::fmt::{self, Write};

/// Shows a text on one line and cuts it after a number of characters. Control characters, and characters that change
/// the direction of the text around them, are shown as `
/// ` or `\u{1b}`.
#[derive(Debug, Clone, Copy)]
pub struct Plain<T> {
    text: T,
    most: usize,
}

impl<T: fmt::Display> Plain<T> {
    /// `text`, at most `most` characters of it.
    pub fn new(text: T, most: usize) -> Self {
        Self { text, most }
    }
}

impl<T: fmt::Display> fmt::Display for Plain<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut plainly = Plainly::new(f, self.most);
        write!(plainly, "{}", self.text)?;
        plainly.finish()
    }
}

/// A writer that escapes and cuts what is written to it as [`Plain`] does.
#[derive(Debug)]
pub struct Plainly<'a, W> {
    out: &'a mut W,
    left: usize,
    cut: usize,
}

impl<'a, W: Write> Plainly<'a, W> {
    /// Passes at most `most` characters on to `out`.
    pub fn new(out: &'a mut W, most: usize) -> Self {
        Self { out, left: most, cut: 0 }
    }

    /// Writes how many characters were cut, if any were.
    ///
    /// # Errors
    /// The writer's errors.
    pub fn finish(self) -> fmt::Result {
        match self.cut {
            0 => Ok(()),
            cut => write!(self.out, "… ({cut} more characters)"),
        }
    }
}

impl<W: Write> Write for Plainly<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = text.char_indices().nth(self.left).map_or(text.len(), |(at, _)| at);
        let (shown, cut) = text.split_at(end);
        self.cut += cut.chars().count();
        let mut plain = 0;
        for (at, char) in shown.char_indices() {
            self.left -= 1;
            if is_obeyed(char) {
                self.out.write_str(&shown[plain..at])?;
                write!(self.out, "{}", char.escape_default())?;
                plain = at + char.len_utf8();
            }
        }
        self.out.write_str(&shown[plain..])
    }
}

/// True for characters that act instead of being shown: control characters, line separators, direction marks (Unicode
/// Standard Annex #9), byte order marks.
fn is_obeyed(char: char) -> bool {
    let turns =
        matches!(char, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    char.is_control() || turns || matches!(char, '\u{2028}' | '\u{2029}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let hostile = "a\r\nINFO all is well\u{1b}[2J\u{9b}1m\u{7}\u{202e}txt\u{2028}b\u{feff}\0";
        let shown = Plain::new(hostile, 1000).to_string();
        assert_eq!(shown, r"a\r\nINFO all is well\u{1b}[2J\u{9b}1m\u{7}\u{202e}txt\u{2028}b\u{feff}\u{0}");
        assert_eq!(Plain::new(&shown, 1000).to_string(), shown, "shown again it stays as it is");
        assert_eq!(Plain::new("Zoë 会议 مرحبا 😀", 1000).to_string(), "Zoë 会议 مرحبا 😀");
    }

    #[test]
    fn what_is_too_long_is_cut_and_counted() {
        assert_eq!(Plain::new("会议会议", 3).to_string(), "会议会… (1 more characters)");
        assert_eq!(Plain::new("abc", 3).to_string(), "abc");
        let mut out = String::new();
        let mut plainly = Plainly::new(&mut out, 4);
        plainly.write_str("ab\n").expect("a string takes all");
        plainly.write_str("def").expect("a string takes all");
        plainly.finish().expect("a string takes all");
        assert_eq!(out, r"ab\nd… (2 more characters)");
    }
}
