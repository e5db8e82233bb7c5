//! The Election service. A candidacy is its lease's, not the call's. Failures have etcd's words, but never a code,
//! as in etcd.

use std::sync::Arc;

use bytes::Bytes;

use hyrax_coordination::KeyValue;
use hyrax_etcd::etcdserverpb::ResponseHeader;
use hyrax_etcd::v3electionpb as pb;
use hyrax_recipes::election::Observation;
use hyrax_recipes::{Election, Owner};
use tokio_util::sync::CancellationToken;
use tonic::Code;

use super::caller::Caller;
use super::error::Refusal;
use super::ids::Ids;
use super::lock::refusal;
use super::{Etcd, wire};

const NOT_LEADER: &str = "election: not leader";
const NO_LEADER: &str = "election: no leader";
const LEADER_MISSING: &str = "\"leader\" field must be provided";
const SESSION_LOST: &str = "etcdserver: requested lease not found";

impl Etcd {
    fn election(&self, name: &[u8]) -> Election {
        Election::new(Arc::clone(&self.core.coordination), name)
    }

    /// Election's `Campaign`. It waits to lead; a caller who goes away stands no more.
    pub async fn campaign(
        &self,
        caller: &Caller,
        request: pb::CampaignRequest,
    ) -> Result<pb::CampaignResponse, Refusal> {
        self.check_write(caller)?;
        let lease = self.session_lease(request.lease).await?;
        let value = Bytes::copy_from_slice(&request.value);
        let leads = self.until_closing(async {
            let leads = self.election(&request.name).campaign(Owner::lease(lease), value).await;
            leads.map_err(|error| refusal(error, SESSION_LOST))
        });
        let leads = leads.await?;
        let header = Some(self.header(leads.revision()));
        let (key, token) = leads.keep();
        let leader = pb::LeaderKey { name: request.name, key, rev: wire::number(token), lease: lease.0 };
        Ok(pb::CampaignResponse { header, leader: Some(leader) })
    }

    /// Election's `Proclaim`.
    pub async fn proclaim(
        &self,
        caller: &Caller,
        request: pb::ProclaimRequest,
    ) -> Result<pb::ProclaimResponse, Refusal> {
        self.check_write(caller)?;
        let leader = given(request.leader)?;
        let lease = self.session_lease(leader.lease).await?;
        let place = (leader.key, wire::revision(leader.rev));
        let proclaimed =
            self.election(&leader.name).proclaim(place, lease, Bytes::copy_from_slice(&request.value)).await;
        let revision = proclaimed.map_err(|error| refusal(error, NOT_LEADER))?;
        Ok(pb::ProclaimResponse { header: Some(self.header(revision)) })
    }

    /// Election's `Resign`. Who does not lead has nothing to resign from, which is no failure.
    pub async fn resign(
        &self,
        caller: &Caller,
        request: pb::ResignRequest,
    ) -> Result<pb::ResignResponse, Refusal> {
        self.check_write(caller)?;
        let leader = given(request.leader)?;
        let place = (leader.key, wire::revision(leader.rev));
        let resigned = self.election(&leader.name).resign(place).await;
        let revision = resigned.map_err(|error| refusal(error, NOT_LEADER))?;
        Ok(pb::ResignResponse { header: Some(self.header(revision)) })
    }

    /// Election's `Leader`.
    pub async fn leader(
        &self,
        caller: &Caller,
        request: pb::LeaderRequest,
    ) -> Result<pb::LeaderResponse, Refusal> {
        self.check_read(caller)?;
        let found = self.election(&request.name).leader().await;
        let (leader, revision) = found.map_err(|error| refusal(error, NO_LEADER))?;
        let leader = leader.ok_or_else(|| Refusal::new(Code::Unknown, NO_LEADER))?;
        Ok(told(self.header(revision), &leader))
    }

    /// Election's `Observe`.
    pub fn observe(&self, caller: &Caller, request: pb::LeaderRequest) -> Result<Observing, Refusal> {
        self.check_read(caller)?;
        let observation = self.election(&request.name).observe();
        Ok(Observing { observation, ids: self.ids, closing: self.closing.clone() })
    }
}

/// A leader as a caller names it.
fn given(leader: Option<pb::LeaderKey>) -> Result<pb::LeaderKey, Refusal> {
    leader.ok_or_else(|| Refusal::new(Code::Unknown, LEADER_MISSING))
}

fn told(header: ResponseHeader, leader: &KeyValue) -> pb::LeaderResponse {
    pb::LeaderResponse { header: Some(header), kv: Some(wire::key_value(leader)) }
}

/// What an observer is told: every leader and what it proclaims. That there is none cannot be said here.
pub struct Observing {
    observation: Observation,
    ids: Ids,
    closing: CancellationToken,
}

impl Observing {
    /// The next leader or proclamation. Cancel-safe.
    pub async fn next(&mut self) -> Result<pb::LeaderResponse, Refusal> {
        loop {
            let observed = tokio::select! {
                observed = self.observation.next() => observed,
                () = self.closing.cancelled() => return Err(Refusal::STOPPED),
            };
            let observed = observed.map_err(|error| refusal(error, NO_LEADER))?;
            if let Some(leader) = observed.leader {
                return Ok(told(self.ids.header(observed.revision), &leader));
            }
        }
    }
}
