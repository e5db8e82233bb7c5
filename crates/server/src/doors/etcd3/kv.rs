//! The KV service.

use hyrax_etcd::etcdserverpb as pb;
use hyrax_types::limits::ETCD_REQUEST_BYTES_MAX;
use prost::Message;

use super::caller::Caller;
use super::error::Refusal;
use super::{Etcd, wire};

/// What etcd wraps a write in before it measures it: an envelope with the request's number.
const ENVELOPE_BYTES: usize = 18;

/// Refuses a write that is larger than etcd's may be. What came over gRPC is a little more at most, but the
/// JSON gateway comes here too.
fn check_size(request: &impl Message) -> Result<(), Refusal> {
    let too_large = request.encoded_len() + ENVELOPE_BYTES > ETCD_REQUEST_BYTES_MAX;
    if too_large { Err(Refusal::REQUEST_TOO_LARGE) } else { Ok(()) }
}

impl Etcd {
    /// KV's `Range`.
    pub async fn range(
        &self,
        caller: &Caller,
        request: pb::RangeRequest,
    ) -> Result<pb::RangeResponse, Refusal> {
        let request = wire::range_request(request)?;
        self.check_read(caller)?;
        let response = self.space().range(request).await?;
        let header = self.header(response.revision);
        Ok(wire::range_response(response, header))
    }

    /// KV's `Put`.
    pub async fn put(&self, caller: &Caller, request: pb::PutRequest) -> Result<pb::PutResponse, Refusal> {
        check_size(&request)?;
        self.check_write(caller)?;
        let response = self.space().put(wire::put_request(request)).await?;
        let header = self.header(response.revision);
        Ok(wire::put_response(response, header))
    }

    /// KV's `DeleteRange`.
    pub async fn delete_range(
        &self,
        caller: &Caller,
        request: pb::DeleteRangeRequest,
    ) -> Result<pb::DeleteRangeResponse, Refusal> {
        check_size(&request)?;
        self.check_write(caller)?;
        let response = self.space().delete_range(wire::delete_range_request(request)).await?;
        let header = self.header(response.revision);
        Ok(wire::delete_range_response(response, header))
    }

    /// KV's `Txn`. Who may only read may run one that cannot write.
    pub async fn txn(&self, caller: &Caller, request: pb::TxnRequest) -> Result<pb::TxnResponse, Refusal> {
        if writes(&request) {
            check_size(&request)?;
            self.check_write(caller)?;
        } else {
            self.check_read(caller)?;
        }
        let response = self.space().txn(wire::txn_request(request)?).await?;
        let header = self.header(response.revision);
        Ok(wire::txn_response(response, header))
    }

    /// KV's `Compact`.
    pub async fn compact(
        &self,
        caller: &Caller,
        request: pb::CompactionRequest,
    ) -> Result<pb::CompactionResponse, Refusal> {
        self.check_write(caller)?;
        let response = self.space().compact(wire::compact_request(request)).await?;
        Ok(pb::CompactionResponse { header: Some(self.header(response.revision)) })
    }
}

/// Whether a transaction may write. Its depth is bounded by how deep a message may nest.
fn writes(request: &pb::TxnRequest) -> bool {
    use pb::request_op::Request;
    request.success.iter().chain(&request.failure).any(|op| match &op.request {
        Some(Request::RequestPut(_) | Request::RequestDeleteRange(_)) => true,
        Some(Request::RequestTxn(inner)) => writes(inner),
        Some(Request::RequestRange(_)) | None => false,
    })
}
