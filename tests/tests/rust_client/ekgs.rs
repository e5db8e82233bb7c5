//! EKGs: who is there, also after the wire was cut.

use std::time::Duration;

use hyrax_client::Client;
use hyrax_client::live::{EkgChange, EkgMonitor, Standing};
use hyrax_tests::hyrax::Hyrax;

use crate::proxy::Proxy;

async fn next(monitor: &mut EkgMonitor) -> EkgChange {
    let change = tokio::time::timeout(Duration::from_secs(20), monitor.next()).await;
    change.expect("in time").expect("it has not ended").expect("nothing was refused")
}

fn added(id: &'static str) -> EkgChange {
    EkgChange::Added { id: id.into(), replaces: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_and_goes_is_told_to_those_who_watch() {
    let hyrax = Hyrax::start(&[]);
    let address = hyrax.address().to_string();
    let (watcher, ann) = (Client::connect(&address).await.unwrap(), Client::connect(&address).await.unwrap());
    let mut monitor = watcher.ekg("room").monitor();
    assert_eq!(next(&mut monitor).await, EkgChange::Members(vec![]));
    let entry = ann.ekg("room").join("ann").await.unwrap();
    assert_eq!(next(&mut monitor).await, added("ann"));
    assert!(watcher.ekg("room").is_member("ann").await.unwrap());
    assert_eq!(watcher.ekg("room").count().await.unwrap(), 1);
    entry.leave().await.unwrap();
    assert_eq!(next(&mut monitor).await, EkgChange::Removed { id: "ann".into() });
    // Whoever forgets to leave does so when it lets go.
    drop(ann.ekg("room").join("anna").await.unwrap());
    assert_eq!(next(&mut monitor).await, added("anna"));
    assert_eq!(next(&mut monitor).await, EkgChange::Removed { id: "anna".into() });
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_cut_it_is_in_again_and_both_sides_are_told() {
    let hyrax = Hyrax::start(&[]);
    let proxy = Proxy::start(hyrax.address()).await;
    let watcher = Client::connect(&hyrax.address().to_string()).await.unwrap();
    let ann = Client::connect(&proxy.address().to_string()).await.unwrap();
    let mut monitor = watcher.ekg("room").monitor();
    assert_eq!(next(&mut monitor).await, EkgChange::Members(vec![]));
    let mut entry = ann.ekg("room").join("ann").await.unwrap();
    assert_eq!(next(&mut monitor).await, added("ann"));
    proxy.block();
    assert_eq!(entry.changed().await, Standing::Away);
    assert_eq!(next(&mut monitor).await, EkgChange::Closed { id: "ann".into(), cause: "closed".to_owned() });
    proxy.lead_to(hyrax.address());
    assert_eq!(entry.changed().await, Standing::Present);
    assert_eq!(next(&mut monitor).await, added("ann"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_over_a_wire_that_is_cut_is_told_the_members_anew() {
    let hyrax = Hyrax::start(&[]);
    let proxy = Proxy::start(hyrax.address()).await;
    let watcher = Client::connect(&proxy.address().to_string()).await.unwrap();
    let ann = Client::connect(&hyrax.address().to_string()).await.unwrap();
    let mut monitor = watcher.ekg("room").monitor();
    assert_eq!(next(&mut monitor).await, EkgChange::Members(vec![]));
    proxy.block();
    let _entry = ann.ekg("room").join("ann").await.unwrap();
    proxy.lead_to(hyrax.address());
    assert_eq!(next(&mut monitor).await, EkgChange::Members(vec!["ann".into()]));
}
