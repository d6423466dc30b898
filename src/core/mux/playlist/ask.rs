//! Blocking playlist reload and delta updates: what a request asks for (RFC 8216bis §6.2.5), and whether it can be answered yet.

use super::Playlist;

/// The delivery directives of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ask {
    /// `_HLS_msn`: answer once this segment is in the list.
    pub segment: Option<u64>,
    /// `_HLS_part`: answer once this part of it is.
    pub part: Option<u64>,
    /// `_HLS_skip`: a delta update will do.
    pub skip: bool,
}

/// Whether a request can be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Now.
    Ready,
    /// Once more has come. The RFC lets a server wait for three target durations, and then answer 503.
    Wait,
    /// Never: 400.
    Bad(BadAsk),
}

/// Why a request gets 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAsk {
    /// A directive's value is none.
    #[error("_HLS_msn and _HLS_part are whole numbers, _HLS_skip is YES or v2, and each comes once")]
    Value,
    /// A part of no segment.
    #[error("_HLS_part needs _HLS_msn")]
    PartAlone,
    /// Too far ahead of the list.
    #[error("the playlist is not that far")]
    TooFar,
}

impl Ask {
    /// Reads the directives of a query string; other parameters are passed over.
    ///
    /// # Errors
    /// [`BadAsk`], which is answered 400.
    pub fn parse(query: &str) -> Result<Self, BadAsk> {
        fn number(into: &mut Option<u64>, value: &str) -> Result<(), BadAsk> {
            let is_plain = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            let value = value.parse().ok().filter(|_| is_plain).ok_or(BadAsk::Value)?;
            if into.replace(value).is_some() { Err(BadAsk::Value) } else { Ok(()) }
        }
        let mut ask = Self::default();
        for (name, value) in query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))) {
            match name {
                "_HLS_msn" => number(&mut ask.segment, value)?,
                "_HLS_part" => number(&mut ask.part, value)?,
                "_HLS_skip" if !ask.skip && matches!(value, "YES" | "v2") => ask.skip = true,
                "_HLS_skip" => return Err(BadAsk::Value),
                _ => {}
            }
        }
        if ask.part.is_some() && ask.segment.is_none() {
            return Err(BadAsk::PartAlone);
        }
        Ok(ask)
    }
}

impl Playlist {
    /// Whether the list holds what is asked for.
    pub fn answer(&self, ask: &Ask) -> Answer {
        let Some(mut segment) = ask.segment else {
            return if ask.part.is_some() { Answer::Bad(BadAsk::PartAlone) } else { Answer::Ready };
        };
        if self.ended {
            return Answer::Ready;
        }
        let (next, parts) = self.next();
        let last = if parts > 0 { next } else { next.saturating_sub(1) };
        if segment > last.saturating_add(2) {
            return Answer::Bad(BadAsk::TooFar);
        }
        let Some(mut part) = ask.part else {
            return if segment < next { Answer::Ready } else { Answer::Wait };
        };
        // A part beyond a segment's last is the first of the next.
        if segment < next {
            let place = segment.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
            let had = place.and_then(|place| self.segments.get(place)).map(|segment| segment.parts.len() as u64);
            match had {
                Some(had) if segment + 1 == next && part >= had => (segment, part) = (next, 0),
                _ => return Answer::Ready,
            }
        }
        let most = parts.saturating_add(self.advance());
        match segment == next {
            true if part < parts => Answer::Ready,
            true if part >= most => Answer::Bad(BadAsk::TooFar),
            false if part >= self.advance() => Answer::Bad(BadAsk::TooFar),
            _ => Answer::Wait,
        }
    }

    /// The Advance Part Limit: as many parts ahead as three seconds have.
    fn advance(&self) -> u64 {
        let part = self.settings.part.as_millis().clamp(1, 1000) as u64;
        3000u64.div_ceil(part)
    }
}
