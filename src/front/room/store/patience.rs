//! Time limits of the store that several fronts share.

use std::time::Duration;

use tokio::time::timeout;

use super::shared_error::SharedStoreError;

/// How long a front waits for the store when somebody waits for an answer. All of it is less than a request may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For one answer: a store whose managers elect a leader takes longer, and then the answer is that it took too long.
    pub answer: Duration,
    /// For finding out what became of a write without an answer.
    pub settle: Duration,
    /// From one look to the next.
    pub again: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let [answer, settle, again] = [5000, 8000, 250].map(Duration::from_millis);
        Self { answer, settle, again }
    }
}

impl Patience {
    /// The answer, unless it takes too long.
    pub(super) async fn wait<T, E: Into<SharedStoreError>>(
        &self,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, SharedStoreError> {
        timeout(self.answer, answer).await.map_err(|_| SharedStoreError::Slow)?.map_err(Into::into)
    }
}
