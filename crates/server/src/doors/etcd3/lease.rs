//! The Lease service.

use hyrax_coordination::{LeaseGrantRequest, LeaseId, LeaseKeepAliveError, LeaseTimeToLiveError};
use hyrax_etcd::etcdserverpb as pb;

use super::caller::Caller;
use super::error::Refusal;
use super::{Etcd, wire};

impl Etcd {
    /// Lease's `LeaseGrant`.
    pub async fn lease_grant(
        &self,
        caller: &Caller,
        request: pb::LeaseGrantRequest,
    ) -> Result<pb::LeaseGrantResponse, Refusal> {
        self.check_write(caller)?;
        let request =
            LeaseGrantRequest { id: LeaseId(request.id), ..LeaseGrantRequest::new(wire::ttl(request.ttl)) };
        let granted = self.space().lease_grant(request).await?;
        Ok(pb::LeaseGrantResponse {
            header: Some(self.header(granted.revision)),
            id: granted.id.0,
            ttl: wire::ttl_seconds(granted.ttl),
            error: String::new(),
        })
    }

    /// Lease's `LeaseRevoke`.
    pub async fn lease_revoke(
        &self,
        caller: &Caller,
        request: pb::LeaseRevokeRequest,
    ) -> Result<pb::LeaseRevokeResponse, Refusal> {
        self.check_write(caller)?;
        let revoked = self.space().lease_revoke(LeaseId(request.id)).await?;
        Ok(pb::LeaseRevokeResponse { header: Some(self.header(revoked.revision)) })
    }

    /// One renewal of Lease's `LeaseKeepAlive`. A lease that there is not has no time to live.
    pub async fn lease_keep_alive(
        &self,
        caller: &Caller,
        request: pb::LeaseKeepAliveRequest,
    ) -> Result<pb::LeaseKeepAliveResponse, Refusal> {
        self.check_write(caller)?;
        let (revision, ttl) = match self.space().lease_keep_alive(LeaseId(request.id)).await {
            Ok(renewed) => (renewed.revision, wire::ttl_seconds(renewed.ttl)),
            Err(LeaseKeepAliveError::NotFound) => (self.revision().await?, 0),
            Err(error) => return Err(error.into()),
        };
        Ok(pb::LeaseKeepAliveResponse { header: Some(self.header(revision)), id: request.id, ttl })
    }

    /// Lease's `LeaseTimeToLive`. A lease that there is not has less than no time.
    pub async fn lease_time_to_live(
        &self,
        caller: &Caller,
        request: pb::LeaseTimeToLiveRequest,
    ) -> Result<pb::LeaseTimeToLiveResponse, Refusal> {
        self.check_read(caller)?;
        match self.space().lease_time_to_live(LeaseId(request.id), request.keys).await {
            Ok(standing) => Ok(pb::LeaseTimeToLiveResponse {
                header: Some(self.header(standing.revision)),
                id: request.id,
                // As etcd: whole seconds that are certainly left.
                ttl: i64::try_from(standing.ttl.as_secs()).unwrap_or(i64::MAX),
                granted_ttl: wire::ttl_seconds(standing.granted_ttl),
                keys: standing.keys,
            }),
            Err(LeaseTimeToLiveError::NotFound) => Ok(pb::LeaseTimeToLiveResponse {
                header: Some(self.header(self.revision().await?)),
                id: request.id,
                ttl: -1,
                ..pb::LeaseTimeToLiveResponse::default()
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// Lease's `LeaseLeases`.
    pub async fn lease_leases(
        &self,
        caller: &Caller,
        _request: pb::LeaseLeasesRequest,
    ) -> Result<pb::LeaseLeasesResponse, Refusal> {
        self.check_read(caller)?;
        let listed = self.space().leases().await?;
        Ok(pb::LeaseLeasesResponse {
            header: Some(self.header(listed.revision)),
            leases: listed.leases.into_iter().map(|id| pb::LeaseStatus { id: id.0 }).collect(),
        })
    }
}
