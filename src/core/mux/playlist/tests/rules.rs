//! Rules of RFC 8216bis, each checked on the text of a media playlist.

use std::collections::BTreeSet;

/// A playlist as a strict player reads it.
#[derive(Debug, Default, Clone)]
pub(super) struct Read {
    pub(super) target: f64,
    pub(super) part_target: Option<f64>,
    pub(super) first: u64,
    pub(super) discontinuities: u64,
    pub(super) skipped: u64,
    pub(super) segments: Vec<Listed>,
    pub(super) hint: Option<String>,
    pub(super) ended: bool,
}

/// A segment, or the parts of the one that is open.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Listed {
    pub(super) uri: Option<String>,
    pub(super) duration: f64,
    pub(super) map: Option<String>,
    pub(super) discontinuity: bool,
    pub(super) gap: bool,
    pub(super) date: Option<String>,
    pub(super) range: Option<String>,
    pub(super) parts: Vec<(f64, String)>,
}

/// Attributes of a tag (§4.2): names once, no space, strings quoted.
fn attributes(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, value) = rest.split_once('=').expect("an attribute has a value");
        assert!(name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-'), "{text}");
        assert!(found.iter().all(|(other, _)| other != name), "an attribute comes once: {text}");
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').expect("a quote ends"),
            None => {
                value.split_once(',').map_or((value, ""), |(value, _)| (value, &rest[name.len() + 1 + value.len()..]))
            }
        };
        found.push((name.into(), value.into()));
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    found
}

fn attribute(text: &str, name: &str) -> Option<String> {
    attributes(text).into_iter().find(|(found, _)| found == name).map(|(_, value)| value)
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is a number"))
}

/// Reads a playlist and holds it against the rules.
pub(super) fn check(text: &str) -> Read {
    let mut read = Read::default();
    let (mut version, mut once, mut needs) = (0.0, BTreeSet::new(), 1.0f64);
    let (mut open, mut map) = (Listed::default(), None);
    let mut segment_tags = false;
    let mut hold_back = None;
    assert!(text.ends_with('\n') && !text.contains('\r'), "§4.1: lines end");
    for (place, line) in text.lines().enumerate() {
        assert!(!line.is_empty() && line.trim() == line, "§4.1: no spaces around: {line}");
        if place == 0 {
            assert_eq!(line, "#EXTM3U", "§4.4.1.1: the first line");
            continue;
        }
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        if ["#EXT-X-VERSION", "#EXT-X-TARGETDURATION", "#EXT-X-MEDIA-SEQUENCE", "#EXT-X-DISCONTINUITY-SEQUENCE"]
            .contains(&tag)
            || ["#EXT-X-SERVER-CONTROL", "#EXT-X-PART-INF", "#EXT-X-PLAYLIST-TYPE", "#EXT-X-SKIP"].contains(&tag)
        {
            assert!(once.insert(tag), "{tag} comes once");
            assert!(!segment_tags || tag == "#EXT-X-SKIP", "§4.4.3: {tag} comes before the segments");
        } else {
            segment_tags = true;
        }
        match tag {
            "#EXT-X-VERSION" => version = number(value),
            "#EXT-X-TARGETDURATION" => read.target = number(value),
            "#EXT-X-MEDIA-SEQUENCE" => read.first = value.parse().expect("a number"),
            "#EXT-X-DISCONTINUITY-SEQUENCE" => read.discontinuities = value.parse().expect("a number"),
            "#EXT-X-PLAYLIST-TYPE" => assert!(["EVENT", "VOD"].contains(&value)),
            "#EXT-X-SERVER-CONTROL" => {
                let skip = number(&attribute(value, "CAN-SKIP-UNTIL").expect("deltas are offered"));
                assert!(skip >= 6.0 * read.target, "§4.4.3.8: the Skip Boundary is six target durations");
                assert_eq!(attribute(value, "CAN-BLOCK-RELOAD").as_deref(), Some("YES"));
                hold_back = attribute(value, "PART-HOLD-BACK").map(|value| number(&value));
            }
            "#EXT-X-PART-INF" => {
                let part = number(&attribute(value, "PART-TARGET").expect("a target"));
                assert!(hold_back.is_some_and(|hold| hold >= 3.0 * part), "§4.4.3.8: three parts held back");
                read.part_target = Some(part);
            }
            "#EXT-X-SKIP" => {
                needs = needs.max(9.0);
                read.skipped = attribute(value, "SKIPPED-SEGMENTS").expect("how many").parse().expect("a number");
            }
            "#EXT-X-DISCONTINUITY" => open.discontinuity = true,
            "#EXT-X-MAP" => {
                needs = needs.max(6.0);
                map = Some(value.to_owned());
            }
            "#EXT-X-PROGRAM-DATE-TIME" => {
                let fixed = value.len() == 24 && value.ends_with('Z') && value.as_bytes()[10] == b'T';
                assert!(fixed, "§4.4.4.6: {value}");
                open.date = Some(value.into());
            }
            "#EXT-X-GAP" => (open.gap, needs) = (true, needs.max(8.0)),
            "#EXT-X-BYTERANGE" => open.range = Some(value.into()),
            "#EXT-X-PART" => {
                let target = read.part_target.expect("§4.4.3.7: parts need PART-INF");
                let lasts = number(&attribute(value, "DURATION").expect("a duration"));
                assert!(lasts > 0.0 && lasts <= target, "§4.4.4.9: {lasts} is no longer than {target}");
                open.parts.push((lasts, attribute(value, "URI").expect("a name")));
                assert!(attribute(value, "INDEPENDENT").is_none_or(|value| value == "YES"));
            }
            "#EXTINF" => {
                open.duration = number(value.split_once(',').expect("§4.4.4.1: a comma").0);
                assert!(open.duration > 0.0 && open.duration.round() <= read.target, "§4.4.3.1: {} s", open.duration);
            }
            "#EXT-X-PRELOAD-HINT" => {
                assert!(read.hint.is_none(), "§4.4.5.3: one hint of a type");
                assert_eq!(attribute(value, "TYPE").as_deref(), Some("PART"));
                read.hint = attribute(value, "URI");
            }
            "#EXT-X-ENDLIST" => read.ended = true,
            uri if !uri.starts_with('#') => {
                assert!(open.duration > 0.0, "§4.4.4.1: a segment has a duration");
                assert!(map.is_some(), "§4.4.4.5: fragments need their initialization segment");
                (open.uri, open.map) = (Some(line.into()), map.clone());
                read.segments.push(std::mem::take(&mut open));
            }
            other => panic!("unknown tag {other}"),
        }
    }
    if !open.parts.is_empty() {
        open.map = map;
        read.segments.push(open);
    }
    assert!(version >= needs, "§8: version {version} where {needs} is needed");
    assert!(once.contains("#EXT-X-TARGETDURATION"), "§4.4.3.1: it is required");
    whole(&read);
    read
}

