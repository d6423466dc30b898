//! The command line; see `tilecast --help`.

fn main() {}
