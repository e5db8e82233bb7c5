//! Crashes at random moments, on a disk that tears, loses and reorders what was not synced: what was
//! acknowledged is there, what was seen is not taken back, and watches go on without a gap or are told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use hyrax_journal::disk::SimulatedDisk;
use hyrax_types::Revision;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::durable::open;
use crate::conformance::{Request, requests};
use crate::embedded::{Embedded, Recovery};
use crate::model::Model;
use crate::{
    Coordination, Event, EventKind, KeyRange, Op, RangeRequest, TxnRequest, WatchError, WatchRequest,
};

const CASES: u64 = 60;
const CRASHES: u64 = 4;
const REQUESTS_MAX: u64 = 40;

/// What somebody outside knows at a moment.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The last request that must last, of those up to the last one answered.
    kept: usize,
    /// The last revision that anybody was shown.
    shown: Revision,
}

/// What a process did before it crashed.
struct Lived {
    /// The model after each request, the first one before any.
    models: Vec<Model>,
    /// Outside, just before the crash.
    known: Known,
    /// As the crash left it.
    disk: SimulatedDisk,
}

struct Chance(TestRunner);

impl Chance {
    fn new(seed: u64) -> Chance {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Chance(TestRunner::new_with_rng(Config::default(), rng))
    }

    fn draw<T>(&mut self, strategy: &impl Strategy<Value = T>) -> T {
        strategy.new_tree(&mut self.0).expect("a value").current()
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.draw(&(0..bound))
    }
}

/// Has the disk crash at its `operation`th operation from now, and keeps what was known just before.
fn crash_at(
    disk: &SimulatedDisk,
    operation: u64,
    seed: u64,
    known: &Arc<Mutex<Known>>,
) -> Arc<Mutex<Option<(Known, SimulatedDisk)>>> {
    let crash = Arc::new(Mutex::new(None));
    let (kept, known, left) = (Arc::clone(&crash), Arc::clone(known), Mutex::new(operation));
    disk.observe(Arc::new(move |disk, _| {
        let mut left = left.lock().expect("the count");
        *left = left.wrapping_sub(1);
        if *left == 0 {
            let known = known.lock().expect("what is known").clone();
            *kept.lock().expect("the crash") = Some((known, disk.crash(seed)));
        }
    }));
    crash
}

