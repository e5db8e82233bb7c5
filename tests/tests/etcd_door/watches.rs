//! Streams of watches.

use hyrax_etcd::etcdserverpb as pb;
use hyrax_etcd::etcdserverpb::watch_request::RequestUnion;
use hyrax_tests::etcd::EtcdClient;
use hyrax_tests::hyrax::Hyrax;
use tonic::Code;

use super::stage::{create, delete, events, next, on_both, put, run, write};

#[test]
fn numbers_are_given_or_taken_and_never_twice() {
    on_both(async |mut client| {
        let mut watching = client.watch(create("a")).await.unwrap();
        let first = next(&mut watching).await;
        assert!(first.created && !first.canceled && first.watch_id == 0, "{first:?}");
        let asked = pb::WatchCreateRequest { watch_id: 7, ..create("a") };
        watching.send(RequestUnion::CreateRequest(asked.clone()));
        assert_eq!(next(&mut watching).await.watch_id, 7);
        watching.send(RequestUnion::CreateRequest(asked));
        let twice = next(&mut watching).await;
        assert_eq!((twice.created, twice.canceled, twice.watch_id), (true, true, -1));
        assert_eq!(twice.cancel_reason, "mvcc: duplicate watch ID provided on the WatchStream");
        watching.send(RequestUnion::CreateRequest(create("a")));
        assert_eq!(next(&mut watching).await.watch_id, 1);

        let empty = pb::WatchCreateRequest { range_end: "a".into(), ..create("b") };
        watching.send(RequestUnion::CreateRequest(empty));
        let empty = next(&mut watching).await;
        assert_eq!((empty.canceled, empty.watch_id), (true, -1));
        assert_eq!(empty.cancel_reason, "mvcc: watcher range is empty");

        // All three hear of one event; the one that leaves hears no more.
        watching.send(RequestUnion::CancelRequest(pb::WatchCancelRequest { watch_id: 7 }));
        let cancelled = next(&mut watching).await;
        assert_eq!((cancelled.canceled, cancelled.watch_id), (true, 7));
        let revision = write(&mut client, "a", "1").await;
        let mut heard = Vec::new();
        for _ in 0..2 {
            let response = next(&mut watching).await;
            assert_eq!(response.header.unwrap().revision, revision);
            assert_eq!(events(&response), [("a".into(), "1".into())]);
            heard.push(response.watch_id);
        }
        heard.sort();
        assert_eq!(heard, [0, 1]);
    });
}

