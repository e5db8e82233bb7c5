//! The engine over Redis, put through the suite of all engines of values.

use futures_util::future::BoxFuture;
use hyrax_tests::peers::{Redis, RedisCluster};
use hyrax_types::Revision;
use hyrax_values::conformance::{
    Recorder, TestEngine, changes, examples, expiry, fences, oracle, replicas, snapshots, transactions,
    waiting,
};
use hyrax_values::{Reply, Scope, Values, Watched};
use hyrax_values_redis::RedisValues;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime starts"));

/// An engine whose keys begin with a prefix of its own, so that it is empty.
struct OverRedis {
    engine: RedisValues,
    recorder: Arc<Recorder>,
    _following: Option<Box<dyn Send + Sync>>,
}

impl OverRedis {
    /// `form` is the form of its prefix, with braces where its number goes.
    fn new(url: &str, form: &str) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let recorder = Arc::new(Recorder::default());
        let prefix = form.replace("{}", &format!("{{test{number}}}"));
        let address = format!("{url}?prefix={prefix}").parse().expect("an address");
        let engine =
            RUNTIME.block_on(RedisValues::connect(address, recorder.clone())).expect("Redis is there");
        let following = engine.follow(Scope::Everything);
        RUNTIME.block_on(engine.settled());
        OverRedis { engine, recorder, _following: following }
    }
}

impl TestEngine for OverRedis {
    fn values(&self) -> &dyn Values {
        &self.engine
    }

    fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    fn settle(&self) {
        RUNTIME.block_on(self.engine.settled());
    }

    fn wait(&self, reply: BoxFuture<'static, Reply>) -> Reply {
        RUNTIME.block_on(reply)
    }

    fn wait_for_transaction(&self, replies: BoxFuture<'static, Option<Vec<Reply>>>) -> Option<Vec<Reply>> {
        RUNTIME.block_on(replies)
    }

    fn wait_for_watch(&self, watched: BoxFuture<'static, Watched>) -> Watched {
        RUNTIME.block_on(watched)
    }

    fn wait_for_snapshot(&self, snapshot: BoxFuture<'static, (Reply, Revision)>) -> (Reply, Revision) {
        RUNTIME.block_on(snapshot)
    }
}

/// Runs a part of the suite over a Redis of its own.
fn over_one_redis(part: fn(hyrax_values::conformance::Make<'_>)) {
    let redis = Redis::start();
    let url = format!("redis://{}", redis.address());
    part(&|| Box::new(OverRedis::new(&url, "{}*%3A")));
}

#[test]
fn commands_answer_as_the_examples_say() {
    over_one_redis(examples::run);
}

#[test]
fn changes_are_told_as_they_should_be() {
    over_one_redis(changes::run);
}

#[test]
fn keys_expire_at_their_time() {
    over_one_redis(expiry::run);
}

#[test]
fn random_commands_do_what_the_model_does() {
    over_one_redis(oracle::run);
}

#[test]
fn what_is_told_leads_to_the_same_state() {
    over_one_redis(replicas::run);
}

#[test]
fn a_snapshot_is_one_step() {
    over_one_redis(snapshots::run);
}

#[test]
fn transactions_are_one_step() {
    over_one_redis(transactions::run);
}

#[test]
fn commands_wait_their_turn() {
    over_one_redis(waiting::run);
}

#[test]
fn tokens_that_were_overtaken_are_refused() {
    over_one_redis(fences::run);
}

/// Runs a part of the suite over a cluster of three. Calls over several keys need them in one slot there, so each
/// engine has a slot of its own, any of them.
fn over_a_cluster(part: fn(hyrax_values::conformance::Make<'_>)) {
    let cluster = RedisCluster::start();
    let url = cluster.url();
    part(&|| Box::new(OverRedis::new(&url, "{}:")));
}

#[test]
fn over_a_cluster_commands_answer_as_the_examples_say() {
    over_a_cluster(examples::run);
}

#[test]
fn over_a_cluster_changes_are_told_as_they_should_be() {
    over_a_cluster(changes::run);
}

#[test]
fn over_a_cluster_keys_expire_at_their_time() {
    over_a_cluster(expiry::run);
}

#[test]
fn over_a_cluster_random_commands_do_what_the_model_does() {
    over_a_cluster(oracle::run);
}

#[test]
fn over_a_cluster_what_is_told_leads_to_the_same_state() {
    over_a_cluster(replicas::run);
}

#[test]
fn over_a_cluster_a_snapshot_is_one_step() {
    over_a_cluster(snapshots::run);
}

#[test]
fn over_a_cluster_transactions_are_one_step() {
    over_a_cluster(transactions::run);
}

#[test]
fn over_a_cluster_commands_wait_their_turn() {
    over_a_cluster(waiting::run);
}

#[test]
fn over_a_cluster_tokens_that_were_overtaken_are_refused() {
    over_a_cluster(fences::run);
}
