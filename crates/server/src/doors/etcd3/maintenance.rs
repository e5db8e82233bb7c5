//! The Maintenance service.

use std::borrow::Cow;

use hyrax_etcd::etcdserverpb as pb;
use tonic::Code;

use super::caller::Caller;
use super::error::Refusal;
use super::{Etcd, ids};

/// The version of etcd whose answers these are: clients look at it to learn what they may ask.
pub(crate) const ETCD_VERSION: &str = "3.5.21";

/// The answer to a change of version.
const NO_DOWNGRADE: Refusal = Refusal {
    code: Code::Unimplemented,
    message: Cow::Borrowed("etcdserver: there is no cluster version to go back from; start the older program"),
};

impl Etcd {
    /// Maintenance's `Status`. Without elections this node always leads, and what is proposed is applied.
    pub async fn status(
        &self,
        caller: &Caller,
        _request: pb::StatusRequest,
    ) -> Result<pb::StatusResponse, Refusal> {
        self.check_read(caller)?;
        let status = self.space().status().await?;
        Ok(pb::StatusResponse {
            header: Some(self.header(status.revision)),
            version: ETCD_VERSION.to_owned(),
            leader: self.ids.member,
            raft_index: status.revision.0,
            raft_term: ids::TERM,
            raft_applied_index: status.revision.0,
            ..pb::StatusResponse::default()
        })
    }

    /// Maintenance's `MoveLeader`: there is nobody to move to.
    pub async fn move_leader(
        &self,
        caller: &Caller,
        _request: pb::MoveLeaderRequest,
    ) -> Result<pb::MoveLeaderResponse, Refusal> {
        self.check_operator(caller)?;
        Err(Refusal::BAD_LEADER_TRANSFEREE)
    }

    /// Maintenance's `Downgrade`.
    pub async fn downgrade(
        &self,
        caller: &Caller,
        _request: pb::DowngradeRequest,
    ) -> Result<pb::DowngradeResponse, Refusal> {
        self.check_operator(caller)?;
        Err(NO_DOWNGRADE)
    }
}
