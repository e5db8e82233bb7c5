//! The JSON gateway: etcd's services as JSON over HTTP, by etcd's paths.
//!
//! A method of one message takes one JSON value and answers one. `watch`, `keepalive`, `snapshot` and `observe`
//! answer one line for each of their replies, in `streams`. What the JSON looks like, and how a failure does, is
//! in `json`. It answers as etcd 3.5's does, by etcd's own HTTP library for gRPC.

mod json;
mod routes;
mod splitter;
mod streams;

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method as Verb, Request, Response, StatusCode, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyrax_etcd::etcdserverpb as pb;
use hyrax_types::limits::{ETCD_JSON_BYTES_MAX, HTTP_BODY_WAIT_MAX};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use tonic::Code;

use super::Etcd;
use super::caller::Caller;
use super::error::Refusal;
use super::methods::Method;
use crate::net::{Authorization, Peer};

/// What etcd's gateway says that its own call was answered with.
const ANSWERED_BY: (HeaderName, HeaderValue) =
    (HeaderName::from_static("grpc-metadata-content-type"), HeaderValue::from_static("application/grpc"));

/// What JSON is sent as.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl Etcd {
    /// Answers a request of the gateway.
    pub(crate) async fn gateway(
        self: Arc<Self>,
        request: Request<Body>,
        peer: Peer,
        authorization: Option<Authorization>,
    ) -> Response<Body> {
        let Some(method) = routes::method_of(request.uri().path()) else {
            return plain(StatusCode::NOT_FOUND);
        };
        if request.method() != Verb::POST {
            return plain(StatusCode::METHOD_NOT_ALLOWED);
        }
        let caller = self.caller_with(peer, authorization);
        let body = request.into_body();
        let began = Instant::now();
        let response = match method {
            Method::Watch => streams::watch(self.clone(), caller, body).await,
            Method::LeaseKeepAlive => streams::keep_alive(self.clone(), caller, body).await,
            Method::Snapshot => streams::snapshot(self.clone(), caller, body).await,
            Method::Observe => streams::observe(self.clone(), caller, body).await,
            method => self.answer_one(method, &caller, body).await,
        };
        let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.core.metrics.command(self.first_method + method as usize, response.status().is_success(), took);
        response
    }

    /// Answers a method of one message and one reply.
    async fn answer_one(self: &Arc<Self>, method: Method, caller: &Caller, body: Body) -> Response<Body> {
        /// Boxed: all the futures together are larger than those of the methods used most.
        macro_rules! one {
            ($handler:ident) => {
                Box::pin(one(body, async |request| self.$handler(caller, request).await)).await
            };
            (configured $request:ident $response:ident) => {
                Box::pin(one(body, async |request: pb::$request| {
                    self.change_users::<pb::$request, pb::$response>(caller, request).await
                }))
                .await
            };
        }
        match method {
            Method::Range => one!(range),
            Method::Put => one!(put),
            Method::DeleteRange => one!(delete_range),
            Method::Txn => one!(txn),
            Method::Compact => one!(compact),
            Method::LeaseGrant => one!(lease_grant),
            Method::LeaseRevoke => one!(lease_revoke),
            Method::LeaseTimeToLive => one!(lease_time_to_live),
            Method::LeaseLeases => one!(lease_leases),
            Method::MemberAdd => one!(member_add),
            Method::MemberRemove => one!(member_remove),
            Method::MemberUpdate => one!(member_update),
            Method::MemberList => one!(member_list),
            Method::MemberPromote => one!(member_promote),
            Method::Alarm => one!(alarm),
            Method::Status => one!(status),
            Method::Defragment => one!(defragment),
            Method::Hash => one!(hash),
            Method::HashKv => one!(hash_kv),
            Method::MoveLeader => one!(move_leader),
            Method::Downgrade => one!(downgrade),
            Method::AuthEnable => one!(configured AuthEnableRequest AuthEnableResponse),
            Method::AuthDisable => one!(configured AuthDisableRequest AuthDisableResponse),
            Method::AuthStatus => one!(auth_status),
            Method::Authenticate => one!(authenticate),
            Method::UserAdd => one!(configured AuthUserAddRequest AuthUserAddResponse),
            Method::UserGet => one!(user_get),
            Method::UserList => one!(user_list),
            Method::UserDelete => one!(configured AuthUserDeleteRequest AuthUserDeleteResponse),
            Method::UserChangePassword => {
                one!(configured AuthUserChangePasswordRequest AuthUserChangePasswordResponse)
            }
            Method::UserGrantRole => one!(configured AuthUserGrantRoleRequest AuthUserGrantRoleResponse),
            Method::UserRevokeRole => one!(configured AuthUserRevokeRoleRequest AuthUserRevokeRoleResponse),
            Method::RoleAdd => one!(configured AuthRoleAddRequest AuthRoleAddResponse),
            Method::RoleGet => one!(role_get),
            Method::RoleList => one!(role_list),
            Method::RoleDelete => one!(configured AuthRoleDeleteRequest AuthRoleDeleteResponse),
            Method::RoleGrantPermission => {
                one!(configured AuthRoleGrantPermissionRequest AuthRoleGrantPermissionResponse)
            }
            Method::RoleRevokePermission => {
                one!(configured AuthRoleRevokePermissionRequest AuthRoleRevokePermissionResponse)
            }
            Method::Lock => one!(lock),
            Method::Unlock => one!(unlock),
            Method::Campaign => one!(campaign),
            Method::Proclaim => one!(proclaim),
            Method::Leader => one!(leader),
            Method::Resign => one!(resign),
            // Answered by many replies, and not here.
            Method::Watch | Method::LeaseKeepAlive | Method::Snapshot | Method::Observe => {
                refused(&Refusal::fixed(Code::Internal, "a stream is not answered by one reply"))
            }
        }
    }
}

/// Reads one message, has it answered, and writes the answer.
async fn one<Q: DeserializeOwned + Default, R: Serialize>(
    body: Body,
    answer: impl AsyncFnOnce(Q) -> Result<R, Refusal>,
) -> Response<Body> {
    let answered = async {
        let body = read(body).await?;
        let reply = answer(json::message(&body, Code::InvalidArgument)?).await?;
        json::text(&reply)
    };
    match answered.await {
        Ok(text) => ok(Body::from(text)),
        Err(refusal) => refused(&refusal),
    }
}

/// A whole body.
async fn read(body: Body) -> Result<Bytes, Refusal> {
    match timeout(HTTP_BODY_WAIT_MAX, Limited::new(body, ETCD_JSON_BYTES_MAX).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::REQUEST_TOO_LARGE),
        Ok(Err(error)) => {
            Err(Refusal::new(Code::InvalidArgument, format!("the body could not be read: {error}")))
        }
        Err(_) => {
            let seconds = HTTP_BODY_WAIT_MAX.as_secs();
            Err(Refusal::new(Code::DeadlineExceeded, format!("the body took longer than {seconds} seconds")))
        }
    }
}

fn ok(body: Body) -> Response<Body> {
    ([(header::CONTENT_TYPE, JSON), ANSWERED_BY], body).into_response()
}

fn refused(refusal: &Refusal) -> Response<Body> {
    let body = json::refusal(refusal);
    (json::status_of(refusal.code), [(header::CONTENT_TYPE, JSON)], body).into_response()
}

/// The answer to what is none of the gateway's.
fn plain(status: StatusCode) -> Response<Body> {
    let body = format!("{}\n", status.canonical_reason().unwrap_or_default());
    let nosniff = (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let text = (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    (status, [text, nosniff], body).into_response()
}
