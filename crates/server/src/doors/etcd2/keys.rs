//! `/v2/keys`.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use hyrax_recipes::tree::{Action, Content, TreeError, TreeEvent, TreePath, WatchFor};

use super::error::Refusal;
use super::parameters::Parameters;
use super::plain::{self, CLUSTER_ID, ETCD_INDEX, JSON};
use super::{Caller, Etcd2, FormText, json, waiting};

const METHODS: &str = "HEAD,GET,PUT,POST,DELETE";

/// What was read or done, and as of which index.
pub(super) struct Done {
    pub(super) status: StatusCode,
    pub(super) index: u64,
    /// In JSON.
    pub(super) body: Vec<u8>,
}

const RAFT_INDEX: HeaderName = HeaderName::from_static("x-raft-index");
const RAFT_TERM: HeaderName = HeaderName::from_static("x-raft-term");

impl Etcd2 {
    /// Answers a request for a key.
    pub(super) async fn keys(&self, key: &[u8], request: Request<Body>, caller: &Caller) -> Response<Body> {
        let method = request.method().clone();
        let is_known =
            [Method::HEAD, Method::GET, Method::PUT, Method::POST, Method::DELETE].contains(&method);
        if !is_known {
            return plain::method_not_allowed(METHODS);
        }
        let answered = self.answer_key(key, method, request, caller).await;
        let mut response = answered.unwrap_or_else(|refusal| refusal.response());
        response.headers_mut().insert(CLUSTER_ID, self.cluster_id());
        response
    }

    async fn answer_key(
        &self,
        key: &[u8],
        method: Method,
        request: Request<Body>,
        caller: &Caller,
    ) -> Result<Response<Body>, Refusal> {
        let takes_body = matches!(method, Method::PUT | Method::POST);
        let text = FormText::read(request, takes_body).await?;
        let parameters = Parameters::parse(&text.form()?, &method, self.tree.now_ns())?;
        if parameters.wait {
            return self.wait(key, &parameters, caller).await;
        }
        let Done { status, index, body } = self.run(key, &method, parameters, caller).await?;
        Ok(indexed(status, index, body))
    }

    /// Reads or changes a key.
    pub(super) async fn run(
        &self,
        key: &[u8],
        method: &Method,
        parameters: Parameters,
        caller: &Caller,
    ) -> Result<Done, Refusal> {
        let path = TreePath::clean(key)?;
        let reads = matches!(*method, Method::GET | Method::HEAD);
        if !(if reads { self.may_read(caller) } else { self.may_write(caller) }) {
            return Err(Refusal::unauthorized());
        }
        if reads {
            let found = self.tree.get(&path, parameters.recursive).await?;
            let body = json::found(&found.node, self.tree.now_ns());
            return Ok(Done { status: StatusCode::OK, index: found.index, body });
        }
        let quiet = parameters.quiet;
        let event = match *method {
            Method::PUT => self.put(&path, parameters).await?,
            Method::POST => {
                let content = content(&parameters);
                self.tree.create_in_order(&path, content, parameters.ending).await?
            }
            _ if parameters.compares() => self.tree.compare_and_delete(&path, &parameters.condition).await?,
            _ => self.tree.delete(&path, parameters.directory, parameters.recursive).await?,
        };
        let is_write = !matches!(event.action, Action::Delete | Action::CompareAndDelete);
        let status = if event.is_creation() { StatusCode::CREATED } else { StatusCode::OK };
        let body = if quiet && is_write { json::done(event.action) } else { json::event(&event) };
        Ok(Done { status, index: event.index(), body })
    }

    async fn put(&self, path: &TreePath, parameters: Parameters) -> Result<TreeEvent, TreeError> {
        let ending = parameters.ending;
        match parameters.exists {
            Some(false) => self.tree.create(path, content(&parameters), ending).await,
            Some(true) if !parameters.compares() => self.tree.update(path, parameters.value, ending).await,
            None if !parameters.compares() => self.tree.set(path, content(&parameters), ending).await,
            _ => {
                let condition = &parameters.condition;
                self.tree.compare_and_swap(path, condition, parameters.value, ending).await
            }
        }
    }

    /// Answers at once that there will be events, and then with them.
    async fn wait(
        &self,
        key: &[u8],
        parameters: &Parameters,
        caller: &Caller,
    ) -> Result<Response<Body>, Refusal> {
        let path = TreePath::clean(key)?;
        if !self.may_read(caller) {
            return Err(Refusal::unauthorized());
        }
        let what = WatchFor {
            path,
            recursive: parameters.recursive,
            since: parameters.since,
            stream: parameters.stream,
        };
        let watcher = self.tree.watch(what).await?;
        let index = watcher.index();
        let body = waiting::body(watcher, parameters.stream, self.closing.clone());
        Ok(indexed(StatusCode::OK, index, body))
    }
}

fn content(parameters: &Parameters) -> Content {
    if parameters.directory { Content::Directory } else { Content::File(parameters.value.clone()) }
}

/// An answer as of an index. Here the log that etcd counts apart is the engine's own.
fn indexed(status: StatusCode, index: u64, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(ETCD_INDEX, HeaderValue::from(index));
    headers.insert(RAFT_INDEX, HeaderValue::from(index));
    headers.insert(RAFT_TERM, HeaderValue::from(crate::doors::etcd3::TERM));
    response
}
