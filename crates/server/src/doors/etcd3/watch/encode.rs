//! Responses of a watch as bytes. What is the same for all that watch the same is encoded once; the watch's
//! number, the only thing that differs, is put in front (the order of a message's fields is free).

use bytes::Bytes;
use hyrax_coordination::{Event, EventKind, WatchBatch};
use hyrax_etcd::etcdserverpb::{ResponseHeader, WatchResponse};
use hyrax_etcd::mvccpb;
use hyrax_types::Revision;
use hyrax_types::limits::WATCH_RESPONSE_BYTES;
use prost::Message;
use prost::encoding;

use super::super::wire;
use crate::grpc;

/// `watch_id` among the fields of a response.
const WATCH_ID_TAG: u32 = 2;

/// Bytes before what is shared, at most: what stands before every message, and the longest number with its tag.
const HEAD_BYTES_MAX: usize = 16;

/// A response, ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct Response {
    /// What stands before the message, and what is this watch's own in it.
    head: [u8; HEAD_BYTES_MAX],
    head_bytes: u8,
    /// The rest, which all share that watch the same.
    pub(super) shared: Bytes,
}

impl Response {
    /// One that is nobody else's.
    pub(super) fn alone(response: &WatchResponse) -> Response {
        Response::of(0, &response.encode_to_vec().into())
    }

    /// What is shared, as told to the watch of this number.
    pub(super) fn of(watch_id: i64, shared: &Bytes) -> Response {
        let own = if watch_id == 0 { 0 } else { encoding::int64::encoded_len(WATCH_ID_TAG, &watch_id) };
        let mut head = [0; HEAD_BYTES_MAX];
        let mut rest = &mut head[..];
        grpc::put_prefix(&mut rest, own + shared.len());
        if watch_id != 0 {
            encoding::int64::encode(WATCH_ID_TAG, &watch_id, &mut rest);
        }
        let head_bytes = (HEAD_BYTES_MAX - rest.len()) as u8;
        Response { head, head_bytes, shared: shared.clone() }
    }

    /// What comes before the shared bytes.
    pub(super) fn head(&self) -> &[u8] {
        &self.head[..usize::from(self.head_bytes)]
    }

    /// The message, without what stands before it.
    pub(super) fn message(&self) -> Vec<u8> {
        [&self.head()[grpc::PREFIX_BYTES..], &self.shared].concat()
    }

    /// Bytes of it.
    pub(super) fn len(&self) -> usize {
        self.head().len() + self.shared.len()
    }
}

/// A batch as the responses that tell it. Whole revisions are kept together, up to a size of several; one that is
/// larger is one response, unless the client said that it puts fragments together.
pub(super) fn shared(
    header: ResponseHeader,
    batch: &WatchBatch,
    from: Revision,
    fragment: bool,
) -> Vec<Bytes> {
    let mut responses = Vec::new();
    let mut open = WatchResponse { header: Some(header), ..WatchResponse::default() };
    let mut open_bytes = 0;
    let mut last = None;
    for event in batch.events.iter().filter(|event| event.kv.mod_revision >= from) {
        let revision = event.kv.mod_revision;
        let event = wire_event(event);
        let bytes = event.encoded_len();
        let whole = last.is_some_and(|last| last != revision);
        if open_bytes + bytes >= WATCH_RESPONSE_BYTES && !open.events.is_empty() && (whole || fragment) {
            open.fragment = !whole;
            responses.push(open.encode_to_vec().into());
            open.events.clear();
            open.fragment = false;
            open_bytes = 0;
        }
        open.events.push(event);
        open_bytes += bytes;
        last = Some(revision);
    }
    if !open.events.is_empty() {
        responses.push(open.encode_to_vec().into());
    }
    responses
}

fn wire_event(event: &Event) -> mvccpb::Event {
    let kind = match event.kind {
        EventKind::Put => mvccpb::event::EventType::Put,
        EventKind::Delete => mvccpb::event::EventType::Delete,
    };
    mvccpb::Event {
        r#type: kind.into(),
        kv: Some(wire::key_value(&event.kv)),
        prev_kv: event.prev_kv.as_deref().map(wire::key_value),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hyrax_coordination::KeyValue;

    use super::*;

    fn batch(events: &[(u64, usize)]) -> WatchBatch {
        let event = |&(revision, bytes): &(u64, usize)| Event {
            kind: EventKind::Put,
            kv: Arc::new(KeyValue {
                key: Bytes::from_static(b"k"),
                value: vec![b'v'; bytes].into(),
                mod_revision: Revision(revision),
                ..KeyValue::default()
            }),
            prev_kv: None,
        };
        let revision = Revision(events.last().map_or(0, |event| event.0));
        WatchBatch { revision, events: events.iter().map(event).collect() }
    }

    fn responses(events: &[(u64, usize)], from: u64, fragment: bool) -> Vec<(Vec<i64>, bool)> {
        let shared = shared(ResponseHeader::default(), &batch(events), Revision(from), fragment);
        let read = |bytes: &Bytes| {
            let response = WatchResponse::decode(bytes.clone()).unwrap();
            let revisions = response.events.iter().map(|event| event.kv.as_ref().unwrap().mod_revision);
            (revisions.collect(), response.fragment)
        };
        shared.iter().map(read).collect()
    }

    #[test]
    fn a_response_is_the_shared_bytes_with_the_watchs_number() {
        for id in [0, 1, 300, i64::MAX, -1] {
            let shared = shared(
                ResponseHeader { revision: 3, ..Default::default() },
                &batch(&[(3, 4)]),
                Revision(0),
                false,
            );
            let response = Response::of(id, &shared[0]);
            let bytes = [response.head(), &response.shared].concat();
            assert_eq!(bytes.len(), response.len());
            assert_eq!(u32::from_be_bytes(bytes[1..5].try_into().unwrap()) as usize, bytes.len() - 5);
            let read = WatchResponse::decode(&bytes[5..]).unwrap();
            assert_eq!((read.watch_id, read.events.len(), read.header.unwrap().revision), (id, 1, 3));
        }
    }

    #[test]
    fn large_batches_are_cut_between_revisions_and_inside_only_for_who_said_so() {
        let large = WATCH_RESPONSE_BYTES / 2;
        assert_eq!(responses(&[(1, 1), (2, 1), (2, 1)], 0, true), [(vec![1, 2, 2], false)]);
        assert_eq!(responses(&[(1, 1), (2, 1), (3, 1)], 2, false), [(vec![2, 3], false)]);
        assert_eq!(responses(&[(1, 1)], 2, false), []);
        let events = [(1, large), (2, large), (3, large)];
        assert_eq!(responses(&events, 0, false), [(vec![1], false), (vec![2], false), (vec![3], false)]);
        let events = [(1, large), (1, large), (2, large)];
        assert_eq!(responses(&events, 0, false), [(vec![1, 1], false), (vec![2], false)]);
        assert_eq!(responses(&events, 0, true), [(vec![1], true), (vec![1], false), (vec![2], false)]);
    }
}
