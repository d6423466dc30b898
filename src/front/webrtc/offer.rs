//! What of a client's offer the RTP stack gets to see, and what of the answer the client is told for the rest. PURE.
//!
//! The stack keeps whatever an offer names for as long as the session lasts. So what is of no use here is left out: candidates,
//! since an agent that is ICE-lite begins no checks (RFC 8445 §2.5), and data channels, which are rejected.

use super::{Error, color};

/// Most media sections of an offer. One of each kind is used; browsers that reuse a connection leave a few dead ones.
const MAX_SECTIONS: usize = 16;

/// Most lines that name a stream (RFC 5576). Browsers write five for each, and a section has one, or three layers with their
/// repairs.
const MAX_SSRC_LINES: usize = 64;

/// Most lines of an offer. A browser's of two tracks with every codec has 250.
const MAX_LINES: usize = 2000;

/// An offer that was looked at.
#[derive(Debug, PartialEq, Eq)]
pub struct Offer {
    /// For the stack.
    pub text: String,
    /// Sections that are rejected: their place among the offer's, and what the answer says of them.
    rejected: Vec<(usize, String)>,
}

impl Offer {
    /// Looks at an offer.
    pub fn read(offer: &str) -> Result<Self, Error> {
        let refuse = |what: String| Err(Error::Malformed(what));
        if offer.lines().count() > MAX_LINES {
            return refuse(format!("it has more than {MAX_LINES} lines"));
        }
        if offer.lines().filter(|line| line.starts_with("a=ssrc")).count() > MAX_SSRC_LINES {
            return refuse(format!("it has more than {MAX_SSRC_LINES} a=ssrc lines"));
        }
        let (session, sections) = split(offer);
        if sections.len() > MAX_SECTIONS {
            return refuse(format!("it has more than {MAX_SECTIONS} media sections"));
        }
        let rejects = |section: &[&str]| section[0].starts_with("m=application ");
        let gone: Vec<&str> =
            sections.iter().filter(|section| rejects(section)).filter_map(|section| mid(section)).collect();
        let mut text = String::new();
        for line in session {
            match line.strip_prefix("a=group:BUNDLE") {
                Some(mids) => {
                    let kept = mids.split_whitespace().filter(|mid| !gone.contains(mid));
                    text.push_str("a=group:BUNDLE");
                    kept.for_each(|mid| text.extend([" ", mid]));
                }
                None => text.push_str(line),
            }
            text.push_str("\r\n");
        }
        let mut rejected = Vec::new();
        for (place, section) in sections.iter().enumerate() {
            if rejects(section) {
                rejected.push((place, rejection(section)));
                continue;
            }
            for line in section.iter().filter(|line| !line.starts_with("a=candidate:")) {
                text.extend([line, "\r\n"]);
            }
        }
        let text = color::for_stack(&text);
        Ok(Self { text, rejected })
    }

    /// The answer to the whole offer, out of the stack's answer to what it saw.
    pub fn answered(&self, answer: &str) -> String {
        let answer = color::for_client(answer);
        if self.rejected.is_empty() {
            return answer;
        }
        let (session, sections) = split(&answer);
        let mut sections: Vec<String> = sections.iter().map(|section| lines(section)).collect();
        for (place, section) in &self.rejected {
            sections.insert((*place).min(sections.len()), section.clone());
        }
        lines(&session) + &sections.concat()
    }
}

/// Media sections of an offer or answer.
pub fn sections(sdp: &str) -> usize {
    sdp.lines().filter(|line| line.starts_with("m=")).count()
}

/// Says no (RFC 8829 §5.3.1): the same section with port 0.
fn rejection(section: &[&str]) -> String {
    let mut words: Vec<&str> = section[0].split(' ').collect();
    if let Some(port) = words.get_mut(1) {
        *port = "0";
    }
    let named = mid(section).map(|mid| format!("a=mid:{mid}\r\n")).unwrap_or_default();
    format!("{}\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n{named}", words.join(" "))
}

fn mid<'a>(section: &[&'a str]) -> Option<&'a str> {
    section.iter().find_map(|line| line.strip_prefix("a=mid:")).map(str::trim)
}

/// The lines before the first section, and each section's. A section has one line at least.
fn split(sdp: &str) -> (Vec<&str>, Vec<Vec<&str>>) {
    let (mut session, mut sections) = (Vec::new(), Vec::<Vec<&str>>::new());
    for line in sdp.lines().map(str::trim_end) {
        match sections.last_mut() {
            _ if line.starts_with("m=") => sections.push(vec![line]),
            Some(section) => section.push(line),
            None => session.push(line),
        }
    }
    (session, sections)
}

fn lines(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| [*line, "\r\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\na=group:BUNDLE 0 1 2\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
        a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\na=ice-ufrag:x\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\na=sctp-port:5000\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\n";

    #[test]
    fn the_stack_sees_neither_candidates_nor_data_channels() {
        let offer = Offer::read(OFFER).expect("an offer");
        let seen = "v=0\r\na=group:BUNDLE 0 2\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:x\r\n\
            m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\n";
        assert_eq!(offer.text, seen);
        let answer =
            "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\n";
        let told = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
            m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:1\r\n\
            m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\n";
        assert_eq!(offer.answered(answer), told);
    }

    #[test]
    fn an_offer_of_usual_shape_stays_as_it_is() {
        let plain = "v=0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n";
        let offer = Offer::read(plain).expect("an offer");
        assert_eq!(offer.text, plain);
        assert_eq!(offer.answered("v=0\r\n"), "v=0\r\n");
    }

    #[test]
    fn what_costs_the_stack_is_bounded() {
        let many = |line: &str, times| format!("{OFFER}{}", line.repeat(times));
        assert!(Offer::read(&many("a=ssrc:1 cname:x\r\n", MAX_SSRC_LINES)).is_ok());
        for offer in [
            many("a=ssrc:1 cname:x\r\n", MAX_SSRC_LINES + 1),
            many("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", MAX_SECTIONS),
            many("a=x\r\n", MAX_LINES),
        ] {
            assert!(matches!(Offer::read(&offer), Err(Error::Malformed(_))));
        }
        let candidates = many("a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n", 500);
        assert!(!Offer::read(&candidates).expect("an offer").text.contains("a=candidate"));
    }
}
