//! etcd's requests as templates, and as much of its answers as is counted. The numbers are those of the fields in
//! etcd's protocol files.

use super::super::requests::{Template, lease_id};

/// Wire types of protocol buffers.
const VARINT: u64 = 0;
const BYTES: u64 = 2;
const FIXED64: u64 = 1;
const FIXED32: u64 = 5;

/// `Compare`'s result and target where a key must be there.
const GREATER: u64 = 1;
const VERSION: u64 = 0;

/// A message under construction.
#[derive(Clone, Debug, Default)]
pub struct Message(pub Template);

impl Message {
    fn tag(&mut self, field: u64, kind: u64) {
        self.number(field << 3 | kind);
    }

    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.bytes.push(0x80 | number as u8);
            number >>= 7;
        }
        self.0.bytes.push(number as u8);
    }

    fn varint(mut self, field: u64, number: u64) -> Self {
        self.tag(field, VARINT);
        self.number(number);
        self
    }

    fn nested(mut self, field: u64, message: &Template) -> Self {
        self.tag(field, BYTES);
        self.number(message.bytes.len() as u64);
        self.0.append(message);
        self
    }

    fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        let mut template = Template::default();
        template.bytes.extend_from_slice(bytes);
        self.nested(field, &template)
    }

    /// The next key, or the same once more.
    fn key(self, field: u64, is_next: bool) -> Self {
        let mut template = Template::default();
        template.key(is_next);
        self.nested(field, &template)
    }

    /// The next lease, counted from `first`.
    fn lease(mut self, field: u64, first: u64) -> Self {
        self.tag(field, VARINT);
        self.0.lease(first);
        self
    }
}

/// `PutRequest` of the next key.
pub fn put(value: &[u8]) -> Message {
    Message::default().key(1, true).bytes(2, value)
}

/// `PutRequest` of a random member, none of the keys.
pub fn put_member(value: &[u8]) -> Message {
    let mut key = Template::default();
    key.member();
    Message::default().nested(1, &key).bytes(2, value)
}

/// `PutRequest` of the key of the next lease, which it hangs on.
fn put_on_lease(value: &[u8], first: u64) -> Message {
    Message::default().lease(3, first).key(1, false).bytes(2, value)
}

/// `RangeRequest` of the next key.
pub fn range() -> Message {
    Message::default().key(1, true)
}

/// `TxnRequest` that writes the next key if it is there, and nothing otherwise.
pub fn replace(value: &[u8]) -> Message {
    let compare = Message::default().varint(1, GREATER).varint(2, VERSION).key(3, true).varint(4, 0);
    let put = Message::default().key(1, false).bytes(2, value);
    let operation = Message::default().nested(2, &put.0);
    Message::default().nested(1, &compare.0).nested(2, &operation.0)
}

/// `TxnRequest` that writes the next `count` keys, each on its lease if there is a first lease.
pub fn put_many(count: u64, value: &[u8], first_lease: Option<u64>) -> Message {
    let put = first_lease.map_or_else(|| put(value), |first| put_on_lease(value, first));
    let operation = Message::default().nested(2, &put.0);
    (0..count).fold(Message::default(), |txn, _| txn.nested(2, &operation.0))
}

/// `LeaseGrantRequest` of the next lease.
pub fn grant(ttl_seconds: u64, first: u64) -> Message {
    Message::default().varint(1, ttl_seconds).lease(2, first)
}

/// `LeaseKeepAliveRequest` of the next lease.
pub fn keep_alive(first: u64) -> Message {
    Message::default().lease(1, first)
}

/// `LockRequest` by a lease.
pub fn lock(name: &str, lease: u64) -> Message {
    Message::default().bytes(1, name.as_bytes()).varint(2, lease_id(lease))
}

/// `UnlockRequest` of what that lease holds.
pub fn unlock(name: &str, lease: u64) -> Message {
    Message::default().bytes(1, format!("{name}/{:x}", lease_id(lease)).as_bytes())
}

/// `WatchRequest` that begins a watch of a key.
pub fn watch(key: &[u8]) -> Message {
    let create = Message::default().bytes(1, key);
    Message::default().nested(1, &create.0)
}

/// How many keep-alives a `LeaseKeepAliveResponse` answers: one, or `None` where the lease has no time left.
pub fn kept_alive(message: &[u8]) -> Option<u64> {
    const TTL: u64 = 3;
    let mut has_time = false;
    let fields = Fields(message).try_for_each(|field| {
        has_time |= matches!(field?, (TTL, 1..));
        Some(())
    });
    fields.filter(|()| has_time).map(|()| 1)
}

