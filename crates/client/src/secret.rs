//! What must not be shown.

use std::fmt;

/// A password or a server's secret. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Keeps a secret.
    pub fn new(secret: impl AsRef<str>) -> Secret {
        Secret(secret.as_ref().into())
    }

    /// The secret itself, for what signs or logs in with it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<T: AsRef<str>> From<T> for Secret {
    fn from(secret: T) -> Secret {
        Secret::new(secret)
    }
}
