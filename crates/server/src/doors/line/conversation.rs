//! What one client says and is answered, whatever carries it.
//!
//! Almost every line is one Redis command that the engine answers at once: that way is short and
//! waits for nothing. All else goes the long way, which may wait.

use super::encode::JsonSink;
use super::envelope::Envelope;
use super::json::{JsonKind, Reader};
use super::live::OwedReply;
use super::message::{BadMessage, Message, read_message};
use super::verbs::{self, Verb};
use super::{admin, elections, fence, groups, live, locks, monitors, presence, status};
use crate::session::{Refusal, Session};
use hyrax_types::limits;
use hyrax_values::{Command, Reply, ReplySink, Waiting, command};
use std::borrow::Cow;
use std::fmt::Display;
use std::time::{Duration, Instant};

/// Why a command was refused.
pub type Problem = Cow<'static, str>;

/// What became of a line.
pub enum Answer {
    /// The answer has been written.
    Done,
    /// An engine answers later; [`Conversation::finish`] writes it.
    Later(Later),
    /// It takes the long way: [`Conversation::answer_slowly`].
    Slow,
}

/// A reply that an engine still owes.
pub struct Later {
    envelope: Envelope,
    command: &'static Command,
    owed: OwedReply,
}

impl Later {
    /// Whether the reply comes when others do something, maybe in hours.
    pub fn waits_for_others(&self) -> bool {
        matches!(self.owed, OwedReply::Waits(_))
    }
}

/// Where a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// By itself: it may be answered when others have been.
    Alone,
    /// In a package, which is answered as a whole: nothing in it waits for others.
    Package,
}

/// One client's side of the line door.
pub struct Conversation {
    /// What the client owns.
    pub session: Session,
}

impl Conversation {
    /// Answers a line (a frame, a body) if nothing has to be waited for. Whatever was written to
    /// `out` is the whole answer, without an end of line.
    pub fn answer(&mut self, line: &[u8], out: &mut Vec<u8>) -> Answer {
        let text = match std::str::from_utf8(line) {
            Ok(text) => text,
            Err(error) => {
                let problem = format!(
                    "not UTF-8: a stray byte at {}; write bytes as {{\"base64\":\"…\"}}",
                    error.valid_up_to()
                );
                Envelope::bare().error(&problem, out);
                return Answer::Done;
            }
        };
        let mut reader = Reader::new(text);
        if reader.kind() == Ok(JsonKind::Array) {
            return Answer::Slow;
        }
        let message = match read_whole(&mut reader) {
            Ok(message) => message,
            Err(bad) => {
                refuse_unread(text, &bad, out);
                return Answer::Done;
            }
        };
        match command::lookup(message.name.as_bytes()) {
            Some(command) if message.fence.is_none() => self.answer_live(command, &message, out),
            _ => Answer::Slow,
        }
    }

    /// Runs a Redis command.
    fn answer_live(&mut self, command: &'static Command, message: &Message<'_>, out: &mut Vec<u8>) -> Answer {
        let envelope = Envelope::of(message);
        match live::run(&mut self.session, command, message, &envelope, out) {
            Ok(None) => Answer::Done,
            Ok(Some(owed)) => Answer::Later(Later { envelope, command, owed }),
            Err(problem) => {
                envelope.error(&problem, out);
                Answer::Done
            }
        }
    }

    /// Waits for an engine's reply and writes it.
    pub async fn finish(&mut self, later: Later, out: &mut Vec<u8>) {
        let reply = match later.owed {
            OwedReply::Soon(reply) => reply.await,
            OwedReply::Waits(waiting) => waiting.reply.await,
        };
        self.write_late(&later.envelope, later.command, &reply, out);
    }

    /// Waits for an engine's reply and writes it; a command that waits for others is answered that there was
    /// nothing once it has waited so long.
    pub async fn finish_within(&mut self, later: Later, patience: Duration, out: &mut Vec<u8>) {
        let reply = match later.owed {
            OwedReply::Soon(reply) => reply.await,
            OwedReply::Waits(Waiting { mut reply, nothing, end }) => {
                match tokio::time::timeout(patience, &mut reply).await {
                    Ok(reply) => reply,
                    Err(_) => {
                        // It may take something in this very moment: that is what it answers then.
                        end(nothing);
                        reply.await
                    }
                }
            }
        };
        self.write_late(&later.envelope, later.command, &reply, out);
    }

