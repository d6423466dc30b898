//! The command line and the wiring of everything else.

pub mod calibrate;
pub mod config;
pub mod gate;
pub mod health;
pub mod layout;
pub mod log;
pub mod pipelines;
pub mod raster;
pub mod runtime;
pub mod serve;
pub mod worker;
