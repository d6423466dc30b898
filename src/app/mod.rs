//! The command line and the wiring of everything else, and the tools that prove it: demo, bench and their lab.

pub mod bench;
pub mod calibrate;
pub mod config;
pub mod demo;
pub mod gate;
pub mod health;
pub mod lab;
pub mod layout;
pub mod log;
pub mod pipelines;
pub mod raster;
pub mod runtime;
pub mod serve;
pub mod worker;
