//! A long run of random requests, in episodes that each begin with nothing, and what comes of it.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::answer::{Answer, Refusal};
use super::call::Call;
use super::generator::{Generator, Hints, Mix};
use super::server::Server;
use crate::differential::shrink;

/// How many requests an episode has: enough for what is there to become entangled, few enough to play again.
const EPISODE_CALLS: usize = 250;
/// Watches at one time.
const WATCHES_MAX: usize = 6;
/// etcd looks every tenth of a second for watches that begin in the past. What they see of it must not be compacted
/// before that.
const WATCH_CATCHES_UP_WITHIN: Duration = Duration::from_millis(150);
/// How long a watch may need to see a change, again before that is compacted.
const WATCH_SEES_WITHIN: Duration = Duration::from_millis(10);
/// How long to look for a shorter failing sequence.
const SHRINK_WITHIN: Duration = Duration::from_secs(60);

/// A run of random requests from a seed.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The same seed plays the same requests.
    pub seed: u64,
    /// How many to play.
    pub calls: usize,
    /// How often each kind comes.
    pub mix: Mix,
}

/// What a campaign without a difference did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Requests played.
    pub calls: usize,
    /// How many of them both servers refused, in the same words.
    pub refusals: usize,
    /// Events that watches saw.
    pub events: usize,
    /// How long it took.
    pub took: Duration,
}

/// The shortest sequence found after which the two differ.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The campaign's seed.
    pub seed: u64,
    /// The sequence, to be played from nothing.
    pub calls: Vec<Call>,
    /// What differs at its end.
    pub what: String,
}

/// A difference, after so many calls.
struct Difference {
    calls: usize,
    what: String,
}

/// What is played: known from the beginning, or made up as it goes.
enum Source<'a> {
    Known(&'a [Call]),
    Random(&'a mut Generator, usize),
}

impl Campaign {
    /// Plays it, and panics with the shortest sequence of requests that shows a difference.
    pub fn must_agree(
        &self,
        reference: (&'static str, SocketAddr),
        subject: (&'static str, SocketAddr),
    ) -> Tally {
        self.run(reference, subject).unwrap_or_else(|finding| panic!("{finding}"))
    }

    /// Plays it until a difference shows.
    pub fn run(
        &self,
        reference: (&'static str, SocketAddr),
        subject: (&'static str, SocketAddr),
    ) -> Result<Tally, Box<Finding>> {
        let began = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime can be built");
        let mut pair = runtime.block_on(async {
            Pair {
                reference: Server::connect(reference.0, reference.1).await,
                subject: Server::connect(subject.0, subject.1).await,
                tally: Tally::default(),
            }
        });
        let mut generator = Generator::new(self.seed, self.mix);
        while pair.tally.calls < self.calls {
            let length = EPISODE_CALLS.min(self.calls - pair.tally.calls);
            let mut played = Vec::new();
            let source = Source::Random(&mut generator, length);
            if let Err(difference) = runtime.block_on(pair.episode(source, &mut played)) {
                played.truncate(difference.calls);
                return Err(Box::new(self.finding(&runtime, &mut pair, played, difference)));
            }
        }
        Ok(Tally { took: began.elapsed(), ..pair.tally })
    }

    fn finding(&self, runtime: &Runtime, pair: &mut Pair, calls: Vec<Call>, first: Difference) -> Finding {
        let mut again =
            |calls: &[Call]| runtime.block_on(pair.episode(Source::Known(calls), &mut Vec::new())).err();
        let deadline = Instant::now() + SHRINK_WITHIN;
        let mut calls = shrink(calls, deadline, |fewer| again(fewer).is_some());
        let mut at = 0;
        while at < calls.len() && Instant::now() < deadline {
            let with = |smaller| [&calls[..at], &[smaller], &calls[at + 1..]].concat();
            let mut smaller = calls[at].smaller().into_iter().map(with);
            match smaller.find(|calls| again(calls).is_some()) {
                Some(found) => calls = found,
                None => at += 1,
            }
        }
        let what = again(&calls).map_or_else(
            || format!("{}\n(only once: the same requests again made no difference)", first.what),
            |difference| difference.what,
        );
        Finding { seed: self.seed, calls, what }
    }
}

struct Pair {
    reference: Server,
    subject: Server,
    tally: Tally,
}

impl Pair {
    /// Plays an episode from nothing. What was played is in `played`.
    async fn episode(&mut self, mut source: Source<'_>, played: &mut Vec<Call>) -> Result<(), Difference> {
        tokio::join!(self.reference.reset(), self.subject.reset());
        let mut revision = 1;
        let mut watches = 0;
        let mut last_watch = None;
        loop {
            let hints = Hints { revision, may_watch: watches < WATCHES_MAX };
            let Some(call) = source.next(played.len(), hints) else { break };
            match &call {
                Call::Watch(_) => {
                    watches += 1;
                    last_watch = Some(Instant::now());
                }
                Call::Compact(_) => let_watches_catch_up(last_watch).await,
                _ => {}
            }
            played.push(call.clone());
            let (expected, answered) = tokio::join!(self.reference.play(&call), self.subject.play(&call));
            if !same(&expected, &answered) {
                return Err(Difference { calls: played.len(), what: self.told(&expected, &answered) });
            }
            self.tally.calls += 1;
            self.tally.refusals += usize::from(expected.is_err());
            revision = expected.ok().and_then(|answer| answer.revision()).unwrap_or(revision).max(1);
        }
        let (expected, answered) = tokio::join!(self.reference.finish(), self.subject.finish());
        for (expected, answered) in expected.iter().zip(&answered) {
            self.tally.events += expected.events.len();
            if expected != answered {
                let what = format!("a watch saw otherwise\n{}", self.told(expected, answered));
                return Err(Difference { calls: played.len(), what });
            }
        }
        Ok(())
    }

    fn told(&self, expected: &dyn fmt::Debug, answered: &dyn fmt::Debug) -> String {
        format!(
            "{} answers {expected:?}\n{} answers {answered:?}",
            self.reference.name(),
            self.subject.name()
        )
    }
}

impl Source<'_> {
    fn next(&mut self, played: usize, hints: Hints) -> Option<Call> {
        match self {
            Source::Known(calls) => calls.get(played).cloned(),
            Source::Random(generator, length) => (played < *length).then(|| generator.call(hints)),
        }
    }
}

async fn let_watches_catch_up(last_watch: Option<Instant>) {
    if let Some(opened) = last_watch {
        let left = WATCH_CATCHES_UP_WITHIN.saturating_sub(opened.elapsed());
        tokio::time::sleep(left.max(WATCH_SEES_WITHIN)).await;
    }
}

fn same(expected: &Result<Answer, Refusal>, answered: &Result<Answer, Refusal>) -> bool {
    match (expected, answered) {
        (Ok(expected), Ok(answered)) => expected.same(answered),
        (expected, answered) => expected == answered,
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "a difference (seed {}), after these requests on no keys:", self.seed)?;
        for call in &self.calls {
            writeln!(formatter, "    {call:?}")?;
        }
        write!(formatter, "{}", self.what)
    }
}
