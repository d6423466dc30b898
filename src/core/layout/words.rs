//! Text interpolation: texts with variables such as `{name}`.

use std::fmt::Write;

use super::{Part, style::ClockSpec};

/// A piece of a text, as a template writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    Plain(String),
    /// The name of the person the text is about.
    Name,
    Role,
    Room,
    /// How many people there are.
    Participants,
    /// The time of day.
    Clock,
}

/// The values of the variables.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    pub name: &'a str,
    pub role: &'a str,
    pub room: &'a str,
    pub participants: usize,
}

impl Word {
    /// True for a piece that is replaced by a value.
    pub fn is_variable(&self) -> bool {
        !matches!(self, Self::Plain(_))
    }

    /// True for a piece that needs a person.
    pub fn is_personal(&self) -> bool {
        matches!(self, Self::Name | Self::Role)
    }
}

/// Parses a text.
///
/// # Errors
/// A sentence about the first invalid brace.
pub(super) fn parse(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        plain.push_str(before);
        if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            plain.push_str(&from[..1]);
            rest = after;
            continue;
        }
        let variable = from.strip_prefix('{').and_then(|from| from.split_once('}'));
        let (name, after) =
            variable.ok_or("has a brace without its other half; write {{ and }} for braces themselves")?;
        let word = match name {
            "name" => Word::Name,
            "role" => Word::Role,
            "room" => Word::Room,
            "participants" => Word::Participants,
            "clock" => Word::Clock,
            other => {
                let other: String = other.chars().take(32).collect();
                return Err(format!(
                    "has the variable {{{other}}}; there are {{name}}, {{role}}, {{room}}, {{participants}} and {{clock}}"
                ));
            }
        };
        if !plain.is_empty() {
            words.push(Word::Plain(std::mem::take(&mut plain)));
        }
        words.push(word);
        rest = after;
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        words.push(Word::Plain(plain));
    }
    Ok(words)
}

/// The text with all variables filled in except the clock; empty when there is nothing to read.
pub(super) fn fill(words: &[Word], clock: ClockSpec, facts: Facts<'_>) -> Vec<Part> {
    let ClockSpec { seconds, utc_offset_minutes } = clock;
    let clocks = words.iter().filter(|word| **word == Word::Clock).count();
    let mut parts: Vec<Part> = Vec::with_capacity(2 * clocks + 1);
    for (piece, words) in words.split(|word| *word == Word::Clock).enumerate() {
        if piece > 0 {
            parts.push(Part::Clock { seconds, utc_offset_minutes });
        }
        let said = facts.said(words);
        // A line that only holds an empty role would be an empty line.
        let said = if clocks == 0 && said.trim().len() < said.len() { said.trim().to_owned() } else { said };
        if !said.is_empty() {
            parts.push(Part::Words(said));
        }
    }
    parts
}

impl Facts<'_> {
    /// The text without a clock among its words.
    fn said(self, words: &[Word]) -> String {
        let length = |word: &Word| match word {
            Word::Plain(text) => text.len(),
            Word::Name => self.name.len(),
            Word::Role => self.role.len(),
            Word::Room => self.room.len(),
            Word::Participants => 2,
            Word::Clock => 0,
        };
        // This is written for every tile of every scene, so it takes one allocation.
        let mut said = String::with_capacity(words.iter().map(length).sum());
        for word in words {
            match word {
                Word::Plain(text) => said.push_str(text),
                Word::Name => said.push_str(self.name),
                Word::Role => said.push_str(self.role),
                Word::Room => said.push_str(self.room),
                Word::Participants => write!(said, "{}", self.participants).unwrap_or_default(),
                Word::Clock => {}
            }
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts<'static> = Facts { name: "Ana {clock}", role: "", room: "weekly", participants: 7 };

    fn said(text: &str) -> Vec<Part> {
        fill(&parse(text).expect(text), ClockSpec::default(), FACTS)
    }

    #[test]
    fn variables_stand_for_what_is_true_and_names_are_no_templates() {
        assert_eq!(said("{name}, {room} ({participants})"), [Part::Words("Ana {clock}, weekly (7)".to_owned())]);
        assert_eq!(said("{name}\n{role}"), [Part::Words("Ana {clock}".to_owned())]);
        assert_eq!(said("{{x}}"), [Part::Words("{x}".to_owned())]);
        let clock = Part::Clock { seconds: false, utc_offset_minutes: 0 };
        assert_eq!(said("at {clock} h"), [Part::Words("at ".to_owned()), clock, Part::Words(" h".to_owned())]);
        assert_eq!(said(""), []);
        assert_eq!(said("{role}"), []);
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        for bad in ["{", "}", "{name", "name}", "{nme}", "{{name}", "{na{name}me}", "{}"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("{nme}").expect_err("a fault").contains("{name}"));
    }
}
