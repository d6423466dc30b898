//! Writes a media playlist.

use std::{
    fmt::{self, Write},
    time::Duration,
};

use super::{Kind, Playlist, Resource, Segment};

/// How a list is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct View<'a> {
    /// With parts, for players that know low latency; else plain HLS.
    pub low_latency: bool,
    /// As a delta update, where the list is long enough for one.
    pub skip: bool,
    /// Follows every name: `?token=…` say. A name does not inherit the playlist's own query.
    pub suffix: &'a str,
}

/// Skip Boundary in target durations, the least the RFC has (§4.4.3.8).
const SKIP: u64 = 6;

/// A delta update saves something from so many segments on.
const LEAST_SKIPPED: usize = 2;

impl Playlist {
    /// The list as text. Plain lists have whole segments alone.
    pub fn write(&self, view: &View<'_>) -> String {
        let mut text = String::new();
        // A string takes everything.
        let _ = self.put(view, &mut text);
        text
    }

    fn put(&self, view: &View<'_>, text: &mut String) -> fmt::Result {
        let low_latency = view.low_latency && self.settings.kind != Kind::Vod && !self.ended;
        let skipped = if low_latency && view.skip { self.skippable() } else { 0 };
        self.put_head(low_latency, text)?;
        if skipped > 0 {
            writeln!(text, "#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}")?;
        }
        let with_parts = self.segments.len() - if low_latency { self.listed_with_parts() } else { 0 };
        let mut map = None;
        for (place, segment) in self.segments.iter().enumerate().skip(skipped) {
            let number = self.first + place as u64;
            let parts = low_latency && place >= with_parts && self.are_regular(segment);
            if !segment.done && !parts {
                continue;
            }
            self.put_tags(segment, &mut map, view, text)?;
            if parts {
                self.put_parts(number, segment, view, text)?;
            }
            if segment.done {
                self.put_segment(number, segment, view, text)?;
            }
        }
        if self.ended {
            return text.write_str("#EXT-X-ENDLIST\n");
        }
        if low_latency && self.segments.back().is_none_or(|last| last.done || self.are_regular(last)) {
            let (segment, index) = self.next();
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let part = Resource::Part { segment, index };
            writeln!(text, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{part}{}\"", Quoted(view.suffix))?;
        }
        Ok(())
    }

    fn put_head(&self, low_latency: bool, text: &mut String) -> fmt::Result {
        // §8: skipping takes 9, gaps 8, and initialization segments of media playlists 6.
        let has_gap = self.segments.iter().any(|segment| segment.gap);
        let version = if low_latency { 9 } else { 6 + 2 * u8::from(has_gap) };
        let target = self.target();
        writeln!(text, "#EXTM3U\n#EXT-X-VERSION:{version}\n#EXT-X-TARGETDURATION:{target}")?;
        match self.settings.kind {
            Kind::Live { .. } => {}
            Kind::Event => text.write_str("#EXT-X-PLAYLIST-TYPE:EVENT\n")?,
            Kind::Vod => text.write_str("#EXT-X-PLAYLIST-TYPE:VOD\n")?,
        }
        if low_latency {
            let part = self.settings.part;
            write!(text, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL={}.0,", SKIP * target)?;
            writeln!(text, "PART-HOLD-BACK={}", Seconds(part * 3))?;
            writeln!(text, "#EXT-X-PART-INF:PART-TARGET={}", Seconds(part))?;
        }
        writeln!(text, "#EXT-X-MEDIA-SEQUENCE:{}", self.first)?;
        writeln!(text, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", self.discontinuities)
    }

    /// What stands before a segment's parts and itself.
    fn put_tags(
        &self,
        segment: &Segment,
        map: &mut Option<super::Map>,
        view: &View<'_>,
        text: &mut String,
    ) -> fmt::Result {
        if segment.discontinuity {
            text.write_str("#EXT-X-DISCONTINUITY\n")?;
        }
        if segment.discontinuity || *map != Some(segment.init) {
            *map = Some(segment.init);
            text.write_str("#EXT-X-MAP:URI=\"")?;
            match (&self.settings.file, segment.init.range) {
                (Some(file), Some((offset, len))) => {
                    writeln!(text, "{}{}\",BYTERANGE=\"{len}@{offset}\"", Quoted(file), Quoted(view.suffix))?;
                }
                _ => writeln!(text, "{}{}\"", Resource::Init(segment.init.number), Quoted(view.suffix))?,
            }
        }
        match segment.date {
            Some(date) => writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{date}"),
            None => Ok(()),
        }
    }

    fn put_parts(&self, number: u64, segment: &Segment, view: &View<'_>, text: &mut String) -> fmt::Result {
        for (index, part) in segment.parts.iter().enumerate() {
            let name = Resource::Part { segment: number, index: index as u32 };
            let (lasts, suffix) = (Seconds(part.duration), Quoted(view.suffix));
            write!(text, "#EXT-X-PART:DURATION={lasts},URI=\"{name}{suffix}\"")?;
            text.write_str(if part.independent { ",INDEPENDENT=YES" } else { "" })?;
            text.write_str(if segment.gap { ",GAP=YES\n" } else { "\n" })?;
        }
        Ok(())
    }

    fn put_segment(&self, number: u64, segment: &Segment, view: &View<'_>, text: &mut String) -> fmt::Result {
        if segment.gap {
            text.write_str("#EXT-X-GAP\n")?;
        }
        writeln!(text, "#EXTINF:{},", Seconds(segment.duration))?;
        match (&self.settings.file, segment.range) {
            (Some(file), Some((offset, len))) => {
                writeln!(text, "#EXT-X-BYTERANGE:{len}@{offset}\n{}{}", Quoted(file), Quoted(view.suffix))
            }
            _ => writeln!(text, "{}{}", Resource::Segment(number), Quoted(view.suffix)),
        }
    }

    /// How many segments at the beginning are further from the end than the Skip Boundary.
    fn skippable(&self) -> usize {
        let boundary = Duration::from_secs(SKIP * self.target());
        let mut behind = Duration::ZERO;
        let kept = self.segments.iter().rev().take_while(|segment| {
            let is_kept = behind < boundary;
            behind += segment.duration;
            is_kept
        });
        let skipped = self.segments.len() - kept.count();
        if skipped < LEAST_SKIPPED { 0 } else { skipped }
    }

    /// How many segments at the end have their parts listed: those of the last three target durations, and the open one.
    fn listed_with_parts(&self) -> usize {
        let boundary = Duration::from_secs(3 * self.target());
        let mut behind = Duration::ZERO;
        let recent = self.segments.iter().rev().take(super::WITH_PARTS).take_while(|segment| {
            let is_recent = behind < boundary;
            behind += segment.duration;
            is_recent
        });
        recent.count()
    }

    /// A segment with a part beyond the target, which a stream of rare pictures without sound makes, is listed without parts.
    fn are_regular(&self, segment: &Segment) -> bool {
        segment.parts.iter().all(|part| part.duration <= self.settings.part)
    }
}

/// Seconds with five places, never zero. What is rounded stays below the part target, as that is whole milliseconds.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = (self.0.as_nanos() / 10_000).max(1);
        write!(f, "{}.{:05}", units / 100_000, units % 100_000)
    }
}

/// A text within quotes or on a line of its own: without quotes and control characters, which would end it.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().filter(|char| *char != '"' && !char.is_control()).try_for_each(|char| f.write_char(char))
    }
}
