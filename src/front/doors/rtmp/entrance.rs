//! Who is let into the RTMP door, and who is kept waiting at it.

use std::{net::IpAddr, sync::Arc, time::Instant};

use crate::front::{
    model::RoomError,
    net::{
        accept::{Admission, Admissions, Shares, Silence, Standing},
        guess::{Guesses, Limited, Scope},
        rate::{Allowance, Rates},
    },
    rtmp,
};

/// Why a peer does not get what it asked for, for people.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// It asked for what is not there, or has no right key for it, and is not told which.
    #[error("{0}")]
    Guess(String),
    /// It guessed too often.
    #[error(transparent)]
    Limited(#[from] Limited),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Refusal {
    /// One of a few words, for the counters; `what` is what was asked for.
    pub fn label(&self, what: &'static str) -> &'static str {
        match self {
            Self::Limited(_) => "guessing",
            Self::Guess(_) | Self::Other(_) => what,
        }
    }
}

impl From<RoomError> for Refusal {
    fn from(error: RoomError) -> Self {
        match error.is_guess() {
            true => Self::Guess(error.to_string()),
            false => Self::Other(error.to_string()),
        }
    }
}

impl From<rtmp::Error> for Refusal {
    /// What another front says against it, as it said it.
    fn from(error: rtmp::Error) -> Self {
        match error {
            rtmp::Error::Refused(reason)
                if [RoomError::WrongKey, RoomError::WrongToken].iter().any(|guess| guess.to_string() == reason) =>
            {
                Self::Guess(reason)
            }
            rtmp::Error::Refused(reason) => Self::Other(reason),
            error => Self::Other(error.to_string()),
        }
    }
}

/// See the module. Clones share everything.
#[derive(Debug, Clone)]
pub struct Entrance {
    admissions: Admissions,
    silence: Silence,
    guesses: Guesses,
    /// How often an address is heard at all that may try nothing: enough for a player of an open room behind it, and for an encoder to be
    /// told why.
    turnstile: Arc<Rates>,
}

impl Entrance {
    /// Nobody is in; up to `silenced` of those who lose their place are kept open for a while; `guesses` are those of all doors.
    pub fn new(shares: Shares, silenced: usize, guesses: Guesses) -> Self {
        let (admissions, silence) = (Admissions::new(shares), Silence::new(silenced));
        Self { admissions, silence, guesses, turnstile: Arc::new(Rates::new(Allowance::TURNSTILE)) }
    }

    /// What becomes of connections that lost their place.
    pub(super) fn silence(&self) -> &Silence {
        &self.silence
    }

    /// Lets a stranger in, or closes its connection without a word, which costs nothing: one of few words why, for the counters.
    pub(super) fn admit(&self, address: IpAddr) -> Result<Admission, &'static str> {
        if self.guesses.is_limited(address, Instant::now()) && self.turnstile.take(address).is_err() {
            return Err("guessing");
        }
        self.admissions.admit(address, Standing::Stranger).map_err(|_| "full")
    }

    /// Looks at what a stranger brings, unless it guessed too often. `find` does the looking.
    pub(super) async fn attempt<T>(
        &self,
        address: IpAddr,
        scope: Scope<'_>,
        find: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        let attempt = self.guesses.begin(address, scope, Instant::now())?;
        let found = find.await;
        match &found {
            Err(Refusal::Guess(_)) => attempt.wrong().await,
            _ => attempt.forgive(),
        }
        found
    }
}
