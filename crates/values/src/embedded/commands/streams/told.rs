//! What monitors are told of consumer groups: commands that lead a copy to the same state.
//!
//! A read or a claim has an effect that its words do not tell: which entries, at what time. It is told as
//! claims of just those entries, as Redis replicates it.

use crate::embedded::Keyspace;
use crate::embedded::values::Id;

/// The group and consumer whose state changed, and of which key.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// The stream.
    pub key: &'a [u8],
    /// The group.
    pub group: &'a [u8],
    /// The consumer.
    pub consumer: &'a [u8],
}

impl Told<'_> {
    /// Entries became pending for the consumer, as delivered at that time and that often, and the group has
    /// got as far as `last_id`.
    pub fn claimed(&self, keys: &mut Keyspace<'_>, ids: &[Id], at: u64, deliveries: u64, last_id: Id) {
        if !keys.is_heard(self.key) {
            return keys.told_as(self.key, "xclaim", &[]);
        }
        let ids: Vec<Vec<u8>> = ids.iter().map(|id| id.text()).collect();
        let (at, deliveries) = (at.to_string(), deliveries.to_string());
        let last_id = last_id.text();
        let mut args: Vec<&[u8]> = vec![self.group, self.consumer, b"0"];
        args.extend(ids.iter().map(Vec::as_slice));
        args.extend([b"TIME", at.as_bytes(), b"RETRYCOUNT", deliveries.as_bytes()]);
        args.extend([&b"FORCE"[..], b"JUSTID", b"LASTID", &last_id]);
        keys.told_as(self.key, "xclaim", &args);
    }

    /// Entries are pending no longer.
    pub fn acknowledged(&self, keys: &mut Keyspace<'_>, ids: &[Id]) {
        let ids: Vec<Vec<u8>> = ids.iter().map(|id| id.text()).collect();
        let mut args: Vec<&[u8]> = vec![self.group];
        args.extend(ids.iter().map(Vec::as_slice));
        keys.told_as(self.key, "xack", &args);
    }

    /// The group has got as far as `last_id`, and has read that many entries, where that is known.
    pub fn advanced(&self, keys: &mut Keyspace<'_>, last_id: Id, entries_read: Option<i64>) {
        let read = entries_read.unwrap_or(-1).to_string();
        let last_id = last_id.text();
        let args = [&b"SETID"[..], self.key, self.group, &last_id, b"ENTRIESREAD", read.as_bytes()];
        keys.told_as(self.key, "xgroup", &args);
    }

    /// The consumer was made.
    pub fn created(&self, keys: &mut Keyspace<'_>) {
        let args = [&b"CREATECONSUMER"[..], self.key, self.group, self.consumer];
        keys.told_as(self.key, "xgroup", &args);
    }
}
