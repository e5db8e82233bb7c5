//! What the functions answer, read with care: nobody knows who else speaks to this Redis.

use std::sync::Arc;

use bytes::Bytes;
use hyrax_coordination::{
    DeleteRangeResponse, KeyValue, Op, OpResponse, PutResponse, RangeRequest, RangeResponse, TxnRequest,
    TxnResponse, Unavailable,
};
use hyrax_types::Revision;
use redis::Value;

use crate::request::lease_of;

/// Bytes of a record before the value.
const RECORD_HEAD: usize = 32;

/// An answer that is not what the functions of this version give.
fn strange() -> Unavailable {
    Unavailable::because("Redis answers what no function of Hyrax does")
}

/// A list of values, read one after the other.
pub(crate) struct Answer(std::vec::IntoIter<Value>);

impl Answer {
    /// What a function returned: a list, or words that say why not.
    pub(crate) fn of(value: Value) -> Result<Result<Answer, String>, Unavailable> {
        let mut outcome = Answer::list(value)?;
        match outcome.number()? {
            1 => Ok(Ok(outcome.inner()?)),
            _ => Ok(Err(String::from_utf8_lossy(&outcome.bytes()?).into_owned())),
        }
    }

    pub(crate) fn list(value: Value) -> Result<Answer, Unavailable> {
        match value {
            Value::Array(values) => Ok(Answer(values.into_iter())),
            _ => Err(strange()),
        }
    }

    fn value(&mut self) -> Result<Value, Unavailable> {
        self.0.next().ok_or_else(strange)
    }

    /// The value that is left.
    pub(crate) fn rest(&mut self) -> Result<Value, Unavailable> {
        self.value()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_slice().is_empty()
    }

    pub(crate) fn inner(&mut self) -> Result<Answer, Unavailable> {
        Answer::list(self.value()?)
    }

    pub(crate) fn number(&mut self) -> Result<u64, Unavailable> {
        match self.value()? {
            Value::Int(number) => u64::try_from(number).map_err(|_| strange()),
            _ => Err(strange()),
        }
    }

    pub(crate) fn revision(&mut self) -> Result<Revision, Unavailable> {
        self.number().map(Revision)
    }

    pub(crate) fn bytes(&mut self) -> Result<Bytes, Unavailable> {
        match self.value()? {
            Value::BulkString(bytes) => Ok(bytes.into()),
            Value::SimpleString(text) => Ok(text.into()),
            _ => Err(strange()),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String, Unavailable> {
        String::from_utf8(self.bytes()?.into()).map_err(|_| strange())
    }

    fn kind(&mut self, expected: &[u8]) -> Result<Revision, Unavailable> {
        if self.bytes()? == expected { self.revision() } else { Err(strange()) }
    }

    /// Keys with their records.
    fn key_values(&mut self) -> Result<Vec<Arc<KeyValue>>, Unavailable> {
        let mut list = self.inner()?;
        let mut kvs = Vec::with_capacity(list.0.len() / 2);
        while !list.is_empty() {
            let key = list.bytes()?;
            kvs.push(Arc::new(record(key, list.bytes()?)?));
        }
        Ok(kvs)
    }

    pub(crate) fn range(mut self, request: &RangeRequest) -> Result<RangeResponse, Unavailable> {
        let revision = self.kind(b"R")?;
        let count = self.number()?;
        let mut kvs = self.key_values()?;
        // What was read of the past is more, and in no order.
        kvs.sort_by(|a, b| a.key.cmp(&b.key));
        kvs.truncate(request.keys_read_max().unwrap_or(usize::MAX));
        Ok(request.respond(revision, count, kvs))
    }

    /// A put's answer; what was there before belongs to `key`.
    pub(crate) fn put(mut self, key: Bytes) -> Result<PutResponse, Unavailable> {
        let revision = self.kind(b"P")?;
        let prev_kv = match self.value()? {
            Value::BulkString(packed) => Some(Arc::new(record(key, packed.into())?)),
            Value::Nil => None,
            _ => return Err(strange()),
        };
        Ok(PutResponse { revision, prev_kv })
    }

    pub(crate) fn delete_range(mut self) -> Result<DeleteRangeResponse, Unavailable> {
        let revision = self.kind(b"D")?;
        let deleted = self.number()?;
        Ok(DeleteRangeResponse { revision, deleted, prev_kvs: self.key_values()? })
    }

    pub(crate) fn txn(mut self, request: &TxnRequest) -> Result<TxnResponse, Unavailable> {
        let revision = self.kind(b"T")?;
        let succeeded = self.number()? == 1;
        let mut answers = self.inner()?;
        let ops = if succeeded { &request.success } else { &request.failure };
        let answered = |op: &Op| {
            let answer = answers.inner()?;
            Ok(match op {
                Op::Range(request) => OpResponse::Range(answer.range(request)?),
                Op::Put(request) => OpResponse::Put(answer.put(request.key.clone())?),
                Op::DeleteRange(_) => OpResponse::DeleteRange(answer.delete_range()?),
                Op::Txn(request) => OpResponse::Txn(answer.txn(request)?),
            })
        };
        let responses = ops.iter().map(answered).collect::<Result<_, Unavailable>>()?;
        Ok(TxnResponse { revision, succeeded, responses })
    }
}

/// A key with its record.
pub(crate) fn record(key: Bytes, packed: Bytes) -> Result<KeyValue, Unavailable> {
    let number = |at: usize| {
        let bytes = packed.get(at..at + 8).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
        bytes.ok_or_else(strange)
    };
    Ok(KeyValue {
        key,
        create_revision: Revision(u64::from_be_bytes(number(0)?)),
        mod_revision: Revision(u64::from_be_bytes(number(8)?)),
        version: u64::from_be_bytes(number(16)?),
        lease: lease_of(number(24)?),
        value: packed.slice(RECORD_HEAD..),
    })
}
