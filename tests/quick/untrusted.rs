//! Bounded fuzzing of untrusted input: the fuzz entries for data of strangers and workers, fed with their seeds and
//! with mutations of those, in every run of the tests.

/// Mutations of each seed: two seconds of all entries together.
const MUTATIONS: u32 = 300;

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

/// Changes a few bytes, repeats or cuts a part, or takes a part from another seed.
fn mutate(seed: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len());
        let end = (at + numbers.below(40)).min(bytes.len());
        match numbers.below(5) {
            0 if at < bytes.len() => bytes[at] = numbers.below(256) as u8,
            1 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            2 => _ = bytes.drain(at..end),
            3 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again.repeat(1 + numbers.below(30)));
            }
            _ => {
                let from = numbers.below(other.len());
                let part = &other[from..(from + numbers.below(40)).min(other.len())];
                bytes.splice(at..at, part.iter().copied());
            }
        }
    }
    bytes
}

#[test]
fn mutated_seeds_keep_what_must_hold() {
    let mut numbers = Numbers(1);
    for (name, entry) in super::untrusted_entries::ENTRIES {
        let seeds = super::untrusted_entries::seeds(name);
        assert!(!seeds.is_empty(), "{name}");
        for seed in &seeds {
            entry(seed);
            for _ in 0..MUTATIONS {
                let other = &seeds[numbers.below(seeds.len())];
                entry(&mutate(seed, other, &mut numbers));
            }
        }
    }
}
