//! Requests for keys that are answered from bytes to bytes. What waits is none of them.

use std::time::Instant;

use axum::http::{Method, StatusCode};

use super::call::Call;
use super::error::Refusal;
use super::keys::Done;
use super::parameters::Parameters;
use super::{Caller, Etcd2, form_of, is_form};
use crate::auth::Identity;
use crate::doors::etcd3::TERM;
use crate::http::{PlainRequest, Reply};
use crate::net::Peer;

impl Etcd2 {
    /// Answers a request of somebody who shows nothing. False where it waits, and nothing was done.
    pub(crate) async fn answer_directly(
        &self,
        request: &PlainRequest<'_>,
        peer: Peer,
        reply: Reply<'_>,
    ) -> bool {
        let began = Instant::now();
        let parameters = self.parameters(request);
        if matches!(&parameters, Ok(parameters) if parameters.wait) {
            return false;
        }
        let caller = Caller { peer, identity: Some(Identity::Anonymous) };
        let done = match parameters {
            Ok(parameters) => self.run(request.key, &request.method, parameters, &caller).await,
            Err(refusal) => Err(refusal),
        };
        let status = match done {
            Ok(done) => self.write_done(&done, reply),
            Err(refusal) => self.write_refusal(&refusal, reply),
        };
        self.count(Call::of_key(&request.method), status, began);
        true
    }

    fn parameters(&self, request: &PlainRequest<'_>) -> Result<Parameters, Refusal> {
        let takes_body = matches!(request.method, Method::PUT | Method::POST);
        let body = if takes_body && is_form(request.content_type) { request.body } else { b"" };
        Parameters::parse(&form_of(request.query, body)?, &request.method, self.tree.now_ns())
    }

    fn write_done(&self, done: &Done, reply: Reply<'_>) -> StatusCode {
        let mut head = reply.begin(done.status);
        head.field("content-type", "application/json");
        head.number("x-etcd-index", done.index);
        head.number("x-raft-index", done.index);
        head.number("x-raft-term", TERM);
        head.field("x-etcd-cluster-id", &self.cluster);
        head.end(&done.body);
        done.status
    }

    fn write_refusal(&self, refusal: &Refusal, reply: Reply<'_>) -> StatusCode {
        let mut head = reply.begin(refusal.status());
        head.field("content-type", "application/json");
        head.number("x-etcd-index", refusal.index());
        head.field("x-etcd-cluster-id", &self.cluster);
        head.end(&refusal.body());
        refusal.status()
    }
}