#[test]
fn a_watch_sees_the_past_the_present_and_what_was_before() {
    on_both(async |mut client| {
        let first = write(&mut client, "a", "1").await;
        write(&mut client, "b", "2").await;
        client.kv.delete_range(delete("a")).await.unwrap();
        let request = pb::WatchCreateRequest {
            range_end: "c".into(),
            start_revision: first,
            prev_kv: true,
            ..create("a")
        };
        let mut watching = client.watch(request).await.unwrap();
        assert!(next(&mut watching).await.created);
        let mut seen = Vec::new();
        while seen.len() < 3 {
            seen.extend(next(&mut watching).await.events);
        }
        let prev: Vec<_> =
            seen.iter().map(|event| event.prev_kv.as_ref().map(|kv| kv.value.to_vec())).collect();
        assert_eq!(prev, [None, None, Some(b"1".to_vec())]);
        assert_eq!(seen.iter().map(|event| event.r#type).collect::<Vec<_>>(), [0, 0, 1]);
        write(&mut client, "b", "3").await;
        let response = next(&mut watching).await;
        assert_eq!(response.events[0].prev_kv.as_ref().unwrap().value.as_ref(), b"2");
    });
}

#[test]
fn filters_leave_out_what_they_name() {
    on_both(async |mut client| {
        for (filter, expected) in [(0, [("a", "")]), (1, [("a", "1")])] {
            let request = pb::WatchCreateRequest { filters: vec![filter], ..create("a") };
            let mut watching = client.watch(request).await.unwrap();
            next(&mut watching).await;
            write(&mut client, "a", "1").await;
            client.kv.delete_range(delete("a")).await.unwrap();
            let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
            assert_eq!(events(&next(&mut watching).await), expected);
        }
    });
}

#[test]
fn a_watch_waits_for_a_revision_to_come() {
    on_both(async |mut client| {
        let now = write(&mut client, "a", "0").await;
        let request = pb::WatchCreateRequest { start_revision: now + 3, ..create("a") };
        let mut watching = client.watch(request).await.unwrap();
        assert!(next(&mut watching).await.created);
        for value in ["1", "2", "3"] {
            write(&mut client, "a", value).await;
        }
        assert_eq!(events(&next(&mut watching).await), [("a".to_owned(), "3".to_owned())]);
    });
}

/// As everybody does who reads first and watches from there, while others write.
#[test]
fn a_watch_from_the_next_revision_hears_of_what_is_written_while_it_begins() {
    on_both(async |mut client| {
        for _ in 0..100 {
            let read = write(&mut client, "a", "read").await;
            let mut kv = client.kv.clone();
            let writing = async {
                for number in 0..3_u8 {
                    kv.put(put("a", &number.to_string())).await.unwrap();
                }
            };
            let request = pb::WatchCreateRequest { start_revision: read + 1, ..create("a") };
            let watching = async {
                let mut watching = client.watch(request).await.unwrap();
                let mut heard = Vec::new();
                while heard.len() < 3 {
                    heard.extend(events(&next(&mut watching).await));
                }
                heard
            };
            let ((), heard) = tokio::join!(writing, watching);
            let expected: Vec<_> = (0..3).map(|number| ("a".to_owned(), number.to_string())).collect();
            assert_eq!(heard, expected);
        }
    });
}

#[test]
fn a_watch_of_the_compacted_is_cancelled_with_where_to_go_on() {
    on_both(async |mut client| {
        let first = write(&mut client, "a", "0").await;
        write(&mut client, "a", "1").await;
        let third = write(&mut client, "a", "2").await;
        client.kv.compact(pb::CompactionRequest { revision: third, physical: true }).await.unwrap();
        let request = pb::WatchCreateRequest { start_revision: first, ..create("a") };
        let mut watching = client.watch(request).await.unwrap();
        let created = next(&mut watching).await;
        assert!(created.created && !created.canceled, "{created:?}");
        let ended = next(&mut watching).await;
        assert_eq!((ended.canceled, ended.compact_revision, ended.watch_id), (true, third, 0));
        watching.send(RequestUnion::CreateRequest(create("a")));
        assert!(next(&mut watching).await.created, "the stream goes on");
    });
}

#[test]
fn progress_is_told_for_all_watches_together() {
    on_both(async |mut client| {
        let mut watching = client.watch(create("a")).await.unwrap();
        next(&mut watching).await;
        watching.send(RequestUnion::CreateRequest(create("b")));
        next(&mut watching).await;
        let revision = write(&mut client, "elsewhere", "").await;
        watching.send(RequestUnion::ProgressRequest(pb::WatchProgressRequest {}));
        let progress = next(&mut watching).await;
        assert_eq!(progress.events, []);
        assert_eq!(progress.header.unwrap().revision, revision);
    });
    // Of an older etcd, with which this is compared, each watch told its own.
    let hyrax = Hyrax::start(&[]);
    run(async {
        let mut client = EtcdClient::connect(hyrax.address()).await;
        let mut watching = client.watch(create("a")).await.unwrap();
        next(&mut watching).await;
        watching.send(RequestUnion::ProgressRequest(pb::WatchProgressRequest {}));
        assert_eq!(next(&mut watching).await.watch_id, -1);
    });
}

#[test]
fn what_is_too_large_for_a_message_comes_in_fragments() {
    on_both(async |mut client| {
        let first = write(&mut client, "a0", &"x".repeat(1_000_000)).await;
        for number in 1..6 {
            write(&mut client, &format!("a{number}"), &"x".repeat(1_000_000)).await;
        }
        let request = pb::WatchCreateRequest {
            range_end: "b".into(),
            start_revision: first,
            fragment: true,
            ..create("a")
        };
        let mut watching = client.watch(request).await.unwrap();
        next(&mut watching).await;
        let mut seen = 0;
        while seen < 6 {
            let response = next(&mut watching).await;
            assert!(response.events.len() <= 2, "{}", response.events.len());
            seen += response.events.len();
        }
    });
}

#[test]
fn a_thousand_watches_of_one_key_see_every_change_once_and_in_order() {
    let hyrax = Hyrax::start(&[]);
    run(async {
        let mut client = EtcdClient::connect(hyrax.address()).await;
        let mut watching = client.watch(create("a")).await.unwrap();
        for _ in 1..1_000 {
            watching.send(RequestUnion::CreateRequest(create("a")));
        }
        let mut seen = vec![Vec::new(); 1_000];
        let mut created = 0;
        while created < 1_000 {
            created += usize::from(next(&mut watching).await.created);
        }
        for number in 0..50 {
            write(&mut client, "a", &number.to_string()).await;
        }
        while seen.iter().any(|seen: &Vec<String>| seen.len() < 50) {
            let response = next(&mut watching).await;
            let values = events(&response).into_iter().map(|(_, value)| value);
            seen[response.watch_id as usize].extend(values);
        }
        let all: Vec<_> = (0..50).map(|number| number.to_string()).collect();
        assert!(seen.iter().all(|seen| *seen == all));
    });
}

#[test]
fn a_client_that_does_not_read_misses_nothing_and_holds_nobody_up() {
    let hyrax = Hyrax::start(&[]);
    run(async {
        let mut slow = EtcdClient::connect(hyrax.address()).await;
        let mut asleep = slow.watch(create("a")).await.unwrap();
        next(&mut asleep).await;
        let mut client = EtcdClient::connect(hyrax.address()).await;
        let mut awake = client.watch(create("a")).await.unwrap();
        next(&mut awake).await;
        // More than the stream's queue, the connection's window and the engine's queue hold together.
        let value = "x".repeat(16 * 1024);
        let mut heard = 0;
        for number in 0..2_000 {
            write(&mut client, "a", &format!("{number} {value}")).await;
            while heard < number {
                heard += next(&mut awake).await.events.len();
            }
        }
        let mut expected = 0;
        while expected < 2_000 {
            for (_, value) in events(&next(&mut asleep).await) {
                assert_eq!(value.split(' ').next(), Some(expected.to_string().as_str()));
                expected += 1;
            }
        }
        // It has caught up, and shares with the others again.
        write(&mut client, "a", "last").await;
        assert_eq!(events(&next(&mut asleep).await), [("a".to_owned(), "last".to_owned())]);
    });
}

#[test]
fn a_server_that_stops_ends_its_streams_in_words() {
    let mut hyrax = Hyrax::start(&[]);
    let address = hyrax.address();
    run(async {
        let mut client = EtcdClient::connect(address).await;
        let mut watching = client.watch(create("a")).await.unwrap();
        next(&mut watching).await;
        let stopped = tokio::task::spawn_blocking(move || hyrax.stop());
        let status = watching.next().await.expect_err("the stream ends");
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "etcdserver: server stopped"));
        assert!(stopped.await.unwrap().success());
        client.kv.put(put("a", "")).await.expect_err("nobody is there");
    });
}
