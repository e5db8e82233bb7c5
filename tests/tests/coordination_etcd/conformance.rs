//! What every engine must do.

use hyrax_coordination::{Coordination, Fencing, conformance};
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Etcd;

use crate::stage::{engine, settings};

#[tokio::test(flavor = "multi_thread")]
async fn a_real_etcd_does_what_every_engine_must() {
    let etcd = Etcd::start();
    let engine = engine(settings(&[etcd.address()])).await;
    conformance::run(engine.clone()).await;
    let status = engine.status().await.expect("status");
    assert_eq!(status.engine, "etcd");
    assert!(status.promises.linearizable && status.promises.durable);
    assert_eq!(status.promises.fencing, Fencing::Strong);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hyrax_server_does_through_its_door_what_every_engine_must() {
    let hyrax = Hyrax::start(&[]);
    conformance::run(engine(settings(&[hyrax.address()])).await).await;
}
