//! The methods that are answered by many replies, a line each. The head of an answer leaves with its first line, so
//! that what fails before has a status of its own.

use std::sync::Arc;

use axum::body::{Body, BodyDataStream};
use axum::http::{Response, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use hyrax_etcd::etcdserverpb::LeaseKeepAliveRequest;
use hyrax_types::limits::ETCD_JSON_BYTES_MAX;
use serde::de::DeserializeOwned;
use tonic::Code;

use super::splitter::Splitter;
use super::{JSON, json, ok, read, refused};
use crate::doors::etcd3::Etcd;
use crate::doors::etcd3::caller::Caller;
use crate::doors::etcd3::error::Refusal;
use crate::grpc::Connection;

/// Watches: takes what the body asks for, and goes on when that ends.
pub(super) async fn watch(etcd: Arc<Etcd>, caller: Caller, body: Body) -> Response<Body> {
    let mut requests = Box::pin(messages(body).fuse());
    let first = match requests.next().await.transpose() {
        Ok(first) => first,
        Err(refusal) => return refused(&refusal),
    };
    // What comes later and is no request ends the requests, not the watches.
    let later = requests.take_while(|request| std::future::ready(request.is_ok()));
    let connection = Connection::new(caller.peer);
    let replies = etcd.watch(caller, connection, stream::iter(first.map(Ok)).chain(later));
    answer(stream::unfold(Some(replies), |replies| async {
        let mut replies = replies?;
        match replies.next().await {
            Ok(reply) => Some((json::line(&reply), Some(replies))),
            Err(refusal) => Some((Err(refusal), None)),
        }
    }))
    .await
}

/// Renews leases as they are named.
pub(super) async fn keep_alive(etcd: Arc<Etcd>, caller: Caller, body: Body) -> Response<Body> {
    let mut requests = Box::pin(messages::<LeaseKeepAliveRequest>(body).fuse());
    let first = match requests.next().await.transpose() {
        Ok(first) => first,
        Err(refusal) => return refused(&refusal),
    };
    let later = requests.take_while(|request| std::future::ready(request.is_ok()));
    let requests = stream::iter(first.map(Ok)).chain(later);
    answer(requests.then(move |request| {
        let (etcd, caller) = (etcd.clone(), caller.clone());
        async move { json::line(&etcd.lease_keep_alive(&caller, request?).await?) }
    }))
    .await
}

/// A snapshot, piece by piece.
pub(super) async fn snapshot(etcd: Arc<Etcd>, caller: Caller, body: Body) -> Response<Body> {
    let request = match one(body).await {
        Ok(request) => request,
        Err(refusal) => return refused(&refusal),
    };
    match etcd.snapshot(&caller, request).await {
        Err(refusal) => failed(&refusal),
        Ok(snapshot) => {
            answer(stream::unfold(Some(snapshot), |snapshot| async {
                let mut snapshot = snapshot?;
                match snapshot.next().await {
                    Ok(piece) => Some((json::line(&piece?), Some(snapshot))),
                    Err(refusal) => Some((Err(refusal), None)),
                }
            }))
            .await
        }
    }
}

/// The leaders of an election.
pub(super) async fn observe(etcd: Arc<Etcd>, caller: Caller, body: Body) -> Response<Body> {
    let request = match one(body).await {
        Ok(request) => request,
        Err(refusal) => return refused(&refusal),
    };
    match etcd.observe(&caller, request) {
        Err(refusal) => failed(&refusal),
        Ok(observing) => {
            answer(stream::unfold(Some(observing), |observing| async {
                let mut observing = observing?;
                match observing.next().await {
                    Ok(leader) => Some((json::line(&leader), Some(observing))),
                    Err(refusal) => Some((Err(refusal), None)),
                }
            }))
            .await
        }
    }
}

/// The one message of a body.
async fn one<Q: DeserializeOwned + Default>(body: Body) -> Result<Q, Refusal> {
    json::message(&read(body).await?, Code::InvalidArgument)
}

/// The messages of a body, as they come.
fn messages<Q: DeserializeOwned + Default>(body: Body) -> impl Stream<Item = Result<Q, Refusal>> + Send {
    struct Incoming {
        body: BodyDataStream,
        splitter: Splitter,
    }
    let incoming = Incoming { body: body.into_data_stream(), splitter: Splitter::default() };
    stream::unfold(Some(incoming), |incoming| async {
        let mut incoming = incoming?;
        loop {
            if let Some(value) = incoming.splitter.next() {
                return Some((json::message(&value, Code::Unknown), Some(incoming)));
            }
            if incoming.splitter.len() > ETCD_JSON_BYTES_MAX {
                return Some((Err(Refusal::REQUEST_TOO_LARGE), None));
            }
            match incoming.body.next().await {
                Some(Ok(more)) => incoming.splitter.extend(&more),
                // The client is gone.
                Some(Err(_)) => return None,
                None => {
                    let rest = incoming.splitter.rest()?;
                    return Some((json::message(&rest, Code::Unknown), None));
                }
            }
        }
    })
}

/// An answer of these lines. What fails before the first of them fails the answer.
async fn answer(lines: impl Stream<Item = Result<Vec<u8>, Refusal>> + Send + 'static) -> Response<Body> {
    let mut lines = Box::pin(lines);
    match lines.next().await {
        // Nothing was asked for.
        None => ([(header::CONTENT_TYPE, JSON)], Body::empty()).into_response(),
        Some(Err(refusal)) => failed(&refusal),
        Some(Ok(first)) => {
            let lines = stream::iter([Ok(first)]).chain(lines);
            ok(Body::from_stream(lines.map(|line| {
                Ok::<_, std::convert::Infallible>(Bytes::from(
                    line.unwrap_or_else(|refusal| json::last_line(&refusal)),
                ))
            })))
        }
    }
}

/// A stream that fails before its first line.
fn failed(refusal: &Refusal) -> Response<Body> {
    (json::status_of(refusal.code), [(header::CONTENT_TYPE, JSON)], json::last_line(refusal)).into_response()
}