/// How many events are in a `WatchResponse`; that the watch was created counts as one. `None` where it was ended.
pub fn events(message: &[u8]) -> Option<u64> {
    const CREATED: u64 = 3;
    const CANCELED: u64 = 4;
    const EVENTS: u64 = 11;
    Fields(message).try_fold(0, |events, field| match field? {
        (CREATED | EVENTS, _) => Some(events + 1),
        (CANCELED, 1..) => None,
        _ => Some(events),
    })
}

/// The fields of a message: their numbers, and the values of those that are variable-length integers. `None` where
/// it is no message, and nothing after that.
struct Fields<'a>(&'a [u8]);

impl Iterator for Fields<'_> {
    type Item = Option<(u64, u64)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl Fields<'_> {
    fn field(&mut self) -> Option<(u64, u64)> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            VARINT => self.varint()?,
            BYTES => {
                let length = self.varint()?;
                self.skip(usize::try_from(length).ok()?)?
            }
            FIXED64 => self.skip(8)?,
            FIXED32 => self.skip(4)?,
            _ => return None,
        };
        Some((tag >> 3, value))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn skip(&mut self, bytes: usize) -> Option<u64> {
        self.0 = self.0.get(bytes..)?;
        Some(0)
    }
}

#[cfg(test)]
pub mod tests {
    use hyrax_etcd::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
    use hyrax_etcd::etcdserverpb::request_op::Request;
    use hyrax_etcd::etcdserverpb::watch_request::RequestUnion;
    use hyrax_etcd::etcdserverpb::{
        LeaseGrantRequest, LeaseKeepAliveRequest, PutRequest, RangeRequest, TxnRequest, WatchRequest,
    };

    use super::*;

    /// A response to a keep-alive of a lease that has five seconds, and of one that has none.
    pub const KEPT_ALIVE: [u8; 8] = [0x0a, 2, 0x18, 7, 0x10, 1, 0x18, 5];
    pub const ENDED: [u8; 6] = [0x0a, 2, 0x18, 7, 0x10, 1];

    const KEY: &str = "key:000000000000";

    fn read<M: prost::Message + Default>(message: &Message) -> M {
        M::decode(&message.0.bytes[..]).unwrap()
    }

    #[test]
    fn requests_are_read_as_etcd_reads_them() {
        let put_request: PutRequest = read(&put(b"v"));
        assert_eq!((&put_request.key[..], &put_request.value[..]), (KEY.as_bytes(), &b"v"[..]));
        assert_eq!(
            read::<RangeRequest>(&range()),
            RangeRequest { key: KEY.into(), ..RangeRequest::default() }
        );
        let grant: LeaseGrantRequest = read(&grant(30, 7));
        assert_eq!((grant.id as u64, grant.ttl), (lease_id(7), 30));
        assert_eq!(read::<LeaseKeepAliveRequest>(&keep_alive(7)).id as u64, lease_id(7));
        let RequestUnion::CreateRequest(create) = read::<WatchRequest>(&watch(b"k")).request_union.unwrap()
        else {
            panic!("no watch")
        };
        assert_eq!(&create.key[..], b"k");
    }

    #[test]
    fn transactions_are_read_as_etcd_reads_them() {
        let txn: TxnRequest = read(&replace(&[7; 300]));
        let [compare] = &txn.compare[..] else { panic!("one compare") };
        assert_eq!(compare.target(), CompareTarget::Version);
        assert_eq!(compare.result(), CompareResult::Greater);
        assert_eq!(compare.target_union, Some(TargetUnion::Version(0)));
        assert_eq!((&compare.key[..], txn.success.len()), (KEY.as_bytes(), 1));
        let txn: TxnRequest = read(&put_many(3, b"v", Some(7)));
        assert_eq!(txn.success.len(), 3);
        let Some(Request::RequestPut(put)) = &txn.success[2].request else { panic!("no put") };
        assert_eq!((&put.key[..], put.lease as u64), (KEY.as_bytes(), lease_id(7)));
    }

    #[test]
    fn answers_are_counted() {
        assert_eq!(kept_alive(&KEPT_ALIVE), Some(1));
        assert_eq!(kept_alive(&ENDED), None);
        assert_eq!(events(&[0x0a, 0, 0x18, 1]), Some(1));
        assert_eq!(events(&[0x5a, 2, 8, 1, 0x5a, 0]), Some(2));
        assert_eq!(events(&[0x20, 1]), None);
        assert_eq!(events(&[0x5a, 9]), None, "it is cut off");
    }
}
