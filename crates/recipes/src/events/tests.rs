//! Two nodes over one engine, in memory, with a clock that the tests move.

use std::collections::BTreeSet;

use hyrax_coordination::{CompactRequest, Embedded, EmbeddedSettings, KeyRange, RangeRequest};
use hyrax_types::ManualClock;

use super::*;

fn engine() -> (Arc<ManualClock>, Arc<Embedded>) {
    let clock = Arc::new(ManualClock::at_ms(1_000_000));
    let engine = Embedded::start(Arc::clone(&clock) as _, EmbeddedSettings::default());
    (clock, Arc::new(engine))
}

fn named(names: &[&str]) -> Audience {
    Audience::Services(names.iter().map(|name| ServiceName::new(name).unwrap()).collect())
}

fn event(event_body: &str, to: Audience) -> Event {
    Event { event_type: "deploy".into(), event_body: event_body.into(), to }
}

async fn body(feed: &mut EventFeed) -> String {
    let next = tokio::time::timeout(Duration::from_secs(10), feed.next());
    match next.await.expect("an event within ten seconds").unwrap() {
        Told::Event(event) => event.event_body,
        Told::Missed => "(missed)".to_owned(),
    }
}

#[tokio::test]
async fn every_node_hears_what_any_emits_in_one_order() {
    let (_, engine) = engine();
    let [here, there] = [(); 2].map(|()| Events::new(Arc::clone(&engine) as _));
    let mut feeds = [here.follow().await.unwrap(), there.follow().await.unwrap()];
    here.emit(event("1", Audience::Everybody)).await.unwrap();
    there.emit(event("2", named(&["engine"]))).await.unwrap();
    here.emit_all((3..200).map(|n| event(&n.to_string(), Audience::Everybody)).collect()).await.unwrap();
    for feed in &mut feeds {
        for n in 1..200 {
            assert_eq!(body(feed).await, n.to_string());
        }
    }
}

#[tokio::test]
async fn what_was_emitted_while_a_follower_was_away_comes_when_it_is_back() {
    let (_, engine) = engine();
    let events = Events::new(Arc::clone(&engine) as _);
    let mut feed = events.follow().await.unwrap();
    events.emit(event("1", Audience::Everybody)).await.unwrap();
    assert_eq!(body(&mut feed).await, "1");
    feed.interrupt();
    for n in 2..50 {
        events.emit(event(&n.to_string(), Audience::Everybody)).await.unwrap();
    }
    for n in 2..50 {
        assert_eq!(body(&mut feed).await, n.to_string());
    }
}

#[tokio::test]
async fn a_follower_is_told_that_the_engine_has_forgotten_what_it_missed() {
    let (_, engine) = engine();
    let events = Events::new(Arc::clone(&engine) as _);
    let mut feed = events.follow().await.unwrap();
    feed.interrupt();
    for n in 1..5 {
        events.emit(event(&n.to_string(), Audience::Everybody)).await.unwrap();
    }
    let revision = engine.status().await.unwrap().revision;
    engine.compact(CompactRequest { revision, ..CompactRequest::default() }).await.unwrap();
    assert_eq!(body(&mut feed).await, "(missed)");
    assert_eq!(body(&mut feed).await, "4", "what is still known comes");
}

#[tokio::test]
async fn the_last_event_does_not_stay() {
    let (clock, engine) = engine();
    let events = Events::new(Arc::clone(&engine) as _);
    let count = async || engine.range(RangeRequest::new(KeyRange::all())).await.unwrap().count;
    events.emit(event("1", Audience::Everybody)).await.unwrap();
    assert_eq!(count().await, 1);
    for _ in 0..2 {
        clock.advance_ms(59_000);
    }
    engine.expire_leases();
    assert_eq!(count().await, 0);
    // The lease that it hung on is gone, which is found when it is used.
    events.emit(event("2", Audience::Everybody)).await.unwrap();
    assert_eq!(count().await, 1);
}

#[tokio::test]
async fn an_event_that_is_not_good_is_refused_and_nothing_emitted() {
    let (_, engine) = engine();
    let events = Events::new(Arc::clone(&engine) as _);
    let mut feed = events.follow().await.unwrap();
    let check = async |bad: Event, expected: EmitError| {
        let good = event("good", Audience::Everybody);
        assert_eq!(events.emit_all(vec![good, bad]).await, Err(expected));
    };
    check(Event { event_type: String::new(), ..event("", Audience::Everybody) }, EmitError::NoType).await;
    check(event("", Audience::Services(BTreeSet::new())), EmitError::ForNobody).await;
    let many: Vec<_> = (0..=SERVICES_NAMED_MAX).map(|n| n.to_string()).collect();
    let many = named(&many.iter().map(String::as_str).collect::<Vec<_>>());
    check(event("", many), EmitError::TooManyServices(SERVICES_NAMED_MAX + 1)).await;
    let large = "x".repeat(SERVICE_EVENT_BYTES_MAX);
    check(event(&large, Audience::Everybody), EmitError::TooLarge).await;
    events.emit(event(&large[6..], Audience::Everybody)).await.unwrap();
    assert_eq!(body(&mut feed).await.len(), SERVICE_EVENT_BYTES_MAX - 6, "nothing came before it");
}
