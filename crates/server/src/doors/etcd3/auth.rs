//! The Auth service: tokens for the configured operators, and who they are. Operators are configured, not
//! added over the network, so what would change them is refused.

use hyrax_etcd::authpb;
use hyrax_etcd::etcdserverpb as pb;
use tonic::Code;

use super::Etcd;
use super::caller::Caller;
use super::error::Refusal;

/// The role that every operator has, by etcd's name for one that may do everything.
const ROLE: &str = "root";

/// The answer to what would change who may do what.
const CONFIGURED: Refusal = Refusal::fixed(
    Code::FailedPrecondition,
    "etcdserver: users are configured here: set `operators` in the configuration and reload it",
);

impl Etcd {
    /// Auth's `Authenticate`.
    pub async fn authenticate(
        &self,
        _caller: &Caller,
        request: pb::AuthenticateRequest,
    ) -> Result<pb::AuthenticateResponse, Refusal> {
        let authorizer = &self.core.authorizer;
        if !authorizer.is_on() {
            return Err(Refusal::AUTH_NOT_ENABLED);
        }
        if request.name.is_empty() {
            return Err(Refusal::USER_EMPTY);
        }
        let token =
            authorizer.issue_token(request.name.as_bytes(), request.password.as_bytes(), self.core.now_s());
        let token = token.ok_or(Refusal::AUTH_FAILED)?;
        Ok(pb::AuthenticateResponse { header: Some(self.header_now().await?), token })
    }

    /// Auth's `AuthStatus`.
    pub async fn auth_status(
        &self,
        caller: &Caller,
        _request: pb::AuthStatusRequest,
    ) -> Result<pb::AuthStatusResponse, Refusal> {
        self.check_operator(caller)?;
        Ok(pb::AuthStatusResponse {
            header: Some(self.header_now().await?),
            enabled: self.core.authorizer.is_on(),
            auth_revision: 1,
        })
    }

    /// Auth's `UserList`: the operators.
    pub async fn user_list(
        &self,
        caller: &Caller,
        _request: pb::AuthUserListRequest,
    ) -> Result<pb::AuthUserListResponse, Refusal> {
        self.check_operator(caller)?;
        let users = self.core.authorizer.operators();
        Ok(pb::AuthUserListResponse { header: Some(self.header_now().await?), users })
    }

    /// Auth's `UserGet`.
    pub async fn user_get(
        &self,
        caller: &Caller,
        request: pb::AuthUserGetRequest,
    ) -> Result<pb::AuthUserGetResponse, Refusal> {
        self.check_operator(caller)?;
        if !self.core.authorizer.operators().contains(&request.name) {
            return Err(Refusal::USER_NOT_FOUND);
        }
        let roles = vec![ROLE.to_owned()];
        Ok(pb::AuthUserGetResponse { header: Some(self.header_now().await?), roles })
    }

    /// Auth's `RoleList`.
    pub async fn role_list(
        &self,
        caller: &Caller,
        _request: pb::AuthRoleListRequest,
    ) -> Result<pb::AuthRoleListResponse, Refusal> {
        self.check_operator(caller)?;
        let roles = vec![ROLE.to_owned()];
        Ok(pb::AuthRoleListResponse { header: Some(self.header_now().await?), roles })
    }

    /// Auth's `RoleGet`.
    pub async fn role_get(
        &self,
        caller: &Caller,
        request: pb::AuthRoleGetRequest,
    ) -> Result<pb::AuthRoleGetResponse, Refusal> {
        self.check_operator(caller)?;
        if request.role != ROLE {
            return Err(Refusal::ROLE_NOT_FOUND);
        }
        // As etcd shows a permission of every key.
        let everything = authpb::Permission {
            perm_type: authpb::permission::Type::Readwrite.into(),
            key: bytes::Bytes::new(),
            range_end: bytes::Bytes::from_static(b"\0"),
        };
        Ok(pb::AuthRoleGetResponse { header: Some(self.header_now().await?), perm: vec![everything] })
    }

    /// What would turn authentication on or off, or change users or roles: it is all configured.
    pub async fn change_users<Q, R>(&self, caller: &Caller, _request: Q) -> Result<R, Refusal> {
        self.check_operator(caller)?;
        Err(CONFIGURED)
    }
}
