//! A range as it is read, in steps of a bounded number of keys: others get their turns in between. Knows
//! no lock: who takes the steps does, and sees to it that the past stays until the last one.

use std::sync::Arc;

use hyrax_types::Revision;

use super::keyspace::Keyspace;
use super::store::Progress;
use crate::{Key, KeyValue, RangeRequest, RangeResponse, Value};

/// A range whose revision has been checked.
pub(super) struct Reading<'a> {
    request: &'a RangeRequest,
    at: Revision,
    /// How many keys are kept while reading.
    keep: usize,
    after: Option<Key>,
    response: RangeResponse,
}

impl<'a> Reading<'a> {
    /// Of things as of `now`, where the request names no revision.
    pub(super) fn new(request: &'a RangeRequest, now: Revision) -> Reading<'a> {
        Reading {
            request,
            at: if request.revision == Revision::ZERO { now } else { request.revision },
            keep: request.keys_read_max().unwrap_or(usize::MAX),
            after: None,
            response: RangeResponse { revision: now, ..RangeResponse::default() },
        }
    }

    /// Looks at the next `keys_max` keys.
    pub(super) fn step(&mut self, keys: &Keyspace, keys_max: usize) -> Progress {
        let Reading { request, at, keep, after, response } = self;
        let last = keys.walk(&request.range, after.as_ref(), *at, keys_max, |kv| {
            response.count += 1;
            if request.count_only {
                return;
            }
            if response.kvs.len() == *keep {
                response.more = true;
            } else if request.admits(kv) {
                response.kvs.push(Arc::clone(kv));
            }
        });
        *after = last;
        if after.is_some() { Progress::More } else { Progress::Done }
    }

    /// What was read, ordered and cut as asked.
    pub(super) fn finish(self) -> RangeResponse {
        let Reading { request, mut response, .. } = self;
        request.sort(&mut response.kvs);
        if request.limit != 0 && response.kvs.len() > request.limit {
            response.kvs.truncate(request.limit);
            response.more = true;
        }
        if request.keys_only {
            for kv in &mut response.kvs {
                *kv = Arc::new(KeyValue { value: Value::new(), ..KeyValue::clone(kv) });
            }
        }
        response
    }
}
