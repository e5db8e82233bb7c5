//! The etcd v2 door: etcd's keys, members and statistics over HTTP, and the modules that etcd had once.
//!
//! Paths, parameters, headers and bodies are those of etcd 3.4 with its v2 API enabled, down to what Go's library
//! adds to them. What the tree does is not known here, but in the recipe.

mod call;
mod direct;
mod error;
mod form;
mod json;
mod keys;
mod members;
mod modules;
mod parameters;
mod plain;
mod stats;
mod waiting;

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyrax_recipes::members::Members;
use hyrax_recipes::tree::Tree;
use hyrax_types::limits::{ETCD2_BODY_BYTES_MAX, HTTP_BODY_WAIT_MAX};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::call::Call;
use self::error::{Code, Refusal};
pub(crate) use self::form::{Form, unescape};
use super::etcd3::Ids;
use crate::auth::Identity;
use crate::core::Core;
use crate::net::{Authorization, Peer};

/// The names of its calls among the commands that are counted, in their order.
pub fn metrics_names() -> &'static [&'static str] {
    Call::NAMES
}

/// What a form says that it is.
const FORM: &str = "application/x-www-form-urlencoded";

/// etcd's v2 API, as this node serves it.
pub struct Etcd2 {
    core: Arc<Core>,
    tree: Arc<Tree>,
    /// The nodes that serve it, where there may be several.
    members: Option<Members>,
    ids: Ids,
    /// Which cluster it is, in hexadecimal digits.
    cluster: String,
    /// The place of the door's first call among the commands that are counted.
    first_call: usize,
    /// Cancelled when the server stops: what waits for ever ends then.
    closing: CancellationToken,
    started_ns: i64,
}

/// Who makes a request, and where it came in.
struct Caller {
    peer: Peer,
    identity: Option<Identity>,
}

impl Etcd2 {
    /// The API over a tree, as the member `ids`, with `members` where there may be others. Its calls are counted from that place among the commands on. What
    /// waits ends when `closing` is cancelled.
    pub(crate) fn new(
        core: Arc<Core>,
        tree: Tree,
        members: Option<Members>,
        ids: Ids,
        first_call: usize,
        closing: CancellationToken,
    ) -> Arc<Etcd2> {
        let cluster = format!("{:x}", ids.cluster);
        let started_ns = tree.now_ns();
        Arc::new(Etcd2 { core, tree: Arc::new(tree), members, ids, cluster, first_call, closing, started_ns })
    }

    /// Answers a request below `/v2` or `/mod/v2`.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Body>,
        peer: Peer,
        authorization: Option<Authorization>,
    ) -> Response<Body> {
        if request.method() == Method::OPTIONS {
            // Whoever asks is told so by etcd, too, wherever it is.
            return Response::new(Body::empty());
        }
        let Ok(path) = form::unescape(request.uri().path().as_bytes(), false) else {
            return plain::bad_request();
        };
        let clean = plain::clean(&path);
        if clean != *path {
            return plain::moved(request.method(), &clean, request.uri().query());
        }
        let caller = Caller { peer, identity: self.identity(authorization) };
        let call = Call::of(request.method(), &clean);
        let began = Instant::now();
        let response = self.route(&clean, request, &caller).await;
        self.count(call, response.status(), began);
        response
    }

    async fn route(&self, path: &[u8], request: Request<Body>, caller: &Caller) -> Response<Body> {
        if let Some(key) = below(path, b"/v2/keys") {
            return self.keys(key, request, caller).await;
        }
        if let Some(name) = below(path, b"/mod/v2/lock") {
            return self.lock(name, request, caller).await;
        }
        if let Some(name) = below(path, b"/mod/v2/leader") {
            return self.leader(name, request, caller).await;
        }
        if let Some(id) = below(path, b"/v2/members") {
            return self.members(id, &request.into_parts().0, caller).await;
        }
        match path {
            b"/v2/machines" => self.machines(request.method(), caller).await,
            b"/v2/stats/store" => self.stats(request.method(), |door| door.store_stats()),
            b"/v2/stats/self" => self.stats(request.method(), |door| door.self_stats()),
            b"/v2/stats/leader" => self.stats(request.method(), |door| door.leader_stats()),
            b"/v2/auth/enable" if request.method() == Method::GET => self.auth_enabled(),
            path if path.starts_with(b"/v2/auth/") => members::configured(),
            _ => plain::not_found(),
        }
    }

    /// Who somebody has shown to be; none for who showed something that proves nothing.
    fn identity(&self, authorization: Option<Authorization>) -> Option<Identity> {
        self.core.authorizer.identity_shown(authorization, self.core.now_s())
    }

    fn may_read(&self, caller: &Caller) -> bool {
        self.core.authorizer.may_read(caller.identity.as_ref())
    }

    fn may_write(&self, caller: &Caller) -> bool {
        self.core.authorizer.may_write(caller.identity.as_ref())
    }

    fn may_administer(&self, caller: &Caller) -> bool {
        !self.core.authorizer.is_on() || caller.identity.as_ref().is_some_and(Identity::is_operator)
    }

    /// Which cluster answers, as a header says it.
    fn cluster_id(&self) -> HeaderValue {
        // Hexadecimal digits are good in a header.
        HeaderValue::try_from(&self.cluster).unwrap_or(HeaderValue::from_static("0"))
    }
}

/// What of a path is below another one.
fn below<'a>(path: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let rest = path.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with(b"/")).then_some(rest)
}

/// What the parameters of a request are in.
struct FormText {
    uri: Uri,
    /// The body, where it is a form.
    body: Vec<u8>,
}

impl FormText {
    /// Reads those of a request whose body may hold some.
    async fn read(request: Request<Body>, takes_body: bool) -> Result<FormText, Refusal> {
        let (head, body) = request.into_parts();
        let kind = head.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let mut text = FormText { uri: head.uri, body: Vec::new() };
        if takes_body {
            // What is no form is read, too, so that its end is found.
            let body = read_body(body).await?;
            if is_form(kind) {
                text.body = body;
            }
        }
        Ok(text)
    }

    fn form(&self) -> Result<Form<'_>, Refusal> {
        form_of(self.uri.query().unwrap_or_default().as_bytes(), &self.body)
    }
}

/// Whether a body of this type holds parameters.
fn is_form(kind: &[u8]) -> bool {
    let kind = kind.split(|&byte| byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(FORM.as_bytes())
}

fn form_of<'a>(query: &'a [u8], body: &'a [u8]) -> Result<Form<'a>, Refusal> {
    Form::parse(query, body).map_err(|wrong| Refusal::new(Code::INVALID_FORM, wrong))
}

async fn read_body(body: Body) -> Result<Vec<u8>, Refusal> {
    match timeout(HTTP_BODY_WAIT_MAX, Limited::new(body, ETCD2_BODY_BYTES_MAX).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes().into()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Refusal::too_large(format!("the body is longer than {ETCD2_BODY_BYTES_MAX} bytes")))
        }
        Ok(Err(error)) => Err(Refusal::new(Code::INVALID_FORM, error.to_string())),
        Err(_) => {
            let seconds = HTTP_BODY_WAIT_MAX.as_secs();
            Err(Refusal::new(Code::INVALID_FORM, format!("the body took longer than {seconds} seconds")))
        }
    }
}
