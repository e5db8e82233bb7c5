//! The Cluster service. A node is a cluster of its own, so there is one member to list, and none to add.

use hyrax_etcd::etcdserverpb as pb;
use tonic::Code;

use super::Etcd;
use super::caller::Caller;
use super::error::Refusal;

/// The answer to what would change who is in the cluster.
const ALONE: Refusal = Refusal::fixed(
    Code::Unimplemented,
    "etcdserver: this server is a cluster of one member; nodes share state through an external engine",
);

impl Etcd {
    /// Cluster's `MemberList`: this node, reached where the client reached it.
    pub async fn member_list(
        &self,
        caller: &Caller,
        _request: pb::MemberListRequest,
    ) -> Result<pb::MemberListResponse, Refusal> {
        self.check_read(caller)?;
        let scheme = if caller.peer.tls { "https" } else { "http" };
        let urls = caller.peer.local.map(|address| format!("{scheme}://{address}"));
        let member = pb::Member {
            id: self.ids.member,
            name: self.core.node_name.clone(),
            peer_ur_ls: Vec::new(),
            client_ur_ls: urls.into_iter().collect(),
            is_learner: false,
        };
        Ok(pb::MemberListResponse { header: Some(self.header_now().await?), members: vec![member] })
    }

    /// `MemberAdd`.
    pub async fn member_add(
        &self,
        caller: &Caller,
        _request: pb::MemberAddRequest,
    ) -> Result<pb::MemberAddResponse, Refusal> {
        self.check_operator(caller)?;
        Err(ALONE)
    }

    /// `MemberRemove`.
    pub async fn member_remove(
        &self,
        caller: &Caller,
        request: pb::MemberRemoveRequest,
    ) -> Result<pb::MemberRemoveResponse, Refusal> {
        self.check_operator(caller)?;
        Err(self.other_member(request.id))
    }

    /// `MemberUpdate`.
    pub async fn member_update(
        &self,
        caller: &Caller,
        request: pb::MemberUpdateRequest,
    ) -> Result<pb::MemberUpdateResponse, Refusal> {
        self.check_operator(caller)?;
        Err(self.other_member(request.id))
    }

    /// `MemberPromote`.
    pub async fn member_promote(
        &self,
        caller: &Caller,
        request: pb::MemberPromoteRequest,
    ) -> Result<pb::MemberPromoteResponse, Refusal> {
        self.check_operator(caller)?;
        Err(self.other_member(request.id))
    }

    /// Why a member is not changed: it is not there, or is all there is.
    fn other_member(&self, id: u64) -> Refusal {
        if id == self.ids.member { ALONE } else { Refusal::MEMBER_NOT_FOUND }
    }
}
