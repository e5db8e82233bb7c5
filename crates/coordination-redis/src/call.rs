//! Calls of functions: asked with a deadline, and asked again where that can not be seen.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use hyrax_coordination::Unavailable;
use hyrax_types::limits::REDIS_RETRY_MIN;
use redis::{Cmd, RedisError, Value};
use tokio::time::{Instant, sleep, timeout_at};

use crate::library::{Function, Names, VANISHED};
use crate::link::{Link, next_wait};
use crate::response::Answer;

/// What may be done with a call that has no answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// None: it is asked again.
    Reads,
    /// One: it is asked again only when it surely did nothing.
    Writes,
}

/// Why a call has no response.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// What is wrong with the request, in etcd's words.
    Refused(String),
    /// There is no answer.
    Unavailable(Unavailable),
}

impl Failure {
    /// The one of `known` that it is.
    pub(crate) fn known<E>(self, known: impl IntoIterator<Item = E>) -> E
    where
        E: Display + From<Unavailable>,
    {
        match self {
            Failure::Unavailable(unavailable) => unavailable.into(),
            Failure::Refused(words) => {
                let found = known.into_iter().find(|error| error.to_string() == words);
                found.unwrap_or_else(|| Unavailable::because(words).into())
            }
        }
    }
}

impl From<Failure> for Unavailable {
    fn from(failure: Failure) -> Unavailable {
        match failure {
            Failure::Unavailable(unavailable) => unavailable,
            Failure::Refused(words) => Unavailable::because(words),
        }
    }
}

impl From<Unavailable> for Failure {
    fn from(unavailable: Unavailable) -> Failure {
        Failure::Unavailable(unavailable)
    }
}

/// Calls over the link.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) link: Arc<Link>,
    pub(crate) names: Names,
    /// How long a request may take, with all its attempts.
    pub(crate) request_max: Duration,
}

impl Caller {
    /// Calls a function with these words, until there is an answer or the time is over.
    pub(crate) async fn call(
        &self,
        function: Function,
        effect: Effect,
        words: &[impl redis::ToRedisArgs],
    ) -> Result<Answer, Failure> {
        let mut command = redis::cmd("FCALL");
        command.arg(function.0).arg(1).arg(&self.names.meta).arg(words);
        let deadline = Instant::now() + self.request_max;
        loop {
            let value = self.ask(&command, effect, deadline).await?;
            match Answer::of(value)? {
                Ok(answer) => return Ok(answer),
                // What Redis has lost it begins anew for the next connection. Nothing was done.
                Err(words) if words == VANISHED && Instant::now() < deadline => {
                    let connection = self.link.connection().await;
                    self.link.leave(&connection, VANISHED);
                    sleep(REDIS_RETRY_MIN).await;
                }
                Err(words) => return Err(Failure::Refused(words)),
            }
        }
    }

    /// Sends any command that only reads.
    pub(crate) async fn read(&self, command: &Cmd) -> Result<Value, Unavailable> {
        self.ask(command, Effect::Reads, Instant::now() + self.request_max).await
    }

    async fn ask(&self, command: &Cmd, effect: Effect, deadline: Instant) -> Result<Value, Unavailable> {
        let mut wait = REDIS_RETRY_MIN;
        loop {
            let Ok(mut connection) = timeout_at(deadline, self.link.connection()).await else {
                return Err(self.unreachable());
            };
            let patience = match effect {
                Effect::Reads => deadline.min(Instant::now() + self.request_max / 2),
                Effect::Writes => deadline,
            };
            let Ok(asked) = timeout_at(patience, connection.ask(command)).await else {
                self.link.leave(&connection, "Redis did not answer");
                if effect == Effect::Writes || Instant::now() >= deadline {
                    return Err(Unavailable::because("Redis did not answer in time"));
                }
                continue;
            };
            let error = match asked {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let next = Next::after(&error);
            if next != Next::Answer {
                self.link.leave_for(&connection, &error);
            }
            let again = match next {
                Next::Answer => false,
                Next::Again => true,
                Next::AgainIfReading => effect == Effect::Reads,
            };
            if !again || Instant::now() + wait >= deadline {
                return Err(unavailable(&error));
            }
            sleep(wait).await;
            wait = next_wait(wait);
        }
    }

    /// There was no connection for as long as a request may take: it was not sent.
    pub(crate) fn unreachable(&self) -> Unavailable {
        let trouble = self.link.trouble();
        let trouble = trouble.as_deref().unwrap_or("connections are lost as soon as they are there");
        Unavailable::because(format!("Redis can not be reached: {trouble}"))
    }
}

fn unavailable(error: &RedisError) -> Unavailable {
    match error.code() {
        Some("OOM") => Unavailable::NoSpace,
        _ => Unavailable::because(format!("Redis: {error}")),
    }
}

/// What to do after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// It is the answer.
    Answer,
    /// Nothing was done; another connection may do it.
    Again,
    /// It may have been done.
    AgainIfReading,
}

impl Next {
    fn after(error: &RedisError) -> Next {
        match error.code() {
            // It is no primary, not the one that has the slot, not ready yet, or has lost the functions.
            Some(
                "READONLY" | "MOVED" | "ASK" | "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" | "LOADING"
                | "NOREPLICAS",
            ) => Next::Again,
            Some("ERR") if error.to_string().contains("Function not found") => Next::Again,
            Some(_) => Next::Answer,
            None => Next::AgainIfReading,
        }
    }
}
