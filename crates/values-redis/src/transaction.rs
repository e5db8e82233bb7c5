//! Several calls as one step: `MULTI` … `EXEC`, and `WATCH` on a connection of its own.

use crate::engine::Inner;
use crate::nodes::{Node, Remedy, remedy};
use crate::reply::{error_of, reply_of};
use crate::whole;
use futures_util::future::BoxFuture;
use hyrax_types::{Revision, limits};
use hyrax_values::command::Name;
use hyrax_values::{Call, Command, Error, Reply, Watch, Watched};
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, RedisError, RedisResult, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How long a connection for a watch may take to come up, and its answers.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// How long to wait before a cluster that is changing is asked again.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// A connection that watches keys for one transaction.
struct Line {
    slot: u16,
    connection: tokio::sync::Mutex<Option<MultiplexedConnection>>,
    /// A key lies elsewhere, or the connection failed: nothing can be promised.
    failed: Mutex<Option<Error>>,
    used: AtomicBool,
}

impl Line {
    async fn watch(&self, node: &Node, real: &[u8]) -> RedisResult<()> {
        let mut line = self.connection.lock().await;
        if line.is_none() {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(ANSWER_MAX))
                .set_response_timeout(Some(ANSWER_MAX));
            let client = Client::open(node.info().clone())?;
            *line = Some(client.get_multiplexed_async_connection_with_config(&config).await?);
        }
        match line.as_mut() {
            Some(connection) => {
                connection.send_packed_command(redis::cmd("WATCH").arg(real)).await?.extract_error().map(drop)
            }
            None => Ok(()),
        }
    }
}

/// Begins to watch a key, on the connection of those that are watched already.
pub fn watch(inner: &Arc<Inner>, key: &[u8], beside: &[Watched]) -> Watch {
    let slot = inner.names.slot(key);
    let line = beside.first().and_then(line_of).unwrap_or_else(|| {
        Arc::new(Line {
            slot,
            connection: tokio::sync::Mutex::new(None),
            failed: Mutex::new(None),
            used: AtomicBool::new(false),
        })
    });
    let (inner, key) = (inner.clone(), Box::<[u8]>::from(key));
    Watch::Later(Box::pin(async move {
        if line.slot != slot {
            *line.failed.lock() = Some(CROSS_SLOT);
        } else if let Err(error) = line.watch(&inner.nodes.owner(slot), &inner.names.real(&key)).await {
            if remedy(&error) != Remedy::None {
                let _ = inner.nodes.refresh().await;
            }
            *line.failed.lock() = Some(error_of(&error));
        }
        Watched { key, since: Revision::ZERO, registration: Box::new(line) }
    }))
}

const CROSS_SLOT: Error = Error::text("CROSSSLOT Keys in request don't hash to the same slot");

fn line_of(watched: &Watched) -> Option<Arc<Line>> {
    watched.registration.downcast_ref::<Arc<Line>>().cloned()
}

