//! Who a session has shown to be.

use std::sync::Arc;

/// Who a session has shown to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// Nobody in particular.
    #[default]
    Anonymous,
    /// An operator, who may do everything.
    Operator(Arc<str>),
}

impl Identity {
    /// Whether this is an operator.
    pub fn is_operator(&self) -> bool {
        matches!(self, Identity::Operator(_))
    }
}
