//! Writers that write two keys in one step, readers and watchers that look on, and what must hold for all of them
//! when the storm is over.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyrax_etcd::etcdserverpb::request_op::Request;
use hyrax_etcd::etcdserverpb::{
    DeleteRangeRequest, PutRequest, RangeRequest, RangeResponse, RequestOp, ResponseHeader, TxnRequest,
    WatchCreateRequest,
};
use hyrax_etcd::mvccpb::Event;
use hyrax_etcd::mvccpb::event::EventType;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::Status;

use super::storm::Storm;
use crate::differential::Random;
use crate::etcd::EtcdClient;

/// How long a client waits for an answer before it takes the call for lost.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long a watch may be silent before it is begun again, in case its connection is dead.
const SILENCE_MAX: Duration = Duration::from_secs(2);
/// How long the last event may take.
const END_WITHIN: Duration = Duration::from_secs(60);
const READERS: u64 = 2;
const WATCHERS: u64 = 2;
/// All keys, from the first to behind the last.
const FROM: &[u8] = b"pair/";
const UNTIL: &[u8] = b"pair0";
/// What is written when all is over. It sorts behind the pairs.
const END: &[u8] = b"pair/~";

/// What was seen, when all of it was right.
#[derive(Clone, Copy, Debug, Default)]
pub struct Survived {
    /// Writes that were acknowledged.
    pub acknowledged: usize,
    /// Writes that broke off.
    pub unknown: usize,
    /// Reads of all keys.
    pub reads: usize,
    /// Events that each watcher saw.
    pub events: usize,
}

/// A write: the number that it wrote to its writer's keys, or none where it deleted them; and the revision, if it was
/// acknowledged.
#[derive(Clone, Copy, Debug)]
struct Write {
    number: Option<u64>,
    revision: Option<i64>,
}

/// A change that a watcher saw.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    revision: i64,
    key: Bytes,
    /// The number and the key's version; nothing where it was deleted.
    put: Option<(u64, i64)>,
}

/// The highest revision that anybody was shown. No answer to a later request may be older.
#[derive(Clone, Debug, Default)]
struct Shown(Arc<AtomicI64>);

