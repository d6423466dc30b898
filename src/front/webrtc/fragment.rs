//! SDP fragments: what a client sends and gets when it trickles candidates or restarts ICE (RFC 8840, RFC 9725 §4.3). PURE.

use super::Error;

/// Most candidates read of one fragment or answer: more than any machine has interfaces and relays.
pub const MAX_CANDIDATES: usize = 64;

/// Longest ICE user name part and password, characters (RFC 8839 §5.4).
const MAX_CREDENTIAL: usize = 256;

/// What a client says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fragment {
    /// The client's ICE credentials: name and password.
    pub credentials: Option<(String, String)>,
    /// Candidates, as in SDP, without `a=`.
    pub candidates: Vec<String>,
}

impl Fragment {
    /// Reads a fragment; lines of other kinds are left alone.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (mut name, mut password) = (None, None);
        let mut candidates = Vec::new();
        for line in text.lines().map(str::trim_end) {
            if let Some(value) = line.strip_prefix("a=ice-ufrag:") {
                name = Some(credential(value, 4)?);
            } else if let Some(value) = line.strip_prefix("a=ice-pwd:") {
                password = Some(credential(value, 22)?);
            } else if let Some(value) = line.strip_prefix("a=").filter(|value| value.starts_with("candidate:")) {
                if candidates.len() >= MAX_CANDIDATES {
                    return Err(Error::Fragment("it has more than 64 candidates"));
                }
                candidates.push(value.to_owned());
            } else if !line.is_empty() && line.as_bytes().get(1) != Some(&b'=') {
                return Err(Error::Fragment("a line is not of the form a=..."));
            }
        }
        let credentials = match (name, password) {
            (Some(name), Some(password)) => Some((name, password)),
            (None, None) => None,
            _ => return Err(Error::Fragment("ice-ufrag and ice-pwd come together")),
        };
        Ok(Self { credentials, candidates })
    }

    /// What of our answer concerns ICE: credentials and candidates of the first section, which all share.
    pub fn of_answer(answer: &str) -> String {
        let ice = ["a=ice-lite", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=end-of-candidates", "a=mid:", "m="];
        let mut fragment = String::new();
        let mut sections = 0;
        for line in answer.lines() {
            sections += usize::from(line.starts_with("m="));
            if sections < 2 && ice.iter().any(|head| line.starts_with(head)) {
                fragment.push_str(line);
                fragment.push_str("\r\n");
            }
        }
        fragment
    }
}

/// `ice-char`s alone: whatever else would end up in an SDP line.
fn credential(value: &str, least: usize) -> Result<String, Error> {
    let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/');
    if !plain || !(least..=MAX_CREDENTIAL).contains(&value.len()) {
        return Err(Error::Fragment("ice-ufrag has 4 to 256 and ice-pwd 22 to 256 letters, digits, + or /"));
    }
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_and_credentials_are_read() {
        let text = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n\
            a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n";
        let fragment = Fragment::parse(text).expect("a fragment");
        assert_eq!(fragment.credentials, Some(("EsAw".to_owned(), "P2uYro0UCOQ4zxjKXaWCBui1".to_owned())));
        assert_eq!(fragment.candidates, ["candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host"]);
        assert_eq!(Fragment::parse("").expect("empty is no fault"), Fragment::default());
    }

    #[test]
    fn what_would_break_an_sdp_line_is_refused() {
        for text in
            ["a=ice-ufrag:EsAw", "a=ice-ufrag:a b c\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1", "hello", "a=ice-ufrag:x"]
        {
            assert!(Fragment::parse(text).is_err(), "{text:?}");
        }
        let many = "a=candidate:1 1 udp 1 192.0.2.1 1 typ host\n".repeat(65);
        assert!(Fragment::parse(&many).is_err());
    }

    #[test]
    fn our_fragment_has_what_ice_needs() {
        let answer = "v=0\r\na=ice-lite\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:x\r\n\
            a=rtpmap:111 opus/48000/2\r\na=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\nm=video 9 x\r\na=ice-ufrag:abcd\r\n";
        let wanted = "a=ice-lite\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:x\r\n\
            a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n";
        assert_eq!(Fragment::of_answer(answer), wanted);
    }
}
