//! Which of a sender's simulcast layers the room gets. PURE.
//!
//! The smallest that fills its tile; while it is on no tile, the smallest there is. Layers come and go with the sender's
//! bandwidth, so only those that brought something lately count. The change is made at a keyframe of the new layer, which
//! the caller asks for; until then the old one goes on.

use std::time::{Duration, Instant};

use crate::media::Size;

/// A layer that brought nothing for this long is switched off: several frames even at 5 fps.
const SILENT: Duration = Duration::from_millis(1000);

/// How long a smaller layer must have been enough before the change is made. A tile that shrinks may grow again at once, as
/// when two people speak in turn; one that grows is filled at once.
const PATIENCE: Duration = Duration::from_secs(2);

/// A layer this much smaller than its tile still fills it, in percent: nobody sees a picture scaled up by a tenth.
const ENOUGH: u64 = 90;

/// Most layers of one sender. Browsers send three.
pub const MAX_LAYERS: usize = 8;

/// Index of a layer in the order of its first packet.
pub type Layer = usize;

#[derive(Debug, Clone, Copy)]
struct Known {
    heard: Instant,
    size: Option<(u32, u32)>,
    /// Bytes lately, as a stand-in for the size where that does not read.
    weight: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Layers {
    known: Vec<Known>,
    current: Option<Layer>,
    smaller_since: Option<Instant>,
}

impl Layers {
    /// A frame of this layer came; `size` where its keyframe told it.
    pub fn heard(&mut self, layer: Layer, bytes: usize, size: Option<(u32, u32)>, now: Instant) {
        if self.known.len() <= layer {
            self.known.resize(layer + 1, Known { heard: now, size: None, weight: 0 });
        }
        let known = &mut self.known[layer];
        known.heard = now;
        known.size = size.or(known.size);
        // Halves with every 64 frames or so.
        known.weight = known.weight - known.weight / 64 + bytes as u64;
    }

    /// A layer that is sent but of unknown size, so that nobody can say whether it fills a tile.
    pub fn unknown(&self, now: Instant) -> Option<Layer> {
        (0..self.known.len()).find(|layer| self.known[*layer].size.is_none() && !self.is_silent(*layer, now))
    }

    /// The layer that goes to the room.
    pub fn current(&self) -> Option<Layer> {
        self.current
    }

    /// A keyframe of `layer` came: from here on it may be the one.
    pub fn change(&mut self, layer: Layer) {
        self.current = Some(layer);
        self.smaller_since = None;
    }

    /// The layer that should go to the room; differs from [`Layers::current`] while a keyframe is awaited.
    pub fn wanted(&mut self, tile: Option<Size>, now: Instant) -> Option<Layer> {
        let best = self.best(tile, now)?;
        let Some(current) = self.current else { return Some(best) };
        if best == current || self.is_silent(current, now) || self.area(best) > self.area(current) {
            self.smaller_since = None;
            return Some(best);
        }
        let since = *self.smaller_since.get_or_insert(now);
        Some(if now.duration_since(since) >= PATIENCE { best } else { current })
    }

    fn best(&self, tile: Option<Size>, now: Instant) -> Option<Layer> {
        let alive = (0..self.known.len()).filter(|layer| !self.is_silent(*layer, now));
        let mut alive: Vec<Layer> = alive.collect();
        alive.sort_by_key(|layer| self.area(*layer));
        let fills = |layer: &&Layer| match (tile, self.known[**layer].size) {
            (None, _) => true,
            (Some(tile), Some((width, height))) => {
                let enough = |has: u32, wants: u32| u64::from(has) * 100 >= u64::from(wants) * ENOUGH;
                // A tile is filled when the side that fits it last does: the rest is cut off or left as a margin.
                enough(width, tile.width) || enough(height, tile.height)
            }
            (Some(_), None) => false,
        };
        alive.iter().find(fills).or(alive.last()).copied()
    }

    fn is_silent(&self, layer: Layer, now: Instant) -> bool {
        self.known.get(layer).is_none_or(|known| now.saturating_duration_since(known.heard) >= SILENT)
    }

    /// How large a layer is, for comparison only.
    fn area(&self, layer: Layer) -> (u64, u64) {
        let known = &self.known[layer];
        (known.size.map_or(0, |(width, height)| u64::from(width) * u64::from(height)), known.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [(u32, u32); 3] = [(320, 180), (640, 360), (1280, 720)];

    fn tile(width: u32, height: u32) -> Option<Size> {
        Some(Size { width, height })
    }

    /// All three layers, alive at `now`.
    fn hear(layers: &mut Layers, which: &[Layer], now: Instant) {
        for &layer in which {
            layers.heard(layer, 1000 << (2 * layer), Some(SIZES[layer]), now);
        }
    }

    #[test]
    fn the_smallest_layer_that_fills_the_tile_is_wanted() {
        let now = Instant::now();
        for (tile, wanted) in [
            (None, 0),
            (tile(320, 180), 0),
            (tile(350, 196), 0),
            (tile(426, 240), 1),
            (tile(640, 720), 1),
            (tile(1280, 720), 2),
            (tile(1920, 1080), 2),
        ] {
            let mut layers = Layers::default();
            hear(&mut layers, &[0, 1, 2], now);
            assert_eq!(layers.wanted(tile, now), Some(wanted), "{tile:?}");
        }
        assert_eq!(Layers::default().wanted(None, now), None);
    }

    #[test]
    fn a_larger_tile_is_filled_at_once_and_a_smaller_one_in_a_while() {
        let begin = Instant::now();
        let mut layers = Layers::default();
        hear(&mut layers, &[0, 1, 2], begin);
        layers.change(0);
        assert_eq!(layers.wanted(tile(1280, 720), begin), Some(2));
        assert_eq!(layers.current(), Some(0), "until its keyframe");
        layers.change(2);
        for (millis, wanted) in [(0, 2), (1900, 2), (2000, 0)] {
            let now = begin + Duration::from_millis(millis);
            hear(&mut layers, &[0, 1, 2], now);
            assert_eq!(layers.wanted(tile(320, 180), now), Some(wanted), "{millis}");
        }
    }

    #[test]
    fn a_layer_that_fell_silent_is_left_for_the_next_best() {
        let begin = Instant::now();
        let mut layers = Layers::default();
        hear(&mut layers, &[0, 1, 2], begin);
        layers.change(2);
        let now = begin + SILENT;
        hear(&mut layers, &[0, 1], now);
        assert_eq!(layers.wanted(tile(1280, 720), now), Some(1));
        assert_eq!(layers.wanted(tile(320, 180), now), Some(0), "at once, as there is nothing to go back to");
    }

    #[test]
    fn layers_of_unknown_size_go_by_their_rate() {
        let now = Instant::now();
        let mut layers = Layers::default();
        for (layer, bytes) in [(0, 9000), (1, 500), (2, 2000)] {
            layers.heard(layer, bytes, None, now);
        }
        assert_eq!(layers.wanted(None, now), Some(1));
        assert_eq!(layers.wanted(tile(320, 180), now), Some(0));
    }
}
