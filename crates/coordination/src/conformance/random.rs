//! Random sequences against the model.

use std::time::Duration;

use hyrax_types::Revision;
use hyrax_types::limits::TXN_OPS_MAX;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::request::{Reply, requests};
use crate::model::Model;
use crate::{Coordination, KeyRange, WatchRequest};

const SEQUENCES: usize = 20;
const REQUESTS: usize = 60;

pub(super) async fn agrees_with_the_model(engine: &dyn Coordination) {
    // The same sequences on every run: a failure can be repeated.
    let mut runner = TestRunner::deterministic();
    for sequence in 0..SEQUENCES {
        super::clear(engine).await;
        let status = engine.status().await.expect("status");
        let mut model = Model::new(status.revision, status.compacted, TXN_OPS_MAX);
        let all = WatchRequest { prev_kv: true, ..WatchRequest::new(KeyRange::all(), Revision::ZERO) };
        let mut watch = engine.watch(all).await.expect("watch");
        // Long enough that none ends while the sequence runs.
        let strategy = requests(status.revision, 1_000..2_000);
        for step in 0..REQUESTS {
            let request = strategy.new_tree(&mut runner).expect("a request").current();
            let expected = request.ask_model(&mut model, Duration::ZERO, 0);
            let answered = request.ask(engine).await;
            let (expected, answered) = (timeless(expected), timeless(answered));
            assert_eq!(answered, expected, "sequence {sequence}, step {step}: {request:?}");
        }
        let mut seen = Vec::new();
        while seen.len() < model.events().len() {
            let batch = watch.next().await.expect("the watch stands");
            let before = seen.len();
            seen.extend(batch.events);
            let whole = |at: usize| {
                model.events().get(at).is_none_or(|next| {
                    at == 0 || model.events()[at - 1].kv.mod_revision != next.kv.mod_revision
                })
            };
            assert!(whole(before) && whole(seen.len()), "sequence {sequence}: a revision was split");
        }
        assert_eq!(seen, model.events(), "sequence {sequence}: the watch");
    }
}

/// A reply without what depends on how long the test takes.
fn timeless(reply: Reply) -> Reply {
    match reply {
        Reply::LeaseTimeToLive(Ok(mut response)) => {
            response.ttl = Duration::ZERO;
            response.keys.sort();
            Reply::LeaseTimeToLive(Ok(response))
        }
        Reply::Leases(mut response) => {
            response.leases.sort();
            Reply::Leases(response)
        }
        reply => reply,
    }
}