/// What is to be done for one call.
enum Step {
    /// It is refused beforehand.
    Refused(Error),
    /// It is one of the commands that are sent: the command, and how many words it has.
    Sent(&'static Command, usize),
}

/// The calls as commands.
struct Plan {
    slot: u16,
    steps: Vec<Step>,
    commands: Vec<Cmd>,
}

impl Plan {
    fn new(inner: &Inner, calls: &[Call<'_>]) -> Result<Plan, Error> {
        let mut slot = None;
        let (mut steps, mut commands) = (Vec::with_capacity(calls.len()), Vec::with_capacity(calls.len()));
        for call in calls {
            match planned(inner, call) {
                Ok((of_call, command)) => {
                    if let Some(of_call) = of_call
                        && *slot.get_or_insert(of_call) != of_call
                    {
                        return Err(CROSS_SLOT);
                    }
                    steps.push(Step::Sent(call.command, call.argv.len()));
                    commands.push(command);
                }
                Err(error) => steps.push(Step::Refused(error)),
            }
        }
        Ok(Plan { slot: slot.unwrap_or(0), steps, commands })
    }

    fn pipeline(&self) -> Pipeline {
        let mut all = redis::pipe();
        all.cmd("MULTI");
        for command in &self.commands {
            all.add_command(command.clone());
        }
        all.cmd("EXEC");
        all
    }

    /// How many answers there are to it.
    fn answers(&self) -> usize {
        self.commands.len() + 2
    }

    /// The replies of the calls, from what `EXEC` answered.
    fn replies(self, inner: &Inner, executed: Vec<Value>) -> Vec<Reply> {
        let mut executed = executed.into_iter();
        let steps = self.steps.into_iter().map(|step| match step {
            Step::Refused(error) => Reply::Error(error),
            Step::Sent(command, words) => {
                let outcome = match executed.next().unwrap_or(Value::Nil) {
                    Value::ServerError(error) => Err(RedisError::from(error)),
                    value => Ok(value),
                };
                whole::shown(inner, command.id, reply_of(command, words, &inner.names, outcome))
            }
        });
        steps.collect()
    }

    /// The same refusal for all.
    fn all_refused(&self, error: &Error) -> Vec<Reply> {
        self.steps.iter().map(|_| Reply::Error(error.clone())).collect()
    }
}

/// A call as a command, and its slot if it has keys.
fn planned(inner: &Inner, call: &Call<'_>) -> Result<(Option<u16>, Cmd), Error> {
    call.command.check_words(call.argv)?;
    match call.command.id {
        Name::Dbsize | Name::Flushall | Name::Flushdb | Name::Keys | Name::Randomkey | Name::Scan => {
            Ok((None, whole::on_one_server(inner, call)?))
        }
        Name::Move | Name::Swapdb => {
            let answer = Reply::collect(|sink| drop(whole::other_database(call, sink)));
            match answer {
                Reply::Error(error) => Err(error),
                answer => Ok((None, echo(answer))),
            }
        }
        _ => {
            let (slot, command) = inner.command(call, None, "")?;
            let has_keys = call.command.keys(call.argv).next().is_some();
            Ok((has_keys.then_some(slot), command))
        }
    }
}

/// A command that is answered just so: a transaction's replies come from Redis alone.
fn echo(answer: Reply) -> Cmd {
    let mut echo = redis::cmd("ECHO");
    echo.arg(match answer {
        Reply::Status(text) => text,
        _ => "",
    });
    echo
}

/// Begins a transaction.
pub fn begin(
    inner: &Arc<Inner>,
    watched: &[Watched],
    calls: &[Call<'_>],
) -> BoxFuture<'static, Option<Vec<Reply>>> {
    let line = watched.first().and_then(line_of);
    let plan = Plan::new(inner, calls);
    let count = calls.len();
    let inner = inner.clone();
    Box::pin(async move {
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => return Some(vec![Reply::Error(error); count]),
        };
        match line {
            Some(line) => run_watched(&inner, plan, &line).await,
            None if plan.commands.is_empty() => Some(plan.replies(&inner, Vec::new())),
            None => run(&inner, plan).await,
        }
    })
}

/// What `EXEC` came to.
enum Executed {
    /// The answers of the commands.
    Done(Vec<Value>),
    /// A watched key has changed.
    Aborted,
    /// None was run, because of this.
    NotRun(RedisError),
}

fn executed(mut answers: Vec<Value>) -> Executed {
    match answers.pop() {
        Some(Value::Array(values)) => Executed::Done(values),
        Some(Value::ServerError(abort)) => {
            // Which of the commands was not taken says more than that all were given up.
            let cause = answers.into_iter().find_map(|answer| match answer {
                Value::ServerError(error) => Some(error),
                _ => None,
            });
            Executed::NotRun(cause.unwrap_or(abort).into())
        }
        _ => Executed::Aborted,
    }
}

/// Whether the functions were missing: then none of the calls that write was run.
fn lacks_functions(values: &[Value]) -> bool {
    let is_missing = |value: &Value| match value {
        Value::ServerError(error) => remedy(&RedisError::from(error.clone())) == Remedy::Load,
        _ => false,
    };
    values.iter().any(is_missing)
}

async fn run(inner: &Inner, plan: Plan) -> Option<Vec<Reply>> {
    let began = Instant::now();
    let pipeline = plan.pipeline();
    loop {
        let node = inner.nodes.owner(plan.slot);
        let error = match node.send_all(&pipeline, plan.answers()).await.map(executed) {
            Ok(Executed::Done(values)) if lacks_functions(&values) => {
                if let Err(error) = node.load_functions().await {
                    return Some(plan.all_refused(&error_of(&error)));
                }
                continue;
            }
            Ok(Executed::Done(values)) => return Some(plan.replies(inner, values)),
            Ok(Executed::Aborted) => return None,
            Ok(Executed::NotRun(error)) => error,
            Err(error) => return Some(plan.all_refused(&error_of(&error))),
        };
        let passes = !matches!(remedy(&error), Remedy::None | Remedy::Load);
        if !passes || began.elapsed() > limits::REDIS_UNSETTLED_MAX {
            return Some(plan.all_refused(&error_of(&error)));
        }
        tokio::time::sleep(AGAIN_AFTER).await;
        let _ = inner.nodes.refresh().await;
    }
}

/// Runs a transaction on the connection that has watched its keys. It is tried once: what was watched is not any
/// more after it, so where it could not be run, whoever asked has to begin again.
async fn run_watched(inner: &Inner, plan: Plan, line: &Line) -> Option<Vec<Reply>> {
    let failed = line.failed.lock().clone();
    if let Some(error) = failed {
        return Some(plan.all_refused(&error));
    }
    if !plan.commands.is_empty() && plan.slot != line.slot && inner.names.is_cluster() {
        return Some(plan.all_refused(&CROSS_SLOT));
    }
    if line.used.swap(true, Ordering::AcqRel) {
        return None;
    }
    let mut connection = line.connection.lock().await.take()?;
    let answers = connection.send_packed_commands(&plan.pipeline(), 0, plan.answers()).await;
    match answers.map(executed) {
        Ok(Executed::Done(values)) if lacks_functions(&values) => {
            let _ = inner.nodes.owner(line.slot).load_functions().await;
            None
        }
        Ok(Executed::Done(values)) => Some(plan.replies(inner, values)),
        Ok(Executed::Aborted) => None,
        Ok(Executed::NotRun(error)) if remedy(&error) != Remedy::None => {
            let _ = inner.nodes.refresh().await;
            None
        }
        Ok(Executed::NotRun(error)) | Err(error) => Some(plan.all_refused(&error_of(&error))),
    }
}