    fn write_late(&mut self, envelope: &Envelope, command: &Command, reply: &Reply, out: &mut Vec<u8>) {
        let succeeded = write_reply(envelope, out, |sink| reply.write(sink));
        self.session.end_command(command.id as usize, succeeded);
    }

    /// Answers a line, however long it takes.
    pub async fn answer_slowly(&mut self, text: &str, out: &mut Vec<u8>) {
        let mut reader = Reader::new(text);
        match reader.kind() {
            Ok(JsonKind::Array) => self.answer_package(text, out).await,
            _ => match read_whole(&mut reader) {
                Ok(message) => self.answer_message(&message, Place::Alone, out).await,
                Err(bad) => refuse_unread(text, &bad, out),
            },
        }
    }

    /// Answers an array of commands with one array.
    async fn answer_package(&mut self, text: &str, out: &mut Vec<u8>) {
        let elements = match split_package(text) {
            Ok(elements) => elements,
            Err(bad) => return Envelope::bare().error(&bad, out),
        };
        let start = out.len();
        let mut turn = Instant::now();
        out.push(b'[');
        for (position, element) in elements.into_iter().enumerate() {
            if position > 0 {
                out.push(b',');
            }
            if out.len() - start > limits::PACKAGE_REPLY_BYTES_MAX {
                let problem = "not run: the package's answer is too large already, send this in another one";
                refuse_unread(element, &BadMessage::Shape(problem.into()), out);
                continue;
            }
            if turn.elapsed() > limits::TURN_MAX {
                tokio::task::yield_now().await;
                turn = Instant::now();
            }
            match read_whole(&mut Reader::new(element)) {
                Ok(message) => self.answer_message(&message, Place::Package, out).await,
                Err(bad) => refuse_unread(element, &bad, out),
            }
        }
        out.push(b']');
    }

    async fn answer_message(&mut self, message: &Message<'_>, place: Place, out: &mut Vec<u8>) {
        if let Some(command) = command::lookup(message.name.as_bytes()) {
            self.session.begin_command();
            let answer = match message.fence {
                None => self.answer_live(command, message, out),
                Some(_) => self.answer_fenced(command, message, out).await,
            };
            if let Answer::Later(later) = answer {
                // A package is answered as a whole: nothing in it waits.
                self.finish_within(later, Duration::ZERO, out).await;
            }
            return;
        }
        let envelope = Envelope::of(message);
        let start = out.len();
        self.session.begin_command();
        let verb = verbs::lookup(&message.name);
        let outcome = match verb {
            Some(verb) => self.run_verb(verb, message, place, &envelope, out).await,
            None => Err(unknown(message)),
        };
        let succeeded = outcome.is_ok();
        if let Err(problem) = outcome {
            out.truncate(start);
            envelope.error(&problem, out);
        }
        if let Some(verb) = verb {
            self.session.end_command(command::COMMANDS.len() + verb.number(), succeeded);
        }
    }

    /// Runs a Redis command under a lock, once it is known to be held.
    async fn answer_fenced(
        &mut self,
        command: &'static Command,
        message: &Message<'_>,
        out: &mut Vec<u8>,
    ) -> Answer {
        let envelope = Envelope::of(message);
        match live::run_fenced(&mut self.session, command, message, &envelope, out).await {
            Ok(None) => Answer::Done,
            Ok(Some(owed)) => Answer::Later(Later { envelope, command, owed }),
            Err(problem) => {
                envelope.error(&problem, out);
                Answer::Done
            }
        }
    }

