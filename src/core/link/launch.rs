//! Launch texts (gst-launch pipelines) with `{placeholders}`, as kept in `pipelines/`: the built-in texts, and how
//! placeholders are filled.
//!
//! A value is a number or a word of `a-z 0-9 - _`, so no value can end an element and begin another. Lines that begin
//! with `#` are comments.

/// The built-in launch texts: path below `pipelines/` without its ending, and the text.
pub const BUILTIN: &[(&str, &str)] = &[
    ("stage", include_str!("../../../pipelines/stage.launch")),
    ("video/x264", include_str!("../../../pipelines/video/x264.launch")),
    ("video/openh264", include_str!("../../../pipelines/video/openh264.launch")),
    ("video/nvenc", include_str!("../../../pipelines/video/nvenc.launch")),
    ("video/va", include_str!("../../../pipelines/video/va.launch")),
    ("audio/opus", include_str!("../../../pipelines/audio/opus.launch")),
];

/// The built-in launch text at this path, such as `video/x264`.
pub fn builtin(path: &str) -> Option<&'static str> {
    BUILTIN.iter().find(|(name, _)| *name == path).map(|(_, text)| *text)
}

/// The value of a placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    Number(u64),
    /// A word of `a-z 0-9 - _`, 1 to 32 of them.
    Word(&'a str),
}

/// Why a launch text cannot be filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// A placeholder that does not exist here.
    #[error("the launch text has a placeholder {{{name}}}, which is not one of {known}")]
    Unknown {
        name: String,
        /// The existing placeholders, separated by commas.
        known: String,
    },
    /// An opening brace without a closing one, or the reverse.
    #[error("the launch text has an unmatched brace after {after:?}")]
    Brace {
        /// The text just before the brace.
        after: String,
    },
    /// A word that could change the pipeline's structure.
    #[error("{word:?} cannot stand for {{{name}}}: use 1 to 32 of the characters a-z 0-9 - _")]
    Word {
        name: String,
        /// The refused word.
        word: String,
    },
}

/// Longest word, bytes.
const MAX_WORD: usize = 32;

fn uncommented(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with('#'))
}

fn brace(before: &str) -> LaunchError {
    let tail: Vec<char> = before.chars().rev().take(20).collect();
    LaunchError::Brace { after: tail.into_iter().rev().collect() }
}

/// Replaces placeholders by `values`. A value without a placeholder is ignored.
pub fn fill(text: &str, values: &[(&str, Value<'_>)]) -> Result<String, LaunchError> {
    let mut filled = String::with_capacity(text.len());
    for line in uncommented(text) {
        let mut rest = line;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from_brace) = rest.split_at(at);
            filled.push_str(before);
            let inside = from_brace.strip_prefix('{').ok_or_else(|| brace(before))?;
            let (name, after) = inside.split_once('}').ok_or_else(|| brace(before))?;
            filled.push_str(&value(name, values)?);
            rest = after;
        }
        filled.push_str(rest);
        filled.push(' ');
    }
    Ok(filled)
}

fn value(name: &str, values: &[(&str, Value<'_>)]) -> Result<String, LaunchError> {
    match values.iter().find(|(known, _)| *known == name) {
        Some((_, Value::Number(number))) => Ok(number.to_string()),
        Some((_, Value::Word(word))) => {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
            if word.is_empty() || word.len() > MAX_WORD || !word.bytes().all(plain) {
                return Err(LaunchError::Word { name: name.to_owned(), word: (*word).to_owned() });
            }
            Ok((*word).to_owned())
        }
        None => {
            let known = values.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
            Err(LaunchError::Unknown { name: name.chars().take(MAX_WORD).collect(), known })
        }
    }
}

/// The element property whose whole value is this placeholder, as in `bitrate={bitrate_kbps}`. The stage sets this
/// property when the value changes while the pipeline runs.
pub fn property_of<'a>(text: &'a str, placeholder: &str) -> Option<&'a str> {
    uncommented(text).flat_map(str::split_whitespace).find_map(|word| {
        let (property, value) = word.split_once('=')?;
        let name = value.strip_prefix('{')?.strip_suffix('}')?;
        (name == placeholder).then_some(property)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: &[(&str, Value<'_>)] = &[("preset", Value::Word("veryfast")), ("bitrate_kbps", Value::Number(2500))];

    #[test]
    fn numbers_and_words_take_their_places() {
        let text = "# a {comment}\nx264enc speed-preset={preset}\n  bitrate={bitrate_kbps}";
        assert_eq!(fill(text, VALUES).as_deref(), Ok("x264enc speed-preset=veryfast   bitrate=2500 "));
        assert_eq!(property_of(text, "bitrate_kbps"), Some("bitrate"));
        assert_eq!(property_of(text, "bitrate_bps"), None);
    }

    #[test]
    fn what_could_change_the_structure_is_refused() {
        assert!(matches!(fill("a {nonsense}", VALUES), Err(LaunchError::Unknown { .. })));
        for text in ["a {preset", "a } b", "{pre\nset}"] {
            assert!(matches!(fill(text, VALUES), Err(LaunchError::Brace { .. })), "{text}");
        }
        for word in ["", "x ! filesink", "A", "a\"b", &"a".repeat(33)] {
            assert!(
                matches!(fill("{preset}", &[("preset", Value::Word(word))]), Err(LaunchError::Word { .. })),
                "{word}"
            );
        }
    }

    #[test]
    fn every_video_encoder_has_a_bitrate_that_can_change() {
        for (path, text) in BUILTIN.iter().filter(|(path, _)| path.starts_with("video/")) {
            assert!(property_of(text, "bitrate_kbps").or(property_of(text, "bitrate_bps")).is_some(), "{path}");
        }
    }
}
