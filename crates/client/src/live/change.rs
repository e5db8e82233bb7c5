//! What a monitor tells.

use bytes::Bytes;
use hyrax_types::Revision;

use super::Value;

/// Something happened to a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The key.
    pub key: Bytes,
    /// Where it stands among the changes of that key: it only grows.
    pub rev: Revision,
    /// What happened.
    pub kind: ChangeKind,
}

/// What happened to a value.
#[derive(Clone, Debug, PartialEq)]
pub enum ChangeKind {
    /// This is the value now, whatever was told before. A monitor of a key begins with it; later it comes where
    /// changes were missed: by the server or by this client, and of which connection, a reader need not know.
    Reset(Value),
    /// A command changed it.
    Command {
        /// The command in lower case.
        command: String,
        /// Its arguments behind the key; of a command with several keys, all of them.
        args: Vec<Bytes>,
        /// Who sent it, where they said so.
        id: Option<Bytes>,
    },
    /// Its time to live has run out.
    Expired,
    /// It had to go, as memory was full.
    Evicted,
    /// Of a prefix: changes may have been missed, of any keys under it. `key` is the prefix, and `rev` zero.
    Missed,
    /// The server could not tell the whole value: its words. The monitor goes on.
    Unknown(String),
}

impl Change {
    /// The value, where this was a `set` or a reset to a text.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.kind {
            ChangeKind::Reset(Value::Bytes(value)) => Some(value),
            ChangeKind::Command { command, args, .. } if command == "set" => args.first(),
            _ => None,
        }
    }

    /// The same as text, where it is.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Change>()
            + self.key.len()
            + match &self.kind {
                ChangeKind::Reset(value) => value_bytes(value),
                ChangeKind::Command { command, args, id } => {
                    let args: usize = args.iter().map(|arg| arg.len() + size_of::<Bytes>()).sum();
                    command.len() + args + id.as_ref().map_or(0, Bytes::len)
                }
                ChangeKind::Unknown(words) => words.len(),
                ChangeKind::Expired | ChangeKind::Evicted | ChangeKind::Missed => 0,
            }
    }
}

fn value_bytes(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Double(_) => 0,
            Value::Bytes(bytes) => bytes.len(),
            Value::List(items) => items.iter().map(value_bytes).sum(),
            Value::Map(fields) => fields.iter().map(|(name, value)| name.len() + value_bytes(value)).sum(),
        }
}

/// Something happened in an EKG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EkgChange {
    /// These are its members now, whatever was told before: one id for each connection. A monitor begins with it, and
    /// it comes where something may have been missed. Who comes or goes at that very moment may be told again
    /// after it.
    Members(Vec<Bytes>),
    /// Somebody came.
    Added {
        /// Who.
        id: Bytes,
        /// Whom the same connection was before.
        replaces: Option<Bytes>,
    },
    /// Somebody left.
    Removed {
        /// Who.
        id: Bytes,
    },
    /// Somebody's connection ended.
    Closed {
        /// Who.
        id: Bytes,
        /// Why: `closed`, `timeout`, `kicked` or `node-lost`.
        cause: String,
    },
}

impl EkgChange {
    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<EkgChange>()
            + match self {
                EkgChange::Members(members) => {
                    members.iter().map(|member| member.len() + size_of::<Bytes>()).sum()
                }
                EkgChange::Added { id, replaces } => id.len() + replaces.as_ref().map_or(0, Bytes::len),
                EkgChange::Removed { id } => id.len(),
                EkgChange::Closed { id, cause } => id.len() + cause.len(),
            }
    }
}