    async fn run_verb(
        &mut self,
        verb: Verb,
        message: &Message<'_>,
        place: Place,
        envelope: &Envelope,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        fence::check(verb, message)?;
        let session = &mut self.session;
        match verb {
            Verb::Ping => envelope.word("PONG", out),
            Verb::Help => envelope.reply(out, write_names),
            Verb::Status => status::tell(session, envelope, out).await?,
            Verb::Madd | Verb::Mrem | Verb::Mprefix | Verb::Mpremove => {
                monitors::flat(session, verb, message, envelope, out).await?;
            }
            Verb::Mlocal | Verb::Mlocalrem | Verb::Mglobal | Verb::Mglobalrem => {
                monitors::everything(session, verb, message, envelope, out).await?;
            }
            Verb::Mon | Verb::Hmon | Verb::Lmon | Verb::Smon | Verb::Zmon | Verb::Emon | Verb::Amon => {
                monitors::typed(session, verb, message, envelope, out).await?;
            }
            Verb::Eadd | Verb::Eaddq | Verb::Erem | Verb::Eremq => {
                presence::change(session, verb, message, envelope, out).await?;
            }
            Verb::Emembers | Verb::Ecard | Verb::Eismember => {
                presence::ask(session, verb, message, envelope, out)?
            }
            Verb::Auth => admin::authenticate(session, message, envelope, out)?,
            Verb::GetSecretKeys
            | Verb::AddSecretKeys
            | Verb::RemSecretKeys
            | Verb::Aglobalsecrets
            | Verb::Aglobalsecretsadd
            | Verb::Aglobalsecretsrem
            | Verb::Asecrets
            | Verb::Asecretsadd
            | Verb::Asecretsset
            | Verb::Asecretsrem => admin::secrets(session, verb, message, envelope, out).await?,
            Verb::Lock | Verb::Trylock | Verb::Relock | Verb::Unlock => {
                locks::run(session, verb, message, place, envelope, out).await?;
            }
            Verb::Locks => locks::list(session, message, envelope, out).await?,
            Verb::Campaign | Verb::Resign | Verb::Leader | Verb::Observe | Verb::Unobserve => {
                elections::run(session, verb, message, place, envelope, out).await?;
            }
            Verb::Gjoin | Verb::Gleave | Verb::Gmembers | Verb::Gmon | Verb::Gmrem => {
                groups::run(session, verb, message, envelope, out).await?;
            }
            Verb::GetNodes | Verb::AddNodes | Verb::RemNodes => admin::nodes(session, verb, envelope, out)?,
        }
        Ok(())
    }
}

/// Reads the one command that a text consists of.
fn read_whole<'a>(reader: &mut Reader<'a>) -> Result<Message<'a>, BadMessage> {
    let message = read_message(reader)?;
    reader.end()?;
    Ok(message)
}

/// The elements of a package, once it is known to be JSON as a whole.
fn split_package(text: &str) -> Result<Vec<&str>, Box<dyn Display + Send>> {
    let mut reader = Reader::new(text);
    let mut elements = Vec::new();
    let mut first = true;
    while reader.next_element(&mut first).map_err(boxed)? {
        elements.push(reader.raw().map_err(boxed)?);
    }
    reader.end().map_err(boxed)?;
    if elements.len() > limits::PACKAGE_COMMANDS_MAX {
        let max = limits::PACKAGE_COMMANDS_MAX;
        return Err(Box::new(format!("a package holds at most {max} commands, not {}", elements.len())));
    }
    Ok(elements)
}

fn boxed(problem: impl Display + Send + 'static) -> Box<dyn Display + Send> {
    Box::new(problem)
}

/// Refuses what is no command. Its `ref` is echoed where it can be found, and its dialect kept.
fn refuse_unread(text: &str, bad: &BadMessage, out: &mut Vec<u8>) {
    let envelope = match bad {
        BadMessage::Json(_) => Envelope::bare(),
        BadMessage::Shape(_) => {
            super::message::read_frame(text).map_or_else(Envelope::bare, |frame| Envelope::of(&frame))
        }
    };
    envelope.error(bad, out);
}

/// Writes a reply by its sink; a failure replaces it.
pub(super) fn write_reply(
    envelope: &Envelope,
    out: &mut Vec<u8>,
    write: impl Fn(&mut dyn ReplySink),
) -> bool {
    let start = out.len();
    envelope.begin(out);
    let value = out.len();
    let mut sink = JsonSink::new(out);
    write(&mut sink);
    let (error, binary_field) = (sink.take_error(), sink.saw_binary_field());
    if let Some(error) = error {
        out.truncate(start);
        envelope.error(&error, out);
        return false;
    }
    if binary_field {
        out.truncate(value);
        write(&mut JsonSink::with_maps_as_pairs(out));
    }
    envelope.end(out);
    true
}

fn unknown(message: &Message<'_>) -> Problem {
    let name: String = message.name.chars().take(64).collect();
    format!("unknown command '{name}': {{\"cmd\":\"help\"}} lists the commands").into()
}

fn write_names(out: &mut Vec<u8>) {
    let mut names: Vec<&str> =
        command::COMMANDS.iter().map(|command| command.name).chain(verbs::names()).collect();
    names.sort_unstable();
    super::push::write_list(names.into_iter().map(str::as_bytes), out);
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        refusal.to_string().into()
    }
}
