//! The playout clock (jitter buffer) on simulated time and bad networks.

use super::*;

const MS: i64 = 1_000_000;

/// A sender on simulated time, and its receiver's clock.
struct Feed {
    playout: Playout,
    random: u64,
    /// Delay of the network for every packet, ns.
    base: i64,
}

impl Feed {
    fn new() -> Self {
        Self { playout: Playout::new(), random: 1, base: 700 * MS }
    }

    /// Evenly distributed in `0..limit`, the same in every run.
    fn random(&mut self, limit: i64) -> i64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as i64 * limit / (1 << 31)
    }

    /// Sends media captured at `captured` with up to `jitter` ns of extra transit, and returns how late it came, ns.
    fn send(&mut self, track: Track, captured: i64, jitter: i64) -> i64 {
        let now = captured + self.base + self.random(jitter.max(1));
        self.deliver(track, captured / MS * MS, now)
    }

    fn deliver(&mut self, track: Track, media: i64, now: i64) -> i64 {
        let (media, now) = (Timestamp::from_nanos(media), Timestamp::from_nanos(now));
        self.playout.arrived(track, media, now);
        now.nanos() - self.playout.due(media).expect("anchored").nanos()
    }

    /// Delay over the network's own, ns.
    fn added(&self) -> i64 {
        self.playout.due(Timestamp::ZERO).expect("anchored").nanos() - self.base
    }
}

fn frame(n: i64) -> i64 {
    n * 1_000_000_000 / 30
}

#[test]
fn a_clean_feed_waits_almost_nothing() {
    let mut feed = Feed::new();
    assert_eq!(feed.playout.due(Timestamp::ZERO), None);
    for n in 0..30 * 60 {
        feed.send(Track::Video, frame(n), 2 * MS);
        assert!(feed.added() < 4 * MS, "frame {n}: {}", feed.added());
    }
    assert!(feed.playout.delay() < Duration::from_millis(4));
}

#[test]
fn a_burst_at_the_start_is_a_backlog_and_not_jitter() {
    let mut feed = Feed::new();
    for n in 0..45 {
        feed.deliver(Track::Video, frame(n), frame(44) + feed.base + n * 100_000);
    }
    assert!(feed.added() < 6 * MS, "{}", feed.added());
    for n in 45..90 {
        feed.send(Track::Video, frame(n), MS);
    }
    assert!(feed.added() < 6 * MS, "{}", feed.added());
}

#[test]
fn a_stall_as_a_sender_begins_leaves_no_delay() {
    let mut feed = Feed::new();
    let both = |feed: &mut Feed, n| {
        feed.send(Track::Video, frame(n), 2 * MS);
        feed.send(Track::Audio, frame(n), 20 * MS);
    };
    // The network stands still twice, and then everything comes in one burst.
    for (from, stalled, till) in [(0, 6, 24), (24, 30, 42)] {
        (from..stalled).for_each(|n| both(&mut feed, n));
        for track in [Track::Video, Track::Audio] {
            for n in stalled..till {
                feed.deliver(track, frame(n), frame(till) + feed.base);
            }
        }
    }
    for n in 43..30 * 20 {
        both(&mut feed, n);
        assert!(n < 43 + 30 || feed.added() < 6 * MS, "frame {n}: {}", feed.added() / MS);
    }
}

#[test]
fn a_drifting_clock_is_followed_without_a_jump_for_an_hour() {
    for ppm in [200, -200] {
        let mut feed = Feed::new();
        let mut before = None;
        for n in 0..30 * 3600 {
            let captured = frame(n);
            let media = captured - captured / 1_000_000 * ppm;
            let now = captured + feed.base + feed.random(2 * MS);
            feed.deliver(Track::Video, media / MS * MS, now);
            let due = feed.playout.due(Timestamp::from_nanos(media)).expect("anchored").nanos();
            let added = due - captured - feed.base;
            assert!((-MS..6 * MS).contains(&added), "{ppm} ppm, frame {n}: {added}");
            let offset = feed.added();
            assert!((offset - before.unwrap_or(offset)).abs() < 2 * MS, "{ppm} ppm, frame {n}");
            before = Some(offset);
        }
    }
}

#[test]
fn jitter_is_met_at_once_and_let_go_slowly() {
    let mut feed = Feed::new();
    (0..300).for_each(|n| _ = feed.send(Track::Video, frame(n), MS));
    let late = (300..900).filter(|n| feed.send(Track::Video, frame(*n), 70 * MS) > 0).count();
    assert!(late < 60, "{late} of 600 came too late, the rise included");
    assert!((50 * MS..72 * MS).contains(&feed.added()), "{}", feed.added());
    let mut before = feed.added();
    for n in 900..900 + 30 * 40 {
        feed.send(Track::Video, frame(n), MS);
        assert!(before - feed.added() <= frame(1) / FALL + 3 * MS / FALL, "fell by {}", before - feed.added());
        before = feed.added();
    }
    assert!(feed.added() < 4 * MS, "{}", feed.added());
}

