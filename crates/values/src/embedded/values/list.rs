//! The value of a list key.

/// Placeholder until its author fills it in.
#[derive(Clone, Debug, Default)]
pub struct List {}

impl List {
    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        true
    }

    /// Writes all of it.
    pub fn write(&self, reply: &mut dyn crate::ReplySink) {
        reply.array(0);
    }
}
