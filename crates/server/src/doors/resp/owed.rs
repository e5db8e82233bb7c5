//! Commands of a pipeline whose replies an engine elsewhere owes: they are sent on together, and answered in their
//! order.
//!
//! The engine takes them in the order in which they came, so that one sees what those before it have done.

use super::dialogue::Conversation;
use super::waiting::Pending;
use futures_util::future::{BoxFuture, join_all};
use hyrax_values::command::Name;
use hyrax_values::{Command, Reply};

/// Commands sent on together: enough that what lies between does not matter, and few enough that their replies need
/// little room.
const COMMANDS_MAX: usize = 512;

/// A reply that is owed.
enum Part {
    /// The engine's, of the command in this place among the metrics' names.
    Later(usize, BoxFuture<'static, Reply>),
    /// One that was written already.
    Written(Vec<u8>),
}

/// Replies that are owed, in order.
#[derive(Default)]
pub struct Owed(Vec<Part>);

impl Owed {
    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether no further command is to be sent on with these.
    pub fn is_full(&self) -> bool {
        self.0.len() >= COMMANDS_MAX
    }

    /// Whether a command may be sent on before those before it are answered: one of the engine's that does not wait.
    pub fn may_follow(command: Option<&'static Command>) -> bool {
        let waits = |command: &Command| {
            matches!(
                command.id,
                Name::Blpop
                    | Name::Brpop
                    | Name::Blmove
                    | Name::Brpoplpush
                    | Name::Blmpop
                    | Name::Bzpopmin
                    | Name::Bzpopmax
                    | Name::Bzmpop
                    | Name::Xread
                    | Name::Xreadgroup
            )
        };
        command.is_some_and(|command| !waits(command))
    }

    /// The engine owes the next reply.
    pub fn later(&mut self, number: usize, reply: BoxFuture<'static, Reply>) {
        self.0.push(Part::Later(number, reply));
    }

    /// The next reply was written behind `start`: it has to come after those that are owed.
    pub fn written(&mut self, start: usize, out: &mut Vec<u8>) {
        if !self.0.is_empty() {
            self.0.push(Part::Written(out.split_off(start)));
        }
    }

    /// What the client waits for.
    pub fn pending(self) -> Pending {
        Pending::Several(self)
    }

    /// Waits for the replies and writes them.
    pub async fn finish(self, conversation: &mut Conversation, out: &mut Vec<u8>) {
        let parts = self.0.into_iter().map(|part| async {
            match part {
                Part::Later(number, reply) => Ok((number, reply.await)),
                Part::Written(bytes) => Err(bytes),
            }
        });
        for part in join_all(parts).await {
            match part {
                Ok((number, reply)) => {
                    conversation.write_late(number, &reply, out);
                }
                Err(bytes) => out.extend_from_slice(&bytes),
            }
        }
    }
}
