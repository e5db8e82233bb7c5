//! What may be a name: of a group, a member, a topic, an id.

use hyrax_types::limits::NAME_BYTES_MAX;
use thiserror::Error;

/// A name that nothing is named by.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BadName {
    /// It is empty.
    #[error("the name of a {0} must not be empty")]
    Empty(&'static str),
    /// It has more than [`NAME_BYTES_MAX`] bytes.
    #[error("the name of a {0} has at most {NAME_BYTES_MAX} bytes")]
    TooLong(&'static str),
    /// It has a control character in it.
    #[error("the name of a {0} must not have control characters in it")]
    Control(&'static str),
}

/// Refuses what is no name of a `kind`.
pub(crate) fn check_name(kind: &'static str, name: &str) -> Result<(), BadName> {
    if name.is_empty() {
        return Err(BadName::Empty(kind));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(BadName::TooLong(kind));
    }
    if name.chars().any(char::is_control) {
        return Err(BadName::Control(kind));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_text_of_some_length() {
        assert_eq!(check_name("group", "workers/北"), Ok(()));
        assert_eq!(check_name("group", ""), Err(BadName::Empty("group")));
        assert_eq!(check_name("group", "a\nb"), Err(BadName::Control("group")));
        assert_eq!(check_name("group", &"x".repeat(NAME_BYTES_MAX)), Ok(()));
        assert_eq!(check_name("group", &"x".repeat(NAME_BYTES_MAX + 1)), Err(BadName::TooLong("group")));
    }
}
