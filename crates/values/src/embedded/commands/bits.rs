//! bits

use super::Handler;
use crate::command::Name;

/// The handler of a command of this family.
pub(super) fn handler(_name: Name) -> Option<Handler> {
    None
}