/// Makes requests until the disk has crashed or enough were made.
async fn live(engine: &Arc<Embedded>, disk: &SimulatedDisk, model: Model, chance: &mut Chance) -> Lived {
    let known = Arc::new(Mutex::new(Known { kept: 0, shown: model.revision() }));
    let seed = chance.below(u64::MAX);
    let crash = crash_at(disk, 1 + chance.below(50), seed, &known);
    let strategy = requests(Revision(model.revision().0.saturating_sub(10).max(1)), 1_000..2_000);
    let mut models = vec![model];
    let mut kept = vec![0];
    let mut asked: Vec<(usize, BoxFuture<'static, ()>)> = Vec::new();
    for _ in 0..1 + chance.below(REQUESTS_MAX) {
        let request = chance.draw(&strategy);
        if matches!(request, Request::Compact(_)) {
            // What can be compacted depends on what may be seen.
            for (at, answer) in asked.drain(..) {
                answer.await;
                hear(&known, kept[at]);
            }
        }
        let before = models.last().expect("a model");
        let mut after = before.clone();
        _ = request.ask_model(&mut after, Duration::ZERO, 0);
        kept.push(if must_last(before, &after) { models.len() } else { kept[models.len() - 1] });
        models.push(after);
        let waits = waits(&request);
        let asking = Arc::clone(engine);
        // Polled once, it has made the request; only its answer waits. Some do not want it.
        let mut answer = async move { drop(request.ask(&*asking).await) }.boxed();
        let answered = (&mut answer).now_or_never().is_some();
        if waits && answered {
            hear(&known, kept[models.len() - 1]);
        } else if waits && chance.below(4) > 0 {
            asked.push((models.len() - 1, answer));
        }
        match chance.below(12) {
            0..3 => tokio::time::sleep(Duration::from_micros(300)).await,
            3 => _ = engine.save_snapshot(),
            _ => {}
        }
        asked.retain_mut(|(at, answer)| {
            let answered = answer.now_or_never().is_some();
            if answered {
                hear(&known, kept[*at]);
            }
            !answered
        });
        let shown = engine.status().await.expect("status").revision;
        known.lock().expect("what is known").shown = shown;
        if let Some((known, disk)) = crash.lock().expect("the crash").take() {
            return Lived { models, known, disk };
        }
    }
    let known = known.lock().expect("what is known").clone();
    Lived { models, known, disk: disk.crash(seed) }
}

fn hear(known: &Mutex<Known>, kept: usize) {
    let mut known = known.lock().expect("what is known");
    known.kept = known.kept.max(kept);
}

/// Whether an answer says that all before it is on disk, but for what dies with the process.
fn waits(request: &Request) -> bool {
    fn writes(request: &TxnRequest) -> bool {
        request.success.iter().chain(&request.failure).any(|op| match op {
            Op::Range(_) => false,
            Op::Put(_) | Op::DeleteRange(_) => true,
            Op::Txn(inner) => writes(inner),
        })
    }
    match request {
        Request::Range(_) | Request::LeaseKeepAlive(_) => false,
        Request::Txn(request) => writes(request),
        _ => true,
    }
}

/// Whether a request changed anything that does not die with the process.
fn must_last(before: &Model, after: &Model) -> bool {
    let lasting = |model: &Model| -> Vec<_> {
        model.lease_names().into_iter().filter(|(_, dies_with_process)| !dies_with_process).collect()
    };
    after.compacted() != before.compacted()
        || lasting(after) != lasting(before)
        || after.events()[before.events().len()..].iter().any(|event| !is_owned(before, event))
}

/// Whether an event is about what dies with the process alone: `before` has the leases as they were.
fn is_owned(before: &Model, event: &Event) -> bool {
    let owned = |kv: &crate::KeyValue| before.lease_names().contains(&(kv.lease, true));
    let was_owned = event.prev_kv.as_deref().is_none_or(owned);
    was_owned && (event.kind == EventKind::Delete || owned(&event.kv))
}

/// Checks what a start made of a crash, and answers the model of it.
async fn check(engine: &Embedded, recovery: &Recovery, lived: &Lived, chance: &mut Chance) -> Model {
    let Lived { models, known, .. } = lived;
    let status = engine.status().await.expect("status");
    let last = recovery.jumped_from.expect("an unclean end skips revisions");
    assert!(status.revision > known.shown, "a revision that was shown would be used again");
    let found = engine.range(RangeRequest::new(KeyRange::all())).await.expect("range");
    let mut leases = engine.leases().await.expect("leases").leases;
    leases.sort();
    let fits = |model: &&Model| model.revision() == last;
    let recovered = models[known.kept..].iter().filter(fits).find_map(|model| {
        let owners = model.lease_names().into_iter().filter(|(_, owned)| *owned).map(|(id, _)| id);
        let deletions = owners.filter(|id| model.state().values().any(|kv| kv.lease == *id)).count();
        let mut recovered = model.clone();
        recovered.recover(Revision(status.revision.0 - deletions as u64), 0);
        let names: Vec<_> = recovered.lease_names().into_iter().map(|(id, _)| id).collect();
        let same = recovered.state().values().eq(found.kvs.iter().map(AsRef::as_ref))
            && names == leases
            && recovered.compacted() == status.compacted
            && recovered.revision() == status.revision;
        same.then_some((model, recovered, deletions))
    });
    let Some((model, recovered, deletions)) = recovered else {
        for model in &models[known.kept..] {
            println!(
                "{:?} {:?} {:?} {:?}",
                model.revision(),
                model.compacted(),
                model.state(),
                model.lease_names()
            );
        }
        println!("{status:?}");
        panic!(
            "no moment since the last answer is what was found: {recovery}\n{found:?}\n{leases:?}\n{known:?}"
        )
    };
    // What was shown and is not there belonged to the process that died.
    for (before, after) in models.iter().zip(&models[1..]) {
        for event in &after.events()[before.events().len()..] {
            if event.kv.mod_revision > last && event.kv.mod_revision <= known.shown {
                assert!(is_owned(before, event), "shown and lost: {event:?}");
            }
        }
    }
    let past = RangeRequest { revision: last, ..RangeRequest::new(KeyRange::all()) };
    if last >= status.compacted {
        let past = engine.range(past).await.expect("the last revision found can be read");
        assert!(model.state().values().eq(past.kvs.iter().map(AsRef::as_ref)));
    }
    let skipped_to = Revision(status.revision.0 - deletions as u64);
    for seen in [last, known.shown, Revision(chance.below(known.shown.0 + 1)), skipped_to] {
        check_watch(engine, &recovered, seen.next(), last, skipped_to).await;
    }
    recovered
}

/// A watch that has seen everything before `start` goes on without a gap, or is told that it can not.
async fn check_watch(
    engine: &Embedded,
    model: &Model,
    start: Revision,
    last: Revision,
    skipped_to: Revision,
) {
    let may_have_seen_more = start > last.next() && start <= skipped_to;
    let mut watch = match engine.watch(WatchRequest::new(KeyRange::all(), start)).await {
        Ok(watch) => watch,
        Err(WatchError::Compacted { compacted }) => {
            assert!(start < model.compacted() || may_have_seen_more || start <= compacted);
            return;
        }
        Err(error) => panic!("{error}"),
    };
    assert!(!may_have_seen_more, "{start} may have been seen, and is lost");
    watch.request_progress();
    let mut seen = Vec::new();
    loop {
        let batch = watch.next().await.expect("the watch stands");
        seen.extend(batch.events);
        if batch.revision >= model.revision() || start > model.revision() {
            break;
        }
    }
    let told = |event: &Event| Event { prev_kv: None, ..event.clone() };
    let expected: Vec<_> =
        model.events().iter().filter(|event| event.kv.mod_revision >= start).map(told).collect();
    assert_eq!(seen, expected, "from {start}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loses_nothing_acknowledged_and_takes_back_nothing_shown() {
    for seed in 0..CASES {
        let mut chance = Chance::new(seed);
        let mut disk = SimulatedDisk::new();
        let mut model = Model::new(Revision(1), Revision(0), hyrax_types::limits::TXN_OPS_MAX);
        let mut engine = Arc::new(open(Arc::new(disk.clone())).0);
        for _ in 0..CRASHES {
            let lived = live(&engine, &disk, model, &mut chance).await;
            drop(engine);
            disk = lived.disk.clone();
            let (next, recovery) = open(Arc::new(disk.clone()));
            let checked = std::panic::AssertUnwindSafe(check(&next, &recovery, &lived, &mut chance));
            model = checked.catch_unwind().await.unwrap_or_else(|_| panic!("seed {seed}"));
            engine = Arc::new(next);
        }
    }
}
