//! Whose a client's check is: the user name of a STUN binding request. PURE.

/// A STUN header (RFC 8489 §5), bytes.
const HEADER: usize = 20;
const BINDING_REQUEST: [u8; 2] = [0, 1];
const MAGIC: [u8; 4] = 0x2112_a442_u32.to_be_bytes();
const USERNAME: u16 = 6;

/// Our part of the user name of a binding request: what stands before the colon (RFC 8445 §7.2.2). `None` for everything else,
/// found out from the first bytes.
pub fn ufrag(datagram: &[u8]) -> Option<&str> {
    let head = datagram.get(..HEADER)?;
    if head[..2] != BINDING_REQUEST || head[4..8] != MAGIC {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let mut rest = datagram.get(HEADER..HEADER + length)?;
    while let Some((head, tail)) = rest.split_first_chunk::<4>() {
        let (kind, length) =
            (u16::from_be_bytes([head[0], head[1]]), usize::from(u16::from_be_bytes([head[2], head[3]])));
        let value = tail.get(..length)?;
        if kind == USERNAME {
            return std::str::from_utf8(value).ok()?.split_once(':').map(|(ours, _)| ours);
        }
        rest = tail.get(length.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(name: &[u8]) -> Vec<u8> {
        let padded = [name, &[0; 3][..name.len().next_multiple_of(4) - name.len()]].concat();
        let software = [0x80, 0x22, 0, 1, b'x', 0, 0, 0];
        let length = (software.len() + 4 + padded.len()) as u16;
        let attribute = [&[0, 6], &(name.len() as u16).to_be_bytes()[..], &padded].concat();
        [&BINDING_REQUEST[..], &length.to_be_bytes(), &MAGIC, &[7; 12], &software, &attribute].concat()
    }

    #[test]
    fn our_part_of_the_name_is_found() {
        assert_eq!(ufrag(&request(b"ours:theirs")), Some("ours"));
        assert_eq!(ufrag(&request(b"nothing")), None);
        assert_eq!(ufrag(&request(b"ours:theirs")[..30]), None);
        let mut response = request(b"ours:theirs");
        response[0] = 1;
        assert_eq!(ufrag(&response), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = ufrag(&bytes);
            let mut stun = request(&bytes);
            stun[3] = bytes.len() as u8;
            let _ = ufrag(&stun);
        }
    }
}
