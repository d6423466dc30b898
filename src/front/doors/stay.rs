//! A session's place at the door, and what becomes of the session when it has none.

use std::{net::IpAddr, pin::pin, sync::OnceLock};

use tokio_util::sync::CancellationToken;

use crate::front::{
    net::accept::{Admission, Admissions, Full, Standing},
    webrtc::End,
};

const EVICTED: &str = "others came who had fewer connections, and there was no other place";

/// See the module.
#[derive(Debug)]
pub(super) struct Stay {
    admission: Admission,
    standing: Standing,
    /// Ends the session.
    stop: CancellationToken,
    refused: OnceLock<Full>,
}

impl Stay {
    /// A place for a client that has shown so much; `stop` ends the session.
    pub fn begin(
        admissions: &Admissions,
        from: IpAddr,
        standing: Standing,
        stop: CancellationToken,
    ) -> Result<Self, Full> {
        let admission = admissions.admit(from, standing)?;
        Ok(Self { admission, standing, stop, refused: OnceLock::new() })
    }

    /// Ends the session.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// What whoever connects to the session by TCP has shown by that.
    pub fn shown(&self) -> Standing {
        match self.standing {
            Standing::Stranger | Standing::Guest => Standing::Guest,
            Standing::Known => Standing::Known,
        }
    }

    /// The client has connected: from now on it is served.
    pub fn connected(&self) {
        if let Err(full) = self.admission.promote(self.shown()) {
            let _ = self.refused.set(full);
            self.stop.cancel();
        }
    }

    /// How the session ended, which `run` is, for as long as it has its place.
    pub async fn live(&self, run: impl Future<Output = End>) -> End {
        let mut run = pin!(run);
        let end = tokio::select! {
            end = &mut run => end,
            () = self.admission.evicted() => {
                self.stop.cancel();
                // It says goodbye.
                let _ = run.await;
                End::Cut(EVICTED.to_owned())
            }
        };
        self.refused.get().map_or(end, |full| End::Cut(full.to_string()))
    }
}
