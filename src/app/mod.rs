//! The application: command line, configuration, and the assembly of all parts.

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
