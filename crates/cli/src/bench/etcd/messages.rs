//! etcd's requests as templates, and as much of its answers as is counted. The numbers are those of the fields in
//! etcd's protocol files.

use super::super::requests::Template;

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

    /// The next lease.
    fn lease(mut self, field: u64) -> Self {
        self.tag(field, VARINT);
        self.0.lease();
        self
    }
}

/// `PutRequest` of the next key.
pub fn put(value: &[u8]) -> Message {
    Message::default().key(1, true).bytes(2, value)
}

/// `PutRequest` of the key of the next lease, which it hangs on.
fn put_on_lease(value: &[u8]) -> Message {
    Message::default().lease(3).key(1, false).bytes(2, value)
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

/// `TxnRequest` that writes the next `count` keys; those of leases, on their leases.
pub fn put_many(count: u64, value: &[u8], on_leases: bool) -> Message {
    let put = if on_leases { put_on_lease(value) } else { put(value) };
    let operation = Message::default().nested(2, &put.0);
    (0..count).fold(Message::default(), |txn, _| txn.nested(2, &operation.0))
}

/// `LeaseGrantRequest` of the next lease.
pub fn grant(ttl_seconds: u64) -> Message {
    Message::default().varint(1, ttl_seconds).lease(2)
}

/// `LeaseKeepAliveRequest` of the next lease.
pub fn keep_alive() -> Message {
    Message::default().lease(1)
}

/// `WatchRequest` that begins a watch of a key.
pub fn watch(key: &[u8]) -> Message {
    let create = Message::default().bytes(1, key);
    Message::default().nested(1, &create.0)
}

/// How many keep-alives a `LeaseKeepAliveResponse` answers: one, or `None` where the lease has no time left.
pub fn kept_alive(message: &[u8]) -> Option<u64> {
    const TTL: u64 = 3;
    fields(message)?.any(|(field, value)| field == TTL && value > 0).then_some(1)
}

/// How many events are in a `WatchResponse`; that the watch was created counts as one. `None` where it was ended.
pub fn events(message: &[u8]) -> Option<u64> {
    const CREATED: u64 = 3;
    const CANCELED: u64 = 4;
    const EVENTS: u64 = 11;
    let mut events = 0;
    for (field, value) in fields(message)? {
        match field {
            EVENTS | CREATED => events += 1,
            CANCELED if value > 0 => return None,
            _ => {}
        }
    }
    Some(events)
}

/// The fields of a message, with their values where those are variable-length integers. `None` where it is none.
fn fields(message: &[u8]) -> Option<impl Iterator<Item = (u64, u64)>> {
    let mut fields = smallvec_of_fields();
    let mut rest = message;
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        let value = match tag & 7 {
            VARINT => varint(&mut rest)?,
            BYTES => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                rest = rest.get(length..)?;
                0
            }
            FIXED64 => {
                rest = rest.get(8..)?;
                0
            }
            FIXED32 => {
                rest = rest.get(4..)?;
                0
            }
            _ => return None,
        };
        fields.push((tag >> 3, value));
    }
    Some(fields.into_iter())
}
