//! How long each stage of a session may take. PURE.

use std::time::{Duration, Instant};

use super::{End, peer::Role};

/// From our answer to the client's first checked address. Browsers that gather candidates behind a slow TURN server take up
/// to ten seconds.
pub const ICE: Duration = Duration::from_secs(20);
/// From there to a secure connection: a few round trips and, when one is lost, a second's retransmission.
pub const DTLS: Duration = Duration::from_secs(10);
/// From there to the first media of a client that publishes: a person who still chooses a camera.
pub const FIRST_MEDIA: Duration = Duration::from_secs(30);
/// Nothing at all comes for this long: the client is gone. Browsers send a check every few seconds, whatever the media do;
/// consent lasts as long (RFC 7675 §5.1).
pub const SILENCE: Duration = Duration::from_secs(30);
/// Nothing at all comes for this long from a client that publishes: its place is freed, as a silent RTMP publisher's is.
pub const PLACE_SILENCE: Duration = Duration::from_secs(15);
/// No media come for this long from a client that publishes, though it is there: its place is freed.
pub const MEDIA_SILENCE: Duration = Duration::from_secs(300);
/// No media come for this long from a server that we pull from: most keep a session whose publisher left, and only another
/// try tells whether there is a stream.
pub const PULL_SILENCE: Duration = Duration::from_secs(15);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Our answer is out.
    Answered,
    /// An address was checked.
    Checked,
    /// The connection is secure; a client that publishes has sent nothing yet.
    Connected,
    /// Media came, or we are the one who sends.
    Live,
}

/// See the module.
#[derive(Debug)]
pub struct Stage {
    role: Role,
    step: Step,
    since: Instant,
    heard: Instant,
    media: Instant,
}

impl Stage {
    /// Our answer is out.
    pub fn new(role: Role, now: Instant) -> Self {
        Self { role, step: Step::Answered, since: now, heard: now, media: now }
    }

    /// Anything came.
    pub fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// An address of the client's was checked; again after ICE restarted, which is no step back.
    pub fn checked(&mut self, now: Instant) {
        if self.step == Step::Answered {
            self.enter(Step::Checked, now);
        }
    }

    /// The connection is secure.
    pub fn connected(&mut self, now: Instant) {
        self.media = now;
        self.enter(if self.role.is_incoming() { Step::Connected } else { Step::Live }, now);
    }

    /// Media came.
    pub fn media(&mut self, now: Instant) {
        self.media = now;
        if self.step == Step::Connected {
            self.enter(Step::Live, now);
        }
    }

    /// True from the moment the connection was secure.
    pub fn is_connected(&self) -> bool {
        matches!(self.step, Step::Connected | Step::Live)
    }

    fn enter(&mut self, step: Step, now: Instant) {
        self.step = step;
        self.since = now;
    }

    fn deadlines(&self) -> [(Option<Instant>, &'static str); 3] {
        let step = match self.step {
            Step::Answered if self.role.is_ours() => (
                Some(self.since + ICE),
                "the server's UDP address did not answer within 20 s; see that it names its public one and that UDP gets there",
            ),
            Step::Answered => {
                (Some(self.since + ICE), "the client did not reach this server within 20 s; see --public-address")
            }
            Step::Checked => (Some(self.since + DTLS), "the connection was not secure within 10 s"),
            Step::Connected => (Some(self.since + FIRST_MEDIA), "no media came within 30 s"),
            Step::Live => (None, ""),
        };
        let (patience, why) = match self.role {
            Role::Publish => (PLACE_SILENCE, "nothing came for 15 s"),
            _ => (SILENCE, "nothing came for 30 s"),
        };
        let silence = self.is_connected().then(|| self.heard + patience);
        let media = match (self.step, self.role) {
            (Step::Live, Role::Publish) => (Some(self.media + MEDIA_SILENCE), "no media came for 5 min"),
            (Step::Live, Role::Pull) => (Some(self.media + PULL_SILENCE), "no media came for 15 s"),
            _ => (None, ""),
        };
        [step, (silence, why), media]
    }

    /// The next deadline.
    pub fn next(&self) -> Instant {
        let set = self.deadlines().into_iter().filter_map(|(at, _)| at);
        set.min().unwrap_or(self.heard + SILENCE)
    }

    /// Fails when a deadline has passed.
    pub fn check(&self, now: Instant) -> Result<(), End> {
        match self.deadlines().into_iter().find(|(at, _)| at.is_some_and(|at| at <= now)) {
            Some((_, why)) => Err(End::Silent(why)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(stage: &Stage, at: Instant) -> Option<&'static str> {
        match stage.check(at) {
            Err(End::Silent(why)) => Some(why),
            _ => None,
        }
    }

    #[test]
    fn every_stage_has_an_end() {
        let begin = Instant::now();
        let mut stage = Stage::new(Role::Publish, begin);
        assert_eq!(stage.next(), begin + ICE);
        assert_eq!(over(&stage, begin + ICE - Duration::from_millis(1)), None);
        assert!(over(&stage, begin + ICE).is_some_and(|why| why.contains("--public-address")));
        stage.checked(begin);
        assert_eq!(stage.next(), begin + DTLS);
        stage.connected(begin);
        assert!(stage.is_connected());
        assert_eq!(stage.next(), begin + PLACE_SILENCE);
        stage.heard(begin + FIRST_MEDIA);
        assert_eq!(over(&stage, begin + FIRST_MEDIA), Some("no media came within 30 s"));
        stage.heard(begin);
        stage.media(begin);
        assert_eq!(stage.next(), begin + PLACE_SILENCE);
        assert_eq!(over(&stage, begin + PLACE_SILENCE), Some("nothing came for 15 s"));
        for second in 1..300 {
            let now = begin + Duration::from_secs(second);
            stage.heard(now);
            assert_eq!(over(&stage, now), None, "{second}");
        }
        assert_eq!(over(&stage, begin + MEDIA_SILENCE), Some("no media came for 5 min"));
    }

    #[test]
    fn a_server_whose_publisher_left_is_asked_again() {
        let begin = Instant::now();
        let mut stage = Stage::new(Role::Pull, begin);
        assert!(over(&stage, begin + ICE).is_some_and(|why| why.contains("UDP address did not answer")));
        stage.checked(begin);
        stage.connected(begin);
        assert_eq!(stage.next(), begin + FIRST_MEDIA);
        stage.media(begin);
        stage.heard(begin + PULL_SILENCE);
        assert_eq!(over(&stage, begin + PULL_SILENCE), Some("no media came for 15 s"));
    }

    #[test]
    fn who_watches_only_has_to_be_there() {
        let begin = Instant::now();
        let mut stage = Stage::new(Role::Watch, begin);
        stage.checked(begin);
        stage.connected(begin);
        let later = begin + Duration::from_secs(86_400);
        stage.heard(later);
        assert_eq!(over(&stage, later), None);
        assert_eq!(over(&stage, later + SILENCE), Some("nothing came for 30 s"));
    }
}
