//! PURE. Loop filter (deblocking filter): when decoding may leave it out.
//!
//! A picture that is decoded without the filter is slightly wrong, and every picture that is predicted from it keeps
//! and adds to the error, up to the next keyframe. At tile size the error is invisible for a few seconds (SSIM 0.98
//! after 1 s, 0.96 after 5 s of H.264) and visible later (0.92 after 20 s, 0.86 after 40 s). RTMP senders make a
//! keyframe every few seconds; browsers make one only on request.

/// Longest distance of two keyframes at which the filter is left out, pictures: 5 s at 30 fps.
const SHORT: u32 = 150;

/// How far into a replay of unknown length the filter is left out, pictures: 2 s at 30 fps, the usual GOP. Of a replay
/// only the last picture is seen.
const REPLAYED: u32 = 60;

/// The GOP lengths of one stream.
#[derive(Debug)]
pub struct LoopFilter {
    /// Pictures since the newest keyframe, which has number 0.
    since_key: u32,
    /// True when the previous GOP was short; then this one is expected to be short.
    promised: bool,
}

impl Default for LoopFilter {
    fn default() -> Self {
        Self { since_key: u32::MAX, promised: false }
    }
}

impl LoopFilter {
    /// Notes the next picture's packet.
    pub fn next(&mut self, keyframe: bool) {
        self.since_key = self.since_key.saturating_add(1);
        if keyframe {
            self.promised = (1..=SHORT).contains(&self.since_key);
            self.since_key = 0;
        }
    }

    /// True if this picture may be decoded without the filter. `small`: all its tiles are small for it. `replay`: it
    /// comes from a GOP cache.
    pub fn allows(&self, small: bool, replay: bool) -> bool {
        replay && self.since_key < REPLAYED || small && self.promised && self.since_key < SHORT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many pictures of GOPs of these lengths are decoded without the filter.
    fn left_out(gops: &[u32], replay: bool) -> Vec<u32> {
        let mut drift = LoopFilter::default();
        let count = |length: &u32| {
            let allowed = (0..*length).filter(|n| {
                drift.next(*n == 0);
                drift.allows(true, replay)
            });
            allowed.count() as u32
        };
        gops.iter().map(count).collect()
    }

    #[test]
    fn only_short_gops_go_without() {
        assert_eq!(left_out(&[60, 60, 60], false), [0, 60, 60]);
        assert_eq!(left_out(&[9000, 9000, 60, 9000], false), [0, 0, 0, 150]);
        assert_eq!(left_out(&[9000], true), [60]);
        assert!(!LoopFilter { since_key: 0, promised: true }.allows(false, false));
    }
}
