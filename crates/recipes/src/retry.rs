//! How long to wait before an engine that did not answer is asked again.

use std::time::Duration;

use hyrax_coordination::Unavailable;

const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// A wait that doubles each time, up to a bound.
pub(crate) struct Backoff(Duration);

impl Backoff {
    pub(crate) fn new() -> Backoff {
        Backoff(RETRY_MIN)
    }

    pub(crate) async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(RETRY_MAX);
    }
}

/// Whether an engine that said this may be asked again: not one that is being stopped, as it stops with this
/// process, and what hangs on the process' lease goes with it.
pub(crate) fn comes_back(unavailable: &Unavailable) -> bool {
    !matches!(unavailable, Unavailable::Stopped)
}
