//! Why a server that plays to us, by RTMP or HTTP-FLV, does so no more.

use std::time::Duration;

use crate::front::{
    net::{exchange::GetError, retry::Failure},
    rtmp::{self, flv::FileFault},
};

/// Why a connection to a source ended or never began.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlayError {
    /// Over RTMP.
    #[error(transparent)]
    Rtmp(#[from] rtmp::Error),
    /// Over HTTP.
    #[error(transparent)]
    Get(#[from] GetError),
    /// What came over HTTP is not usable FLV.
    #[error(transparent)]
    Flv(#[from] FileFault),
    /// Nothing came over HTTP.
    #[error("nothing was received for {0:?}")]
    Idle(Duration),
    /// The source ended.
    #[error("the source ended")]
    Ended,
}

impl From<&PlayError> for Failure {
    fn from(error: &PlayError) -> Self {
        match error {
            PlayError::Rtmp(error) => error.into(),
            PlayError::Get(GetError::Connect(error)) => error.into(),
            PlayError::Get(GetError::Slow(_)) => Self::Mute,
            _ => Self::Other,
        }
    }
}
