//! Which room and which participant a stream on SRS belongs to, by its name. PURE.

use std::str::FromStr;

use super::Place;

/// Longest pattern, bytes: an application, a name and the longest of both ids.
const MAX_PATTERN_BYTES: usize = 256;

const ROOM: &str = "{room}";
const PARTICIPANT: &str = "{participant}";

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}; write it as APP/NAME with {{room}} and {{participant}} once each, such as live/{{room}}-{{participant}}")]
pub struct InvalidPattern(&'static str);

/// `APP/NAME` with the placeholders `{room}` and `{participant}`. Where a stream's name could be read in several ways, the first
/// placeholder takes as much as it can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    before: String,
    between: String,
    after: String,
    /// The room stands first.
    room_first: bool,
}

impl FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let (Some(room), Some(participant)) = (text.find(ROOM), text.find(PARTICIPANT)) else {
            return Err(InvalidPattern("the pattern lacks {room} or {participant}"));
        };
        if text.len() > MAX_PATTERN_BYTES {
            return Err(InvalidPattern("the pattern is longer than 256 bytes"));
        }
        let room_first = room < participant;
        let (first, second) = if room_first { (ROOM, PARTICIPANT) } else { (PARTICIPANT, ROOM) };
        let (before, rest) = text.split_once(first).ok_or(InvalidPattern("the pattern lacks a placeholder"))?;
        let (between, after) = rest.split_once(second).ok_or(InvalidPattern("the pattern lacks a placeholder"))?;
        let plain = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
        if ![before, between, after].into_iter().all(plain) {
            return Err(InvalidPattern("beside the placeholders, only A-Z a-z 0-9 - _ . / are possible"));
        }
        if between.is_empty() {
            return Err(InvalidPattern("something must stand between the placeholders, or nobody can tell them apart"));
        }
        if before.starts_with('/') || !text.contains('/') || after.ends_with('/') {
            return Err(InvalidPattern("a stream on SRS has an application and a name"));
        }
        let [before, between, after] = [before, between, after].map(str::to_owned);
        Ok(Self { before, between, after, room_first })
    }
}

impl Pattern {
    /// Whether names have a dot, what follows the last of which SRS does not look at.
    pub fn has_dot_in_name(&self) -> bool {
        let Self { before, between, after, .. } = self;
        format!("{before}x{between}x{after}").rsplit('/').next().is_some_and(|name| name.contains('.'))
    }

    /// Whose the stream `name` of application `app` is; `None` for one that does not fit or does not name ids, which is none of
    /// ours.
    pub fn place(&self, app: &str, name: &str) -> Option<Place> {
        let whole = format!("{app}/{name}");
        let middle = whole.strip_prefix(&self.before)?.strip_suffix(&self.after)?;
        let (first, second) = middle.rsplit_once(&self.between)?;
        let (room, participant) = if self.room_first { (first, second) } else { (second, first) };
        Some((room.parse().ok()?, participant.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(pattern: &str, app: &str, name: &str) -> Option<(String, String)> {
        let place = pattern.parse::<Pattern>().expect("a pattern").place(app, name);
        place.map(|(room, participant)| (room.to_string(), participant.to_string()))
    }

    #[test]
    fn names_are_read_as_the_pattern_says() {
        let found = |room: &str, participant: &str| Some((room.to_owned(), participant.to_owned()));
        for (pattern, app, name, wanted) in [
            ("live/{room}-{participant}", "live", "weekly-alice", found("weekly", "alice")),
            ("live/{room}-{participant}", "live", "weekly-standup-alice", found("weekly-standup", "alice")),
            ("in/{room}/{participant}", "in/weekly", "alice", found("weekly", "alice")),
            ("{room}/{participant}", "weekly", "alice", found("weekly", "alice")),
            ("live/{participant}.at.{room}", "live", "alice.at.weekly", found("weekly", "alice")),
            ("live/{room}_{participant}.x", "live", "a_b_c.x", found("a_b", "c")),
            ("live/{room}-{participant}", "other", "weekly-alice", None),
            ("live/{room}-{participant}", "live", "weekly", None),
            ("live/{room}-{participant}", "live", "-alice", None),
            ("live/{room}-{participant}", "live", "weekly-", None),
            ("live/{room}-{participant}", "live", "weekly-al ice", None),
            ("live/{room}-{participant}", "live", "../weekly-alice", None),
            ("live/{room}-{participant}-cam", "live", "weekly-cam", None),
        ] {
            assert_eq!(place(pattern, app, name), wanted, "{pattern} {app} {name}");
        }
    }

    #[test]
    fn a_dot_counts_in_the_name_alone() {
        for (pattern, wanted) in [
            ("live/{room}-{participant}", false),
            ("a.b/{room}-{participant}", false),
            ("{room}.x/{participant}", false),
            ("live/{room}.{participant}", true),
            ("{room}/{participant}.flv", true),
            ("in/x.{room}-{participant}", true),
        ] {
            assert_eq!(pattern.parse::<Pattern>().expect("a pattern").has_dot_in_name(), wanted, "{pattern}");
        }
    }

    #[test]
    fn what_could_not_be_read_is_no_pattern() {
        for bad in [
            "",
            "live/{room}",
            "live/{participant}",
            "live/{room}{participant}",
            "live/{room}-{participant}{room}",
            "live/{room} {participant}",
            "live/{room}-{participant}?",
            "{room}-{participant}",
            "/{room}-{participant}",
            &format!("live/{}{{room}}-{{participant}}", "x".repeat(256)),
        ] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad}");
        }
    }

    #[test]
    fn no_name_breaks_it() {
        let pattern: Pattern = "live/{room}-{participant}".parse().expect("a pattern");
        proptest::proptest!(|(app: String, name: String)| {
            let _ = pattern.place(&app, &name);
        });
    }
}