impl Shown {
    fn so_far(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Takes over what an answer shows, which was asked for when `before` had been shown.
    fn show(&self, before: i64, header: Option<&ResponseHeader>) -> i64 {
        let revision = header.map_or(0, |header| header.revision);
        assert!(revision >= before, "revision {revision} was answered after {before} had been shown");
        self.0.fetch_max(revision, Ordering::SeqCst);
        revision
    }
}

/// Has `writers` work until the storm is over, with readers and watchers beside them, and panics where anything was
/// lost, doubled, out of order, or seen and then gone.
pub async fn survive(storm: Storm, seed: u64, writers: u64) -> Survived {
    let shown = Shown::default();
    let began = first_revision(&storm, &shown).await;
    let mut watching = JoinSet::new();
    for _ in 0..WATCHERS {
        watching.spawn(watch(storm.clone(), shown.clone(), began));
    }
    let mut reading = JoinSet::new();
    for _ in 0..READERS {
        reading.spawn(look_on(storm.clone(), shown.clone()));
    }
    let mut writing = JoinSet::new();
    for writer in 0..writers {
        writing.spawn(write(storm.clone(), shown.clone(), Random::new(seed ^ writer), writer));
    }
    let writes: HashMap<u64, Vec<Write>> = writing.join_all().await.into_iter().collect();
    let reads = reading.join_all().await.into_iter().sum();
    let mut client = storm.connect().await;
    let last = read(&mut client, &shown).await.expect("the storm is over");
    let end = PutRequest { key: END.into(), ..PutRequest::default() };
    client.kv.put(end).await.expect("the storm is over");
    let seen = timeout(END_WITHIN, watching.join_all()).await;
    let seen = seen.unwrap_or_else(|_| panic!("a watcher did not see the end within {END_WITHIN:?}"));
    for pair in seen.windows(2) {
        let differs = pair[0].iter().zip(&pair[1]).find(|(one, other)| one != other);
        assert!(pair[0] == pair[1], "two watchers saw different changes, first {differs:?}");
    }
    let events = &seen[0];
    must_be_gapless(events);
    must_be_what_was_written(events, &writes);
    must_lead_to(events, &last);
    let all = || writes.values().flatten();
    Survived {
        acknowledged: all().filter(|write| write.revision.is_some()).count(),
        unknown: all().filter(|write| write.revision.is_none()).count(),
        reads,
        events: events.len(),
    }
}

fn keys_of(writer: u64) -> [Bytes; 2] {
    ["a", "b"].map(|key| format!("pair/{writer}/{key}").into())
}

/// Writes both keys, ever higher numbers, or deletes them.
async fn write(storm: Storm, shown: Shown, mut random: Random, writer: u64) -> (u64, Vec<Write>) {
    let mut writes: Vec<Write> = Vec::new();
    let mut client = storm.connect().await;
    while !storm.is_over() {
        let number = if random.chance(10) { None } else { Some(writes.len() as u64) };
        let operations = keys_of(writer).map(|key| match number {
            Some(number) => {
                let value = number.to_string().into();
                Request::RequestPut(PutRequest { key, value, ..PutRequest::default() })
            }
            None => Request::RequestDeleteRange(DeleteRangeRequest { key, ..DeleteRangeRequest::default() }),
        });
        let success = operations.map(|request| RequestOp { request: Some(request) }).to_vec();
        let before = shown.so_far();
        let txn = client.kv.txn(TxnRequest { success, ..TxnRequest::default() });
        let revision = match timeout(ANSWER_WITHIN, txn).await {
            Ok(Ok(answer)) => Some(shown.show(before, answer.into_inner().header.as_ref())),
            Ok(Err(_)) | Err(_) => {
                client = storm.connect().await;
                None
            }
        };
        writes.push(Write { number, revision });
    }
    (writer, writes)
}

async fn read(client: &mut EtcdClient, shown: &Shown) -> Result<RangeResponse, Status> {
    let before = shown.so_far();
    let all = RangeRequest { key: FROM.into(), range_end: UNTIL.into(), ..RangeRequest::default() };
    let answer = client.kv.range(all).await?.into_inner();
    shown.show(before, answer.header.as_ref());
    Ok(answer)
}

/// The revision before anything is written. The first fault may come before the first answer.
async fn first_revision(storm: &Storm, shown: &Shown) -> i64 {
    loop {
        let mut client = storm.connect().await;
        if let Ok(Ok(answer)) = timeout(ANSWER_WITHIN, read(&mut client, shown)).await {
            return answer.header.unwrap_or_default().revision;
        }
    }
}

/// Reads all keys, again and again: of each pair both or neither, from one write, and never an older one than before.
async fn look_on(storm: Storm, shown: Shown) -> usize {
    let mut reads = 0;
    let mut newest: HashMap<Vec<u8>, i64> = HashMap::new();
    let mut client = storm.connect().await;
    while !storm.is_over() {
        let Ok(Ok(answer)) = timeout(ANSWER_WITHIN, read(&mut client, &shown)).await else {
            client = storm.connect().await;
            continue;
        };
        reads += 1;
        for pair in answer.kvs.chunks(2) {
            let [a, b] = pair else { panic!("half of a pair was read: {pair:?}") };
            let is_whole = a.value == b.value && a.mod_revision == b.mod_revision;
            assert!(is_whole, "a pair was read of two writes: {a:?} {b:?}");
            let before = newest.insert(a.key.to_vec(), a.mod_revision).unwrap_or_default();
            assert!(a.mod_revision >= before, "{a:?} was read, after one of revision {before}");
        }
    }
    reads
}

/// Watches all keys from after `revision` until the end is seen, and goes on from where it was after each break.
async fn watch(storm: Storm, shown: Shown, mut revision: i64) -> Vec<Seen> {
    let mut seen = Vec::new();
    loop {
        let mut client = storm.connect().await;
        let create = WatchCreateRequest {
            key: FROM.into(),
            range_end: UNTIL.into(),
            start_revision: revision + 1,
            ..WatchCreateRequest::default()
        };
        let Ok(mut watching) = client.watch(create).await else { continue };
        while let Ok(Ok(Some(response))) = timeout(SILENCE_MAX, watching.next()).await {
            assert!(
                !response.canceled,
                "a watch from revision {}, after all that was seen, was refused: {response:?}",
                revision + 1
            );
            for event in &response.events {
                let change = change_of(event);
                shown.0.fetch_max(change.revision, Ordering::SeqCst);
                revision = change.revision;
                if change.key == END {
                    return seen;
                }
                seen.push(change);
            }
        }
    }
}

fn change_of(event: &Event) -> Seen {
    let kv = event.kv.clone().unwrap_or_default();
    let number = || String::from_utf8_lossy(&kv.value).parse().unwrap_or_default();
    let put = (event.r#type() == EventType::Put).then(|| (number(), kv.version));
    Seen { revision: kv.mod_revision, key: kv.key, put }
}

/// In order, each once, and no version of a key left out.
fn must_be_gapless(events: &[Seen]) {
    let mut versions: HashMap<&Bytes, i64> = HashMap::new();
    let mut last: Option<&Seen> = None;
    for event in events {
        if let Some(last) = last {
            let follows = (event.revision, &event.key) > (last.revision, &last.key);
            assert!(follows, "{event:?} came after {last:?}");
        }
        last = Some(event);
        let version = versions.entry(&event.key).or_default();
        match event.put {
            Some((_, next)) => {
                assert_eq!(next, *version + 1, "a change is missing before {event:?}");
                *version = next;
            }
            None => {
                assert!(*version > 0, "{event:?}, of what was not there");
                *version = 0;
            }
        }
    }
}

/// Everything that was acknowledged was seen, in its revision, and nothing was seen that was not written, nor twice.
fn must_be_what_was_written(events: &[Seen], writes: &HashMap<u64, Vec<Write>>) {
    for (writer, writes) in writes {
        for key in keys_of(*writer) {
            let mut seen = BTreeMap::new();
            for event in events.iter().filter(|event| event.key == key) {
                seen.insert(event.revision, event.put.map(|(number, _)| number));
            }
            let mut last = None;
            for number in seen.values().flatten() {
                assert!(Some(number) > last, "{key:?}: {number} was seen after {last:?}");
                assert_eq!(writes[*number as usize].number, Some(*number), "{key:?}: nobody wrote {number}");
                last = Some(number);
            }
            for write in writes {
                let Some(revision) = write.revision else { continue };
                match seen.get(&revision) {
                    Some(number) => assert_eq!(*number, write.number, "{key:?} in revision {revision}"),
                    // It was not there, and deleting it was no change.
                    None => assert_eq!(
                        write.number, None,
                        "{key:?}: revision {revision} was acknowledged, and lost"
                    ),
                }
            }
        }
    }
}

/// The last read shows what the events lead to.
fn must_lead_to(events: &[Seen], last: &RangeResponse) {
    let mut keys = BTreeMap::new();
    for event in events {
        match event.put {
            Some((number, version)) => keys.insert(&event.key, (number, version, event.revision)),
            None => keys.remove(&event.key),
        };
    }
    let read: BTreeMap<_, _> = last
        .kvs
        .iter()
        .map(|kv| {
            let number = String::from_utf8_lossy(&kv.value).parse().unwrap_or_default();
            (&kv.key, (number, kv.version, kv.mod_revision))
        })
        .collect();
    assert_eq!(keys, read, "what was read at the end is not what was watched");
}
