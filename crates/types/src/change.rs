//! What an engine says happened to one key.

use crate::Revision;

/// One change of one live value, borrowed from the request that made it.
///
/// Engines emit these in order for each key. `command` and `args` are what a monitor is pushed: the
/// command as sent, or, where the arguments do not tell the effect, the effect (as Redis replicates
/// it).
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The changed key.
    pub key: &'a [u8],
    /// Where in the key's history this change stands.
    pub rev: Revision,
    /// The command in lower case, or `expired` or `evicted`.
    pub command: &'a str,
    /// The arguments without the key, or, for a command over several keys, all of them.
    pub args: &'a [&'a [u8]],
    /// Who the client said it was (the `id` of the flat dialect).
    pub actor: Option<&'a [u8]>,
}

impl Change<'_> {
    /// A copy that outlives the request: one allocation for all the bytes.
    pub fn to_owned(&self) -> OwnedChange {
        let size = self.key.len()
            + self.command.len()
            + self.actor.map_or(0, <[u8]>::len)
            + self.args.iter().map(|arg| arg.len()).sum::<usize>();
        let mut bytes = Vec::with_capacity(size);
        let mut ends = Vec::with_capacity(self.args.len());
        bytes.extend_from_slice(self.key);
        bytes.extend_from_slice(self.command.as_bytes());
        let command_end = bytes.len();
        if let Some(actor) = self.actor {
            bytes.extend_from_slice(actor);
        }
        let args_start = bytes.len();
        for arg in self.args {
            bytes.extend_from_slice(arg);
            ends.push(bytes.len());
        }
        OwnedChange {
            bytes: bytes.into_boxed_slice(),
            key_end: self.key.len(),
            command_end,
            has_actor: self.actor.is_some(),
            args_start,
            arg_ends: ends.into_boxed_slice(),
            rev: self.rev,
        }
    }
}

/// A [`Change`] that owns its bytes.
#[derive(Debug)]
pub struct OwnedChange {
    bytes: Box<[u8]>,
    key_end: usize,
    command_end: usize,
    has_actor: bool,
    args_start: usize,
    arg_ends: Box<[usize]>,
    /// Where in the key's history this change stands.
    pub rev: Revision,
}

impl OwnedChange {
    /// The changed key.
    pub fn key(&self) -> &[u8] {
        &self.bytes[..self.key_end]
    }

    /// The command in lower case, or `expired` or `evicted`.
    pub fn command(&self) -> &str {
        // Built from a `&str` above; the fallback is never taken.
        std::str::from_utf8(&self.bytes[self.key_end..self.command_end]).unwrap_or_default()
    }

    /// Who the client said it was.
    pub fn actor(&self) -> Option<&[u8]> {
        self.has_actor.then(|| &self.bytes[self.command_end..self.args_start])
    }

    /// The arguments, in order.
    pub fn args(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.arg_ends.len()).map(|i| {
            let start = if i == 0 { self.args_start } else { self.arg_ends[i - 1] };
            &self.bytes[start..self.arg_ends[i]]
        })
    }

    /// How many bytes this copy holds, for bounding history.
    pub fn size(&self) -> usize {
        self.bytes.len() + self.arg_ends.len() * size_of::<usize>() + size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owned_change_reads_back_what_was_borrowed() {
        let args: [&[u8]; 3] = [b"", b"bar", b"px"];
        for actor in [None, Some(&b""[..]), Some(&b"gopher"[..])] {
            let change = Change { key: b"foo", rev: Revision(7), command: "set", args: &args, actor };
            let owned = change.to_owned();
            assert_eq!(owned.key(), b"foo");
            assert_eq!(owned.command(), "set");
            assert_eq!(owned.actor(), actor);
            assert_eq!(owned.args().collect::<Vec<_>>(), args);
            assert_eq!(owned.rev, Revision(7));
        }
    }
}
