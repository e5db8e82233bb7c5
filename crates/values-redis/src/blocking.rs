//! Which commands wait, at which keys and for how long, and how they are tried on some of their keys.

use crate::call::Prepared;
use crate::engine::Inner;
use crate::waiting::{Kind, Waiter};
use futures_util::future::BoxFuture;
use hyrax_values::command::Name;
use hyrax_values::{
    Call, Command, Error, LongDouble, Reply, ReplySink, Waiting, parse_double, parse_integer,
};
use redis::Value;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A command that waits, as its words say.
struct Wait {
    kind: Kind,
    /// Which words are the keys that it takes from.
    keys: Range<usize>,
    /// How long; for ever, if that is not said.
    time: Option<Duration>,
    nothing: Reply,
}

/// Whether a call is one of those that may wait.
pub fn may_wait(command: &Command, argv: &[&[u8]]) -> bool {
    match command.id {
        Name::Blpop
        | Name::Brpop
        | Name::Blmove
        | Name::Brpoplpush
        | Name::Blmpop
        | Name::Bzpopmin
        | Name::Bzpopmax
        | Name::Bzmpop => true,
        Name::Xread | Name::Xreadgroup => block_place(argv).is_some(),
        _ => false,
    }
}

/// Where `BLOCK` stands among the options of a read of streams.
fn block_place(argv: &[&[u8]]) -> Option<usize> {
    let mut place = 1;
    while let Some(word) = argv.get(place) {
        let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
        if is(b"streams") {
            return None;
        }
        if is(b"block") {
            return Some(place);
        }
        place += if is(b"group") {
            3
        } else if is(b"count") {
            2
        } else {
            1
        };
    }
    None
}

/// The words of a call of these, one after the other, of its own.
type Words = Vec<Vec<u8>>;

fn borrowed(words: &Words) -> Vec<&[u8]> {
    words.iter().map(Vec::as_slice).collect()
}

impl Wait {
    fn of(command: &Command, argv: &[&[u8]]) -> Result<Wait, Error> {
        let last = argv.len() - 1;
        let counted = || {
            let count = argv.get(2).and_then(|word| parse_integer(word)).unwrap_or(0);
            let count = usize::try_from(count).unwrap_or(0).min(argv.len().saturating_sub(3));
            3..3 + count
        };
        let (kind, keys, time, nothing) = match command.id {
            Name::Blpop | Name::Brpop => (Kind::List, 1..last, seconds(argv[last])?, Reply::NullArray),
            Name::Bzpopmin | Name::Bzpopmax => {
                (Kind::SortedSet, 1..last, seconds(argv[last])?, Reply::NullArray)
            }
            Name::Blmove => (Kind::List, 1..2, seconds(argv[5])?, Reply::Null),
            Name::Brpoplpush => (Kind::List, 1..2, seconds(argv[3])?, Reply::Null),
            Name::Blmpop => (Kind::List, counted(), seconds(argv[1])?, Reply::NullArray),
            Name::Bzmpop => (Kind::SortedSet, counted(), seconds(argv[1])?, Reply::NullArray),
            _ => {
                let timeout = block_place(argv).and_then(|place| argv.get(place + 1));
                let time = timeout.map(|word| milliseconds(word)).transpose()?.flatten();
                let places: Vec<usize> = command.keys(argv).map(|found| found.position).collect();
                let first = places.first().copied().unwrap_or(0);
                (Kind::Stream, first..first + places.len(), time, Reply::NullArray)
            }
        };
        Ok(Wait { kind, keys, time, nothing })
    }

    /// The call with some of these keys only (by their places among them).
    fn on(&self, command: &Command, words: &Words, places: &[usize]) -> Words {
        let chosen = |range: &Range<usize>| -> Words {
            places.iter().filter_map(|place| words.get(range.start + place).cloned()).collect()
        };
        let before = &words[..self.keys.start.min(words.len())];
        let after = words.get(self.keys.end..).unwrap_or_default();
        match command.id {
            Name::Blmove | Name::Brpoplpush => words.clone(),
            Name::Blmpop | Name::Bzmpop if !self.keys.is_empty() => {
                let mut changed = before.to_vec();
                changed[2] = places.len().to_string().into_bytes();
                [changed, chosen(&self.keys), after.to_vec()].concat()
            }
            Name::Xread | Name::Xreadgroup if !self.keys.is_empty() => {
                let ids = self.keys.end..self.keys.end + self.keys.len();
                [before.to_vec(), chosen(&self.keys), chosen(&ids)].concat()
            }
            Name::Blmpop | Name::Bzmpop | Name::Xread | Name::Xreadgroup => words.clone(),
            _ => [before.to_vec(), chosen(&self.keys), after.to_vec()].concat(),
        }
    }
}

