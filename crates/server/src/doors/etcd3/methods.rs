//! Which method answers which call: the door's table.

use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use futures_util::{FutureExt, TryStreamExt, stream};
use hyrax_etcd::etcdserverpb as pb;
use tonic::Code;

use super::Etcd;
use super::caller::Caller;
use super::election::Observing;
use super::error::Refusal;
use super::snapshot::Snapshot;
use super::watch;
use crate::grpc::{self, Call, Connection, FramedReplies, Messages, Reply};

/// Bytes of replies after which they leave, whether more could be added or not: one frame of HTTP/2.
const REPLIES_BYTES: usize = 16 * 1024;

/// Makes the list of methods: a name each, by which a call finds it and the metrics count it.
macro_rules! methods {
    ($($method:ident $service:literal $name:literal;)*) => {
        /// A method of one of etcd's services.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Method { $($method,)* }

        impl Method {
            /// The method that a path names.
            pub(super) fn of(path: &str) -> Option<Method> {
                match path {
                    $(concat!("/", $service, "/", $name) => Some(Method::$method),)*
                    _ => None,
                }
            }
        }

        /// The methods' names among the metrics' commands, in their order.
        pub(super) const NAMES: &[&str] = &[$(concat!($service, "/", $name),)*];

        /// The services that there are.
        const SERVICES: &[&str] = &[$($service,)*];
    };
}

methods! {
    Range "etcdserverpb.KV" "Range";
    Put "etcdserverpb.KV" "Put";
    DeleteRange "etcdserverpb.KV" "DeleteRange";
    Txn "etcdserverpb.KV" "Txn";
    Compact "etcdserverpb.KV" "Compact";
    Watch "etcdserverpb.Watch" "Watch";
    LeaseGrant "etcdserverpb.Lease" "LeaseGrant";
    LeaseRevoke "etcdserverpb.Lease" "LeaseRevoke";
    LeaseKeepAlive "etcdserverpb.Lease" "LeaseKeepAlive";
    LeaseTimeToLive "etcdserverpb.Lease" "LeaseTimeToLive";
    LeaseLeases "etcdserverpb.Lease" "LeaseLeases";
    MemberAdd "etcdserverpb.Cluster" "MemberAdd";
    MemberRemove "etcdserverpb.Cluster" "MemberRemove";
    MemberUpdate "etcdserverpb.Cluster" "MemberUpdate";
    MemberList "etcdserverpb.Cluster" "MemberList";
    MemberPromote "etcdserverpb.Cluster" "MemberPromote";
    Alarm "etcdserverpb.Maintenance" "Alarm";
    Status "etcdserverpb.Maintenance" "Status";
    Defragment "etcdserverpb.Maintenance" "Defragment";
    Hash "etcdserverpb.Maintenance" "Hash";
    HashKv "etcdserverpb.Maintenance" "HashKV";
    Snapshot "etcdserverpb.Maintenance" "Snapshot";
    MoveLeader "etcdserverpb.Maintenance" "MoveLeader";
    Downgrade "etcdserverpb.Maintenance" "Downgrade";
    AuthEnable "etcdserverpb.Auth" "AuthEnable";
    AuthDisable "etcdserverpb.Auth" "AuthDisable";
    AuthStatus "etcdserverpb.Auth" "AuthStatus";
    Authenticate "etcdserverpb.Auth" "Authenticate";
    UserAdd "etcdserverpb.Auth" "UserAdd";
    UserGet "etcdserverpb.Auth" "UserGet";
    UserList "etcdserverpb.Auth" "UserList";
    UserDelete "etcdserverpb.Auth" "UserDelete";
    UserChangePassword "etcdserverpb.Auth" "UserChangePassword";
    UserGrantRole "etcdserverpb.Auth" "UserGrantRole";
    UserRevokeRole "etcdserverpb.Auth" "UserRevokeRole";
    RoleAdd "etcdserverpb.Auth" "RoleAdd";
    RoleGet "etcdserverpb.Auth" "RoleGet";
    RoleList "etcdserverpb.Auth" "RoleList";
    RoleDelete "etcdserverpb.Auth" "RoleDelete";
    RoleGrantPermission "etcdserverpb.Auth" "RoleGrantPermission";
    RoleRevokePermission "etcdserverpb.Auth" "RoleRevokePermission";
    Lock "v3lockpb.Lock" "Lock";
    Unlock "v3lockpb.Lock" "Unlock";
    Campaign "v3electionpb.Election" "Campaign";
    Proclaim "v3electionpb.Election" "Proclaim";
    Leader "v3electionpb.Election" "Leader";
    Observe "v3electionpb.Election" "Observe";
    Resign "v3electionpb.Election" "Resign";
}

/// Why there is no method at a path, in the words of etcd's gRPC library.
pub(super) fn unknown(path: &str) -> Refusal {
    let Some((service, method)) = path.strip_prefix('/').and_then(|path| path.rsplit_once('/')) else {
        return Refusal::new(Code::Unimplemented, format!("malformed method name: {path:?}"));
    };
    let message = if SERVICES.contains(&service) {
        format!("unknown method {method} for service {service}")
    } else {
        format!("unknown service {service}")
    };
    Refusal::new(Code::Unimplemented, message)
}

