//! Where the servers are, who asks, and how long an answer may take.

use std::fmt;
use std::time::Duration;

use hyrax_types::limits::ETCD2_ANSWER_BYTES_MAX;

use super::tls::Tls;

/// How long it may take to connect to one server.
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// How long one server may take for an answer. An election among etcd's members takes about a second.
const ATTEMPT_MAX: Duration = Duration::from_secs(5);

/// How long all attempts of one request may take.
const TOTAL_MAX: Duration = Duration::from_secs(30);

/// What a [`Client`](super::Client) is made of.
///
/// ```
/// use std::time::Duration;
/// use hyrax_client::etcd_v2::{Client, Settings, Tls};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = Settings::new(["http://10.0.0.1:2379", "http://10.0.0.2:2379"])
///     .credentials("ann", "hush")
///     .attempt_timeout(Duration::from_secs(1))
///     .total_timeout(Duration::from_secs(5));
/// let client = Client::new(settings)?;
/// assert_eq!(client.endpoints(), ["http://10.0.0.1:2379", "http://10.0.0.2:2379"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Settings {
    pub(super) endpoints: Vec<String>,
    pub(super) credentials: Option<(String, String)>,
    pub(super) tls: Tls,
    pub(super) connect_timeout: Duration,
    pub(super) attempt_timeout: Duration,
    pub(super) total_timeout: Duration,
    pub(super) answer_bytes_max: usize,
}

impl Settings {
    /// These servers, one of which is enough: `http://HOST:PORT`, `https://HOST:PORT` or `HOST:PORT`. A name and
    /// password in the first URL that has them are those to ask with.
    pub fn new<E: Into<String>>(endpoints: impl IntoIterator<Item = E>) -> Settings {
        Settings {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            credentials: None,
            tls: Tls::default(),
            connect_timeout: CONNECT_MAX,
            attempt_timeout: ATTEMPT_MAX,
            total_timeout: TOTAL_MAX,
            answer_bytes_max: ETCD2_ANSWER_BYTES_MAX,
        }
    }

    /// Asks in the name of this user.
    pub fn credentials(mut self, name: impl Into<String>, password: impl Into<String>) -> Settings {
        self.credentials = Some((name.into(), password.into()));
        self
    }

    /// Whom to trust, and how to show who asks, at `https://` endpoints. The system's authorities without it.
    pub fn tls(mut self, tls: Tls) -> Settings {
        self.tls = tls;
        self
    }

    /// How long it may take to connect to one server (2 seconds).
    pub fn connect_timeout(mut self, timeout: Duration) -> Settings {
        self.connect_timeout = timeout;
        self
    }

    /// How long one server may take for an answer, connecting included (5 seconds). Of requests that wait for
    /// something it bounds the beginning of the answer of a watch, and nothing of a lock's.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Settings {
        self.attempt_timeout = timeout;
        self
    }

    /// How long a request may take at all servers together (30 seconds).
    pub fn total_timeout(mut self, timeout: Duration) -> Settings {
        self.total_timeout = timeout;
        self
    }

    /// How many bytes of an answer are taken (64 MiB).
    pub fn answer_bytes_max(mut self, bytes: usize) -> Settings {
        self.answer_bytes_max = bytes;
        self
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.credentials.as_ref().map(|(name, _)| name);
        // Endpoints may hold a password too.
        f.debug_struct("Settings")
            .field("endpoints", &self.endpoints.len())
            .field("user", &user)
            .field("connect_timeout", &self.connect_timeout)
            .field("attempt_timeout", &self.attempt_timeout)
            .field("total_timeout", &self.total_timeout)
            .field("answer_bytes_max", &self.answer_bytes_max)
            .finish_non_exhaustive()
    }
}
