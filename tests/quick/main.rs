//! Quick tests: they do not depend on real time, so as many run at once as there are cores.

#[path = "../../fuzz/entries.rs"]
mod entries;
#[path = "../../fuzz/untrusted.rs"]
mod untrusted_entries;

mod architecture;
mod image;
mod placement;
mod rtmp_hostile;
mod rtmp_mutation;
mod speaker;
mod untrusted;