/// How long a number of seconds is; nothing for ever.
fn seconds(word: &[u8]) -> Result<Option<Duration>, Error> {
    let refusal = Error::text("ERR timeout is not a float or out of range");
    LongDouble::parse(word).ok_or(refusal.clone())?;
    let milliseconds = (parse_double(word).ok_or(refusal)? * 1000.0).ceil();
    if milliseconds < 0.0 || milliseconds >= i64::MAX as f64 {
        return Err(Error::text("ERR timeout is negative"));
    }
    Ok((milliseconds > 0.0).then(|| Duration::from_millis(milliseconds as u64)))
}

/// How long a number of milliseconds is; nothing for ever.
fn milliseconds(word: &[u8]) -> Result<Option<Duration>, Error> {
    let number = parse_integer(word).ok_or(Error::text("ERR timeout is not an integer or out of range"))?;
    let number = u64::try_from(number).map_err(|_| Error::text("ERR timeout is negative"))?;
    Ok((number > 0).then(|| Duration::from_millis(number)))
}

/// Has a command wait for what it takes.
pub fn wait(inner: &Arc<Inner>, call: &Call<'_>, reply: &mut dyn ReplySink) -> Option<Waiting> {
    let prepared =
        Wait::of(call.command, call.argv).and_then(|wait| Prepared::new(&inner.names, call).map(|_| wait));
    let wait = match prepared {
        Ok(wait) => wait,
        Err(error) => {
            reply.error(&error);
            return None;
        }
    };
    let mut words: Words = call.argv.iter().map(|word| word.to_vec()).collect();
    let mut wait = wait;
    if let Some(place) = block_place(call.argv).filter(|_| wait.kind == Kind::Stream) {
        words.drain(place..(place + 2).min(words.len()));
        wait.keys = wait.keys.start.saturating_sub(2)..wait.keys.end.saturating_sub(2);
    }
    let keys: Vec<Box<[u8]>> =
        words.get(wait.keys.clone()).unwrap_or_default().iter().map(|key| key.as_slice().into()).collect();
    let keys = if keys.is_empty() { vec![Box::from(&b""[..])] } else { keys };
    // More than can be counted is for ever.
    let deadline = wait.time.and_then(|time| Instant::now().checked_add(time));
    let (kind, nothing) = (wait.kind, wait.nothing.clone());
    let attempt = Attempts {
        inner: inner.clone(),
        command: call.command,
        wait,
        words: Arc::new(parking_lot::Mutex::new(words)),
        actor: call.actor.map(<[u8]>::to_vec),
        quiet: call.quiet,
    };
    let attempt = Arc::new(attempt);
    let waiter = Waiter {
        keys,
        kind,
        deadline,
        nothing: nothing.clone(),
        attempt: Arc::new(move |places, again| attempt.clone().run(places.to_vec(), again)),
    };
    let (reply, end) = inner.awaited.begin(waiter);
    Some(Waiting { reply, nothing, end })
}

/// How a waiting command is tried.
struct Attempts {
    inner: Arc<Inner>,
    command: &'static Command,
    wait: Wait,
    /// Its words; `$` is replaced by the id that it stands for, once that is known.
    words: Arc<parking_lot::Mutex<Words>>,
    actor: Option<Vec<u8>>,
    quiet: bool,
}

impl Attempts {
    fn run(self: Arc<Self>, places: Vec<usize>, again: bool) -> BoxFuture<'static, Reply> {
        Box::pin(async move {
            if self.command.id == Name::Xread
                && !again
                && let Err(error) = self.resolve().await
            {
                return Reply::Error(error);
            }
            let words = self.wait.on(self.command, &self.words.lock(), &places);
            let argv = borrowed(&words);
            let actor = self.actor.as_deref();
            let call = Call { command: self.command, argv: &argv, actor, quiet: self.quiet };
            let options = if again { "r" } else { "" };
            match self.inner.begin(&call, None, options) {
                Ok(outcome) => outcome.await,
                Err(error) => Reply::Error(error),
            }
        })
    }

    /// Replaces `$` by the last id of its stream.
    async fn resolve(&self) -> Result<(), Error> {
        let count = self.wait.keys.len();
        let words = self.words.lock().clone();
        for place in self.wait.keys.clone() {
            if words.get(place + count).is_none_or(|id| id != b"$") {
                continue;
            }
            let (slot, real) = (self.inner.names.slot(&words[place]), self.inner.names.real(&words[place]));
            let mut ask = redis::cmd("XINFO");
            ask.arg("STREAM").arg(real);
            let last = match self.inner.nodes.run(slot, &ask).await {
                Ok(Value::Map(fields)) => last_id(fields),
                // No such stream: everything that comes is new.
                _ => b"0-0".to_vec(),
            };
            self.words.lock()[place + count] = last;
        }
        Ok(())
    }
}

fn last_id(fields: Vec<(Value, Value)>) -> Vec<u8> {
    let named = |name: &Value| matches!(name, Value::BulkString(name) if name == b"last-generated-id");
    match fields.into_iter().find(|(name, _)| named(name)) {
        Some((_, Value::BulkString(id))) => id,
        _ => b"0-0".to_vec(),
    }
}
