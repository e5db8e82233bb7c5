//! What every engine must do.

use hyrax_coordination::{Coordination, Fencing, conformance};
use hyrax_tests::peers::{Redis, RedisCluster};

use crate::stage::{engine, settings};

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_does_what_every_engine_must() {
    let redis = Redis::start();
    let engine = engine(settings(redis.address())).await;
    conformance::run(engine.clone()).await;
    let status = engine.status().await.expect("status");
    assert_eq!(status.engine, "redis");
    assert!(!status.promises.linearizable && !status.promises.durable);
    assert_eq!(status.promises.fencing, Fencing::Weak);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_redis_does_what_every_engine_must() {
    let cluster = RedisCluster::start();
    let engine = engine(cluster.url().parse().expect("a URL")).await;
    conformance::run(engine).await;
}
