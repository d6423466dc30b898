//! Whole rooms, end to end: a real service, real FFmpeg cameras through the RTMP door, nginx-rtmp as the cluster, and what comes
//! out is decoded and looked at.

mod failures;
mod floor;
mod operator;
mod outputs;
mod program;
mod restart;
mod support;
