//! The Maintenance service.

use hyrax_coordination::{Alarm, Maintenance};
use hyrax_etcd::etcdserverpb as pb;
use tonic::Code;

use super::caller::Caller;
use super::error::Refusal;
use super::snapshot::Snapshot;
use super::{Etcd, ids, wire};

/// The version of etcd whose answers these are: clients look at it to learn what they may ask.
pub(crate) const ETCD_VERSION: &str = "3.5.21";
/// What all members of such a cluster have in common.
pub(crate) const ETCD_CLUSTER_VERSION: &str = "3.5.0";

/// The answer to a change of version.
const NO_DOWNGRADE: Refusal = Refusal::fixed(
    Code::Unimplemented,
    "etcdserver: there is no cluster version to go back from; start the older program",
);

/// The answer of an engine that is another server's to look after.
const ELSEWHERE: Refusal = Refusal::fixed(
    Code::Unimplemented,
    "etcdserver: the data is another server's: ask the coordination engine itself",
);

/// The answer to who would raise an alarm.
const ALARMS_ARE_FACTS: Refusal = Refusal::fixed(
    Code::Unimplemented,
    "etcdserver: an alarm here tells what is wrong now, and can not be raised by hand",
);

impl Etcd {
    fn maintenance(&self) -> Result<&dyn Maintenance, Refusal> {
        self.space().maintenance().ok_or(ELSEWHERE)
    }

    /// What is wrong now.
    fn alarms_now(&self) -> Vec<pb::AlarmMember> {
        let alarms = self.space().maintenance().map(Maintenance::alarms).unwrap_or_default();
        let kind = |alarm| match alarm {
            Alarm::NoSpace => pb::AlarmType::Nospace,
            Alarm::Corrupt => pb::AlarmType::Corrupt,
        };
        let member = |alarm| pb::AlarmMember { member_id: self.ids.member, alarm: kind(alarm).into() };
        alarms.into_iter().map(member).collect()
    }

    /// Maintenance's `Alarm`. An alarm ends with its cause, so there is nothing to disarm.
    pub async fn alarm(
        &self,
        caller: &Caller,
        request: pb::AlarmRequest,
    ) -> Result<pb::AlarmResponse, Refusal> {
        use pb::alarm_request::AlarmAction;
        let alarms = match request.action() {
            AlarmAction::Get => {
                self.check_read(caller)?;
                let wanted = |alarm: &pb::AlarmMember| {
                    (request.member_id == 0 || request.member_id == alarm.member_id)
                        && (request.alarm == 0 || request.alarm == alarm.alarm)
                };
                self.alarms_now().into_iter().filter(wanted).collect()
            }
            AlarmAction::Activate => {
                self.check_operator(caller)?;
                return Err(ALARMS_ARE_FACTS);
            }
            AlarmAction::Deactivate => {
                self.check_operator(caller)?;
                Vec::new()
            }
        };
        Ok(pb::AlarmResponse { header: Some(self.header_now().await?), alarms })
    }

    /// Maintenance's `Status`. Without elections this node always leads, and what is proposed is applied.
    pub async fn status(
        &self,
        caller: &Caller,
        _request: pb::StatusRequest,
    ) -> Result<pb::StatusResponse, Refusal> {
        self.check_read(caller)?;
        let status = self.space().status().await?;
        let size = self.space().maintenance().map(Maintenance::size).unwrap_or_default();
        let bytes = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
        let error = |alarm: pb::AlarmMember| {
            // As etcd prints an alarm.
            format!("memberID:{} alarm:{} ", alarm.member_id, alarm.alarm().as_str_name())
        };
        Ok(pb::StatusResponse {
            header: Some(self.header(status.revision)),
            version: ETCD_VERSION.to_owned(),
            db_size: bytes(size.total),
            leader: self.ids.member,
            raft_index: status.revision.0,
            raft_term: ids::TERM,
            raft_applied_index: status.revision.0,
            errors: self.alarms_now().into_iter().map(error).collect(),
            db_size_in_use: bytes(size.in_use),
            is_learner: false,
        })
    }

    /// Maintenance's `Defragment`.
    pub async fn defragment(
        &self,
        caller: &Caller,
        _request: pb::DefragmentRequest,
    ) -> Result<pb::DefragmentResponse, Refusal> {
        self.check_operator(caller)?;
        self.maintenance()?.defragment().await?;
        Ok(pb::DefragmentResponse { header: None })
    }

    /// Maintenance's `Hash`.
    pub async fn hash(
        &self,
        caller: &Caller,
        _request: pb::HashRequest,
    ) -> Result<pb::HashResponse, Refusal> {
        self.check_operator(caller)?;
        let hashed = self.maintenance()?.hash().await?;
        Ok(pb::HashResponse { header: Some(self.header(hashed.revision)), hash: hashed.hash })
    }

    /// Maintenance's `HashKV`.
    pub async fn hash_kv(
        &self,
        caller: &Caller,
        request: pb::HashKvRequest,
    ) -> Result<pb::HashKvResponse, Refusal> {
        self.check_operator(caller)?;
        let hashed = self.maintenance()?.hash_kv(wire::revision(request.revision)).await?;
        Ok(pb::HashKvResponse {
            header: Some(self.header(hashed.revision)),
            hash: hashed.hash,
            compact_revision: wire::number(hashed.compacted),
        })
    }

    /// Maintenance's `Snapshot`.
    pub async fn snapshot(
        &self,
        caller: &Caller,
        _request: pb::SnapshotRequest,
    ) -> Result<Snapshot, Refusal> {
        self.check_takes_all(caller)?;
        let pieces = self.maintenance()?.snapshot().await?;
        Ok(Snapshot::new(pieces))
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
