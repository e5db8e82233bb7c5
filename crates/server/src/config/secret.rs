//! Secrets and operators' passwords, which no output of any kind may show.

use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq;

/// What is shown in a secret's place.
const REDACTED: &str = "<redacted>";

/// A secret that shows itself to nobody: neither `Debug` nor serialization reveals it.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// The secret itself, for the one place that compares or signs with it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = BadSecret;

    fn from_str(secret: &str) -> Result<Self, BadSecret> {
        match secret {
            "" => Err(BadSecret::Empty),
            REDACTED => Err(BadSecret::Redacted),
            _ => Ok(Secret(secret.into())),
        }
    }
}

/// Why a text is no secret.
#[derive(Debug, thiserror::Error)]
pub enum BadSecret {
    /// With an empty secret anybody could sign.
    #[error("a secret must not be empty: anybody could sign with it")]
    Empty,
    /// Somebody fed printed configuration back in.
    #[error(
        "`{REDACTED}` stands where a secret was left out of printed configuration; put the real one there"
    )]
    Redacted,
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

/// A person or program that may do everything, named `NAME:PASSWORD` in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The name given to `auth`, HTTP Basic and the like. Holds no `:`.
    pub name: String,
    /// The password that goes with it.
    pub password: Secret,
}

/// Why a text names no operator.
#[derive(Debug, thiserror::Error)]
pub enum BadOperator {
    /// Not of the form `NAME:PASSWORD`. The text is not repeated: it may be a password.
    #[error("an operator is written NAME:PASSWORD, and neither part may be empty")]
    Form,
    /// The password is not acceptable.
    #[error(transparent)]
    Password(#[from] BadSecret),
}

impl FromStr for Operator {
    type Err = BadOperator;

    fn from_str(text: &str) -> Result<Self, BadOperator> {
        match text.split_once(':') {
            Some((name, password)) if !name.is_empty() && !password.is_empty() => {
                Ok(Operator { name: name.to_owned(), password: password.parse()? })
            }
            _ => Err(BadOperator::Form),
        }
    }
}

impl Serialize for Operator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}:{REDACTED}", self.name))
    }
}

/// For `deserialize_with`: a list of secrets or operators. What is no list of texts is refused
/// without repeating it, as serde would.
pub(super) fn read_list<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    let expected = || D::Error::custom("expected a list of texts, like [\"…\", \"…\"]");
    let toml::Value::Array(items) = toml::Value::deserialize(deserializer)? else { return Err(expected()) };
    let read = |item: toml::Value| item.as_str().ok_or_else(expected)?.parse().map_err(D::Error::custom);
    items.into_iter().map(read).collect::<Result<_, _>>().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_output_shows_a_secret() {
        let operator: Operator = "admin:hunter2:x".parse().unwrap();
        assert_eq!(operator.password.expose(), "hunter2:x");
        let shown = format!("{operator:?} {:#?}", Secret("hunter2".into()));
        assert!(!shown.contains("hunter2"), "{shown}");
        let table = toml::Table::from_iter([
            ("operator".to_owned(), toml::Value::try_from(&operator).unwrap()),
            ("secret".to_owned(), toml::Value::try_from(Secret("hunter2".into())).unwrap()),
        ]);
        let written = table.to_string();
        assert!(!written.contains("hunter2"), "{written}");
        assert!(written.contains("admin:<redacted>"), "{written}");
    }

    #[test]
    fn empty_and_redacted_secrets_are_refused() {
        for bad in ["", REDACTED] {
            assert!(bad.parse::<Secret>().is_err(), "{bad:?}");
        }
        for bad in ["", "admin", ":password", "admin:", "admin:<redacted>"] {
            assert!(bad.parse::<Operator>().is_err(), "{bad:?}");
        }
    }
}