#[test]
fn one_late_picture_changes_little_and_a_long_stall_is_not_kept_for_ever() {
    let mut feed = Feed::new();
    (0..300).for_each(|n| _ = feed.send(Track::Video, frame(n), MS));
    feed.deliver(Track::Video, frame(300), frame(300) + feed.base + 200 * MS);
    (307..400).for_each(|n| _ = feed.send(Track::Video, frame(n), MS));
    assert!(feed.added() < 4 * MS, "{}", feed.added());
    let resumed = frame(436) + feed.base;
    (400..436).for_each(|n| _ = feed.deliver(Track::Video, frame(n), resumed + (n - 400) * MS));
    assert!(feed.added() > 50 * MS && feed.added() <= nanos(MAX_DELAY), "{}", feed.added());
    (436..436 + 30 * 40).for_each(|n| _ = feed.send(Track::Video, frame(n), MS));
    assert!(feed.added() < 4 * MS, "{}", feed.added());
}

#[test]
fn sound_in_bursts_does_not_hold_the_picture() {
    let mut feed = Feed::new();
    for n in 0..900 {
        feed.send(Track::Video, frame(n), MS);
        // Two frames of sound wait for each second picture.
        if n % 2 == 1 {
            (n - 1..=n).for_each(|m| _ = feed.deliver(Track::Audio, frame(m) - 15 * MS, frame(n) + feed.base));
        }
        assert!(feed.added() < 4 * MS, "frame {n}: {}", feed.added());
    }
}

#[test]
fn sound_that_would_never_be_in_time_is_waited_for() {
    let mut feed = Feed::new();
    for n in 0..300 {
        feed.send(Track::Video, frame(n), MS);
        let now = frame(n) + feed.base + 300 * MS;
        feed.deliver(Track::Audio, frame(n), now);
    }
    let wanted = 300 * MS - nanos(SOUND_ALLOWANCE);
    assert!((feed.added() - wanted).abs() < 5 * MS, "{}", feed.added());
}

#[test]
fn sound_alone_has_a_clock_too() {
    let mut feed = Feed::new();
    (0..2000).for_each(|n| _ = feed.send(Track::Audio, n * 21_333_333, 5 * MS));
    assert!((-MS..3 * MS).contains(&feed.added()), "{}", feed.added());
}

#[test]
fn a_clock_set_anew_anchors_anew_at_once() {
    for jump in [10_000 * MS, -10_000 * MS, -2_500 * MS] {
        let mut feed = Feed::new();
        for n in 0..400 {
            feed.send(Track::Video, frame(n), MS);
            feed.send(Track::Audio, frame(n), MS);
        }
        for n in 400..500 {
            let now = frame(n) + feed.base;
            // Sound follows three frames later.
            let late = feed.deliver(Track::Video, frame(n) + jump, now);
            assert!(late.abs() < 5 * MS, "{jump}, frame {n}: {late}");
            feed.deliver(Track::Audio, frame(n) + if n < 403 { 0 } else { jump }, now);
        }
        let due = feed.playout.due(Timestamp::from_nanos(frame(499) + jump)).expect("anchored").nanos();
        assert!((due - frame(499) - feed.base).abs() < 5 * MS, "{jump}");
    }
}

#[test]
fn a_sender_that_slept_is_found_again_within_a_second() {
    let mut feed = Feed::new();
    (0..300).for_each(|n| _ = feed.send(Track::Video, frame(n), MS));
    let slept = 3_000 * MS;
    let late: Vec<i64> =
        (300..330).map(|n| feed.deliver(Track::Video, frame(n), frame(n) + slept + feed.base)).collect();
    assert!(late.last().is_some_and(|late| late.abs() < 5 * MS), "{late:?}");
}

#[test]
fn pictures_out_of_order_are_all_in_time() {
    let mut feed = Feed::new();
    for n in 0..300 {
        // I P b b P b b: a P comes two pictures before its time, each b one after.
        let shown = if n % 3 == 1 { n + 2 } else { n - 1 };
        let late = feed.deliver(Track::Video, frame(shown), frame(n) + feed.base);
        assert!(n < 30 || late <= 0, "frame {n} is late by {late}");
    }
    assert!(feed.added() <= frame(1) + 4 * MS, "{}", feed.added());
}