/// Rules over more than one line.
fn whole(read: &Read) {
    let mut names = BTreeSet::new();
    for (place, segment) in read.segments.iter().enumerate() {
        if let Some(before) = place.checked_sub(1).map(|before| &read.segments[before]) {
            assert!(before.map == segment.map || segment.discontinuity, "§4.4.4.3: another init is a discontinuity");
            assert!(before.date <= segment.date, "§4.4.4.6: time goes on");
            assert!(
                before.parts.is_empty() || !segment.parts.is_empty() || segment.uri.is_some(),
                "parts are of the latest"
            );
        }
        for (number, (lasts, name)) in segment.parts.iter().enumerate() {
            assert!(names.insert(name.clone()), "a name comes once: {name}");
            let is_last = number + 1 == segment.parts.len() && segment.uri.is_some();
            let least = read.part_target.map_or(0.0, |target| target * 0.85);
            assert!(is_last || *lasts >= least, "§4.4.4.9: {lasts} s is less than 85 % of the target");
        }
        if let (Some(uri), true) = (&segment.uri, segment.range.is_none()) {
            assert!(names.insert(uri.clone()), "a name comes once: {uri}");
        }
        if segment.uri.is_some() && !segment.parts.is_empty() {
            let sum: f64 = segment.parts.iter().map(|part| part.0).sum();
            assert!((sum - segment.duration).abs() < 0.001, "§6.2.2: parts make up their segment");
        }
    }
    if let Some(hint) = &read.hint {
        assert!(!read.ended && !names.contains(hint), "§4.4.5.3: a hint is of what comes");
    }
}

/// Rules of a list that is read again (§6.2.1, §6.2.2).
pub(super) fn follows(old: &Read, new: &Read) {
    assert!(new.first >= old.first, "§6.2.2: the media sequence number never falls");
    assert_eq!((old.target, old.part_target), (new.target, new.part_target), "§6.2.1: targets stay");
    let gone = (new.first - old.first) as usize;
    let removed = old.segments.iter().take(gone).filter(|segment| segment.discontinuity).count() as u64;
    assert_eq!(new.discontinuities, old.discontinuities + removed, "§6.2.2: removed discontinuities are counted");
    for (was, is) in old.segments.iter().skip(gone).zip(&new.segments) {
        assert_eq!((was.discontinuity, &was.date), (is.discontinuity, &is.date), "§6.2.1: what was listed stays");
        if was.uri.is_some() {
            assert_eq!((&was.uri, was.duration, &was.map), (&is.uri, is.duration, &is.map));
        }
        let common = was.parts.len().min(is.parts.len());
        assert_eq!(was.parts[..common], is.parts[..common], "§6.2.2: parts are not rewritten");
        assert!(was.uri.is_some() || is.parts.len() >= was.parts.len(), "§6.2.2: parts stay: {was:?} {is:?}");
    }
}
