//! Whole rooms, end to end: a real service, real FFmpeg cameras through the RTMP door, and nginx-rtmp as the cluster.
//! The program is decoded and analysed.

mod failures;
mod floor;
mod operator;
mod outputs;
mod program;
mod restart;
mod support;