/// Answers a call of `method`.
pub(super) async fn answer(
    etcd: Arc<Etcd>,
    method: Method,
    call: Call,
    caller: Caller,
    connection: Arc<Connection>,
) -> Reply {
    let began = Instant::now();
    /// A method of one message and one reply. Its future is boxed, but where calls come by the thousand: all of
    /// them together are larger than those few.
    macro_rules! unary {
        (often $handler:ident) => {
            call.unary(async |request| etcd.$handler(&caller, request).await).await
        };
        ($handler:ident) => {
            Box::pin(call.unary(async |request| etcd.$handler(&caller, request).await)).await
        };
        (configured $request:ident $response:ident) => {
            Box::pin(call.unary(async |request: pb::$request| {
                etcd.change_users::<pb::$request, pb::$response>(&caller, request).await
            }))
            .await
        };
    }
    let reply = match method {
        Method::Range => unary!(often range),
        Method::Put => unary!(often put),
        Method::DeleteRange => unary!(delete_range),
        Method::Txn => unary!(often txn),
        Method::Compact => unary!(compact),
        Method::Watch => call.streaming(|messages| watch::serve(etcd.clone(), caller, connection, messages)),
        Method::LeaseGrant => unary!(lease_grant),
        Method::LeaseRevoke => unary!(lease_revoke),
        Method::LeaseKeepAlive => call.streaming(|messages| keep_alive(etcd.clone(), caller, messages)),
        Method::LeaseTimeToLive => unary!(lease_time_to_live),
        Method::LeaseLeases => unary!(lease_leases),
        Method::MemberAdd => unary!(member_add),
        Method::MemberRemove => unary!(member_remove),
        Method::MemberUpdate => unary!(member_update),
        Method::MemberList => unary!(member_list),
        Method::MemberPromote => unary!(member_promote),
        Method::Alarm => unary!(alarm),
        Method::Status => unary!(status),
        Method::Defragment => unary!(defragment),
        Method::Hash => unary!(hash),
        Method::HashKv => unary!(hash_kv),
        Method::Snapshot => call.streaming(|messages| snapshot(etcd.clone(), caller, messages)),
        Method::MoveLeader => unary!(move_leader),
        Method::Downgrade => unary!(downgrade),
        Method::AuthEnable => unary!(configured AuthEnableRequest AuthEnableResponse),
        Method::AuthDisable => unary!(configured AuthDisableRequest AuthDisableResponse),
        Method::AuthStatus => unary!(auth_status),
        Method::Authenticate => unary!(authenticate),
        Method::UserAdd => unary!(configured AuthUserAddRequest AuthUserAddResponse),
        Method::UserGet => unary!(user_get),
        Method::UserList => unary!(user_list),
        Method::UserDelete => unary!(configured AuthUserDeleteRequest AuthUserDeleteResponse),
        Method::UserChangePassword => {
            unary!(configured AuthUserChangePasswordRequest AuthUserChangePasswordResponse)
        }
        Method::UserGrantRole => unary!(configured AuthUserGrantRoleRequest AuthUserGrantRoleResponse),
        Method::UserRevokeRole => unary!(configured AuthUserRevokeRoleRequest AuthUserRevokeRoleResponse),
        Method::RoleAdd => unary!(configured AuthRoleAddRequest AuthRoleAddResponse),
        Method::RoleGet => unary!(role_get),
        Method::RoleList => unary!(role_list),
        Method::RoleDelete => unary!(configured AuthRoleDeleteRequest AuthRoleDeleteResponse),
        Method::RoleGrantPermission => {
            unary!(configured AuthRoleGrantPermissionRequest AuthRoleGrantPermissionResponse)
        }
        Method::RoleRevokePermission => {
            unary!(configured AuthRoleRevokePermissionRequest AuthRoleRevokePermissionResponse)
        }
        Method::Lock => unary!(lock),
        Method::Unlock => unary!(unlock),
        Method::Campaign => unary!(campaign),
        Method::Proclaim => unary!(proclaim),
        Method::Leader => unary!(leader),
        Method::Observe => call.streaming(|messages| observe(etcd.clone(), caller, messages)),
        Method::Resign => unary!(resign),
    };
    let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let refused = matches!(reply, Reply::Refused(_));
    etcd.core.metrics.command(etcd.first_method + method as usize, !refused, took);
    reply
}

/// Renews leases as they are named, and answers in their order. What has been asked by the time that one is
/// answered is answered with it.
fn keep_alive(etcd: Arc<Etcd>, caller: Caller, messages: Messages) -> FramedReplies {
    Box::pin(stream::try_unfold(messages, move |mut messages| {
        let (etcd, caller) = (etcd.clone(), caller.clone());
        async move {
            let mut next = messages.next().await?;
            let mut replies = BytesMut::new();
            while let Some(request) = next {
                grpc::put_framed(&etcd.lease_keep_alive(&caller, request).await?, &mut replies);
                if replies.len() >= REPLIES_BYTES {
                    break;
                }
                next = match messages.next().now_or_never() {
                    Some(next) => next?,
                    None => break,
                };
            }
            Ok((!replies.is_empty()).then(|| (replies.freeze(), messages)))
        }
    }))
}

/// A snapshot, piece by piece.
fn snapshot(etcd: Arc<Etcd>, caller: Caller, mut messages: Messages) -> FramedReplies {
    let pieces = async move {
        let request = messages.only().await?;
        let snapshot = etcd.snapshot(&caller, request).await?;
        Ok::<_, Refusal>(stream::try_unfold(snapshot, async |mut snapshot: Snapshot| {
            let piece = snapshot.next().await?;
            Ok(piece.map(|piece| (grpc::framed(&piece), snapshot)))
        }))
    };
    Box::pin(stream::once(pieces).try_flatten())
}

/// The leaders of an election, one after the other.
fn observe(etcd: Arc<Etcd>, caller: Caller, mut messages: Messages) -> FramedReplies {
    let leaders = async move {
        let request = messages.only().await?;
        let observing = etcd.observe(&caller, request)?;
        Ok::<_, Refusal>(stream::try_unfold(observing, async |mut observing: Observing| {
            let leader = observing.next().await?;
            Ok(Some((grpc::framed(&leader), observing)))
        }))
    };
    Box::pin(stream::once(leaders).try_flatten())
}
