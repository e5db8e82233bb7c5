//! Members, and what becomes of them.

use hyrax_coordination::{Key, KeyValue, Value};
use hyrax_types::Revision;
use serde::{Deserialize, Serialize};

use super::layout::name_of;
use crate::presence::Cause;

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// What it calls itself.
    pub id: String,
    /// Its key, `/<group>/members/<id>`.
    pub path: Key,
    /// When it joined, in milliseconds since the Unix epoch, by its own clock; zero where a key says nothing.
    pub joined_ms: u64,
    /// The parts of the group that it says it belongs to.
    pub subgroups: Vec<String>,
    /// Whose it is: `<lease>`, or `<lease>-<session>` for one of a server's connections.
    pub owner: String,
    /// The revision that made it a member. Somebody who joins again under the id has another.
    pub revision: Revision,
}

/// Why somebody is no member any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeaveCause {
    /// It left.
    Left,
    /// Its connection was closed.
    Closed,
    /// It stalled for longer than 1.5 heartbeats, or its connection fell silent.
    Timeout,
    /// The server closed its connection.
    Kicked,
    /// Its server died, or was cut off for longer than its lease.
    NodeLost,
    /// Somebody else joined under its id.
    Replaced,
    /// The engine has forgotten why.
    Unknown,
}

impl LeaveCause {
    const ALL: [LeaveCause; 7] = [
        LeaveCause::Left,
        LeaveCause::Closed,
        LeaveCause::Timeout,
        LeaveCause::Kicked,
        LeaveCause::NodeLost,
        LeaveCause::Replaced,
        LeaveCause::Unknown,
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            LeaveCause::Left => "left",
            LeaveCause::Closed => "closed",
            LeaveCause::Timeout => "timeout",
            LeaveCause::Kicked => "kicked",
            LeaveCause::NodeLost => "node-lost",
            LeaveCause::Replaced => "replaced",
            LeaveCause::Unknown => "unknown",
        }
    }

    fn of_word(word: &str) -> LeaveCause {
        // Another version may know causes that this one does not.
        LeaveCause::ALL.into_iter().find(|cause| cause.word() == word).unwrap_or(LeaveCause::Unknown)
    }
}

impl From<Cause> for LeaveCause {
    fn from(cause: Cause) -> LeaveCause {
        match cause {
            Cause::Closed => LeaveCause::Closed,
            Cause::Timeout => LeaveCause::Timeout,
            Cause::Kicked => LeaveCause::Kicked,
            Cause::NodeLost => LeaveCause::NodeLost,
        }
    }
}

/// Who came and went at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupEvent {
    /// The revision that made it so.
    pub revision: Revision,
    /// Who came. Who was there already and joined again, with other subgroups it may be, is here and not among
    /// those who left.
    pub joined: Vec<Member>,
    /// Who went, and why.
    pub left: Vec<(Member, LeaveCause)>,
}

/// What a member's key holds.
#[derive(Serialize, Deserialize)]
struct Record {
    #[serde(default)]
    joined: u64,
    #[serde(default)]
    subgroups: Vec<String>,
    #[serde(default)]
    owner: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left: Option<String>,
}

/// How a member's key stands.
pub(super) enum Standing {
    /// It is a member.
    Member(Member),
    /// It says why it is none any more.
    Gone(LeaveCause),
}

impl Member {
    /// What its key holds; with a cause, what it holds when the member goes.
    pub(super) fn value(&self, left: Option<LeaveCause>) -> Value {
        let record = Record {
            joined: self.joined_ms,
            subgroups: self.subgroups.clone(),
            owner: self.owner.clone(),
            left: left.map(|cause| cause.word().to_owned()),
        };
        // A record of numbers and strings can always be written.
        serde_json::to_vec(&record).unwrap_or_default().into()
    }

    /// How a key stands; none when it names no member.
    pub(super) fn standing(kv: &KeyValue) -> Option<Standing> {
        let id = name_of(&kv.key)?;
        // Whatever somebody else wrote there: it is there, and nothing more is known of it.
        let record = serde_json::from_slice(&kv.value).unwrap_or(Record {
            joined: 0,
            subgroups: Vec::new(),
            owner: String::new(),
            left: None,
        });
        if let Some(left) = record.left {
            return Some(Standing::Gone(LeaveCause::of_word(&left)));
        }
        Some(Standing::Member(Member {
            id,
            path: kv.key.clone(),
            joined_ms: record.joined,
            subgroups: record.subgroups,
            owner: record.owner,
            revision: kv.mod_revision,
        }))
    }

    /// Why it is gone when its key just went: its lease has ended, or somebody deleted the key, which looks the
    /// same.
    pub(super) fn cause_of_deletion(&self) -> LeaveCause {
        if self.owner.trim_start_matches('-').contains('-') {
            LeaveCause::NodeLost
        } else {
            LeaveCause::Timeout
        }
    }
}
