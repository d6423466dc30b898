//! Bounds what a decoder says is an amplitude.

/// Largest amplitude let through: decoders make up to a few times full scale out of legal streams, anything out of
/// broken ones.
const MAX_AMPLITUDE: f32 = 4.0;

/// Takes what is no amplitude out of what a decoder made.
pub fn tame(value: f32) -> f32 {
    if value.is_finite() { value.clamp(-MAX_AMPLITUDE, MAX_AMPLITUDE) } else { 0.0 }
}
