//! Who a session has shown to be.

use std::sync::Arc;

/// Who a session has shown to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// Nobody in particular.
    #[default]
    Anonymous,
    /// Somebody who knows a secret that every key accepts, and so may write.
    Writer,
    /// An operator, who may do everything.
    Operator(Arc<str>),
}

impl Identity {
    /// Whether it is somebody in particular, who may write.
    pub fn may_write(&self) -> bool {
        !matches!(self, Identity::Anonymous)
    }

    /// Whether this is an operator.
    pub fn is_operator(&self) -> bool {
        matches!(self, Identity::Operator(_))
    }
}
