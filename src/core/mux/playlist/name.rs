//! Names of the files that a playlist lists, relative to it.

use std::fmt;

/// What a name stands for. [`fmt::Display`] writes the name, [`Resource::parse`] reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// An initialization segment.
    Init(u32),
    /// A whole segment, by its media sequence number.
    Segment(u64),
    /// A part of a segment.
    Part {
        /// Of which segment.
        segment: u64,
        /// Which, from 0.
        index: u32,
    },
}

impl Resource {
    /// Reads a name as it is written here, and no other: a name that is not is no file's.
    pub fn parse(name: &str) -> Option<Self> {
        let resource = if let Some(number) = name.strip_prefix("init").and_then(|rest| rest.strip_suffix(".mp4")) {
            Self::Init(number.parse().ok()?)
        } else {
            let (kind, rest) = name.split_at_checked(1)?;
            let numbers = rest.strip_suffix(".m4s")?;
            match (kind, numbers.split_once('-')) {
                ("s", None) => Self::Segment(numbers.parse().ok()?),
                ("p", Some((segment, index))) => {
                    Self::Part { segment: segment.parse().ok()?, index: index.parse().ok()? }
                }
                _ => return None,
            }
        };
        // `parse` takes signs and leading zeros, which no playlist has.
        (resource.to_string() == name).then_some(resource)
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Init(number) => write!(f, "init{number}.mp4"),
            Self::Segment(segment) => write!(f, "s{segment}.m4s"),
            Self::Part { segment, index } => write!(f, "p{segment}-{index}.m4s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_no_others() {
        for resource in [Resource::Init(3), Resource::Segment(u64::MAX), Resource::Part { segment: 12, index: 3 }] {
            assert_eq!(Resource::parse(&resource.to_string()), Some(resource));
        }
        for name in [
            "",
            "s.m4s",
            "s+1.m4s",
            "s01.m4s",
            "../s1.m4s",
            "s1.m4s/..",
            "p1.m4s",
            "p1-2-3.m4s",
            "é1.m4s",
            "init-1.mp4",
        ] {
            assert_eq!(Resource::parse(name), None, "{name}");
        }
    }
}
