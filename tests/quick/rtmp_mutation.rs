//! Bounded fuzzing of RTMP: the fuzz entries, fed with random bytes and with mutations of a real session, in every run
//! of the tests.

use proptest::{collection::vec, prelude::*, sample::Index};

/// One change to a session's bytes.
#[derive(Debug, Clone)]
enum Change {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        1 => (any::<Index>(), vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        1 => (any::<Index>(), 1usize..50).prop_map(|(at, count)| Change::Remove(at, count)),
        1 => (any::<Index>(), 1usize..300).prop_map(|(at, count)| Change::Repeat(at, count)),
    ]
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    vec(change(), 0..6).prop_map(|changes| {
        let mut bytes = super::entries::session();
        for change in changes {
            match change {
                Change::Set(at, byte) => {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
                Change::Insert(at, more) => {
                    let at = at.index(bytes.len());
                    bytes.splice(at..at, more);
                }
                Change::Remove(at, count) => {
                    let at = at.index(bytes.len());
                    bytes.drain(at..(at + count).min(bytes.len() - 1));
                }
                Change::Repeat(at, count) => {
                    let at = at.index(bytes.len());
                    let again = bytes[at..(at + count).min(bytes.len())].to_vec();
                    bytes.splice(at..at, again);
                }
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn mutated_sessions_are_read_alike_however_cut(step in any::<u8>(), bytes in mutated()) {
        super::entries::chunks(&[&[step], &bytes[..]].concat());
    }

    #[test]
    fn mutated_sessions_end_in_order(bytes in mutated()) {
        super::entries::accept(&bytes);
    }

    #[test]
    fn any_bytes_end_in_order(bytes in vec(any::<u8>(), 0..6000)) {
        super::entries::connection(bytes.clone());
        super::entries::accept(&bytes);
        super::entries::chunks(&bytes);
    }

    #[test]
    fn any_bytes_are_no_command_or_one_that_can_be_built(bytes in vec(prop_oneof![0u8..12, any::<u8>()], 0..200)) {
        super::entries::amf0(&bytes);
    }

    #[test]
    fn any_bytes_are_no_tag_or_one_within_itself(bytes in vec(any::<u8>(), 0..40)) {
        super::entries::flv(&bytes);
    }
}

#[test]
fn the_session_itself_is_good() {
    // Two configs, five pictures, five sounds, and a picture in an aggregate.
    assert_eq!(super::entries::accept(&super::entries::session()), 13);
}
