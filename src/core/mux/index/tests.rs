use proptest::prelude::*;

use super::*;
use crate::mux::cmaf::{
    Event,
    tests::{recording, stream},
};

/// Reads a file as a caller does; no more reads than it has boxes.
pub(in crate::mux) fn scan(file: &[u8]) -> Index {
    let mut scanner = Scanner::new(file.len() as u64);
    let mut reads = 0;
    while let Some(wanted) = scanner.wants() {
        assert!(wanted.start < wanted.end && wanted.end <= file.len() as u64);
        reads += 1;
        assert!(reads <= 2 + file.len() / 4, "it comes to an end");
        scanner.give(&file[wanted.start as usize..wanted.end as usize]);
    }
    scanner.finish()
}

fn two_sizes() -> (Vec<u8>, Vec<Event>) {
    recording(vec![stream(0, 6, 50, 160), stream(50_000, 4, 50, 80)])
}

#[test]
fn a_file_tells_what_was_written() {
    let (file, events) = two_sizes();
    let index = scan(&file);
    assert_eq!((index.end(), index.tail()), (file.len() as u64, Tail::Whole));
    assert_eq!(index.span(), Some((Duration::ZERO, Duration::from_secs(10))));
    assert_eq!(index.inits().iter().map(Init::codecs).collect::<Vec<_>>(), ["vp08.00.10.08,opus"; 2]);
    let parts: Vec<_> =
        events.iter().filter_map(|event| if let Event::Part(part) = event { Some(part) } else { None }).collect();
    assert_eq!(index.fragments().count(), parts.len());
    for (fragment, part) in index.fragments().zip(&parts) {
        assert_eq!((fragment.len, fragment.independent), (part.data.len() as u64, part.independent));
        assert!(fragment.start.abs_diff(part.start) <= Duration::from_millis(20));
    }
    let keyframes: Vec<_> = index.keyframes().collect();
    assert_eq!(keyframes.iter().map(|key| key.at.as_secs()).collect::<Vec<_>>(), [0, 2, 4, 6, 8]);
    assert!(keyframes.iter().all(|key| file[key.offset as usize + 3..][..3] == [0x9d, 1, 0x2a]));
    assert_eq!(keyframes.iter().map(|key| key.init).collect::<Vec<_>>(), [0, 0, 0, 1, 1]);
}

#[test]
fn segments_are_those_that_were_cut() {
    let (file, events) = two_sizes();
    let segments = scan(&file).segments(Duration::from_secs(2), Duration::from_secs(4));
    let begins: Vec<_> =
        events.iter().filter_map(|event| if let Event::Begin(begin) = event { Some(begin) } else { None }).collect();
    assert_eq!(segments.len(), begins.len());
    for (segment, begin) in segments.iter().zip(begins) {
        assert_eq!((segment.start, segment.independent), (begin.start, begin.independent));
        assert_eq!((segment.discontinuity, segment.duration), (begin.discontinuity, Duration::from_secs(2)));
    }
}

#[test]
fn what_was_appended_is_what_is_read() {
    let (file, events) = two_sizes();
    let mut index = Index::new();
    for event in &events {
        match event {
            Event::Init(init) => index.append(&init.data).expect("it is whole"),
            Event::Part(part) => index.append(&part.data).expect("it is whole"),
            _ => {}
        }
    }
    let read = scan(&file);
    assert_eq!(index.fragments().collect::<Vec<_>>(), read.fragments().collect::<Vec<_>>());
    assert_eq!((index.end(), index.sequence(), index.inits()), (read.end(), read.sequence(), read.inits()));
    assert!(index.append(b"nonsense that is no box").is_err());
    assert_eq!(index.end(), read.end());
}

#[test]
fn a_torn_file_ends_with_its_last_whole_fragment() {
    let (file, _) = recording(vec![stream(0, 2, 50, 160)]);
    let ends: Vec<_> = scan(&file).fragments().map(|fragment| fragment.offset + fragment.len).collect();
    for len in 0..file.len() {
        let index = scan(&file[..len]);
        let whole = ends.iter().rev().find(|end| **end <= len as u64);
        assert_eq!(index.fragments().last().map(|last| last.offset + last.len).as_ref(), whole, "{len}");
        assert!(index.tail() == Tail::Torn || index.end() == len as u64, "{len}: {:?}", index.tail());
    }
    let zeros = [&file[..], &[0; 5000]].concat();
    assert_eq!((scan(&zeros).end(), scan(&zeros).tail()), (file.len() as u64, Tail::Torn));
    let noise = [&file[..], b"\0\0\0\x0cabcdefgh"].concat();
    assert_eq!((scan(&noise).end(), scan(&noise).tail()), (file.len() as u64, Tail::Broken("an unknown box")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn any_damage_is_survived(
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), any::<bool>()), 1..6),
        cut in any::<proptest::sample::Index>(),
    ) {
        let (mut file, _) = recording(vec![stream(0, 1, 50, 160)]);
        for (at, byte, in_tables) in damage {
            // Half of it where the tables are.
            let len = if in_tables { file.len().min(1600) } else { file.len() };
            file[at.index(len)] = byte;
        }
        file.truncate(file.len() - cut.index(file.len() / 8));
        let index = scan(&file);
        prop_assert!(index.end() <= file.len() as u64);
        for fragment in index.fragments() {
            prop_assert!(fragment.offset + fragment.len <= index.end() && fragment.start <= fragment.end);
        }
        for key in index.keyframes() {
            prop_assert!(key.offset + u64::from(key.len) <= index.end());
        }
        let segments = index.segments(Duration::from_secs(2), Duration::from_secs(4));
        prop_assert!(segments.iter().all(|segment| segment.offset + segment.len <= index.end()));
        if let Ok(plan) = crate::mux::mp4::plan(&[&index]) {
            for slice in plan.slices(0..u64::MAX) {
                if let crate::mux::mp4::Slice::Source { offset, len, .. } = slice {
                    prop_assert!(offset + len <= index.end());
                }
            }
        }
    }
}
