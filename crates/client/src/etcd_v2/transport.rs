//! Requests over HTTP to one of several servers, and their answers, of which no more is taken than is bounded.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as HttpClient, Error as HttpError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use super::ask::{Ask, Patience};
use super::endpoint::{Endpoint, Endpoints, Parsed};
use super::error::{Attempt, Error, Failure, Result};
use super::settings::Settings;

/// A server that is gone without a word is noticed after some 30 seconds, also by who waits for an event.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(15);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);
const KEEPALIVE_PROBES: u32 = 3;

/// How long a connection that nobody uses is kept: shorter than servers do, as a request that meets the server's closing
/// of it may or may not have been seen.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// How much of an answer that cannot be understood is shown.
const SHOWN_CHARS: usize = 200;

/// Connections to servers, and the order to ask them in.
#[derive(Debug)]
pub(super) struct Transport {
    http: HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    pub(super) endpoints: Endpoints,
    authorization: Option<HeaderValue>,
    attempt_timeout: Duration,
    total_timeout: Duration,
    answer_bytes_max: usize,
}

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) endpoint: Endpoint,
    pub(super) status: u16,
    /// The store's index.
    pub(super) index: u64,
    pub(super) cluster_id: String,
    pub(super) body: Bytes,
    /// What of the body is still to come, where only the head was waited for.
    pub(super) rest: Option<Rest>,
}

/// The body of an answer, on its way.
#[derive(Debug)]
pub(super) struct Rest {
    incoming: Incoming,
    bytes_max: usize,
}

/// Why one server gave no answer.
enum Unanswered {
    Failed(Failure),
    Invalid(String),
}

impl Transport {
    pub(super) fn new(settings: Settings) -> Result<Transport> {
        let mut endpoints = Vec::new();
        let mut credentials = settings.credentials;
        for text in &settings.endpoints {
            let parsed = Parsed::read(text)?;
            credentials = credentials.or(parsed.credentials);
            endpoints.push(parsed.endpoint);
        }
        if endpoints.is_empty() {
            return Err(Error::Settings("no endpoint is named; write http://HOST:PORT".to_owned()));
        }
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(settings.connect_timeout));
        tcp.set_keepalive(Some(KEEPALIVE_AFTER));
        tcp.set_keepalive_interval(Some(KEEPALIVE_EVERY));
        tcp.set_keepalive_retries(Some(KEEPALIVE_PROBES));
        let tls = HttpsConnectorBuilder::new().with_tls_config(settings.tls.config()?);
        let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .build(connector);
        Ok(Transport {
            http,
            endpoints: Endpoints::new(endpoints),
            authorization: credentials.map(|(name, password)| basic(&name, &password)).transpose()?,
            attempt_timeout: settings.attempt_timeout,
            total_timeout: settings.total_timeout,
            answer_bytes_max: settings.answer_bytes_max,
        })
    }

    /// Asks one server after the other until one answers. A request that changes something goes to the next only
    /// where the one before certainly has not seen it.
    pub(super) async fn ask(&self, ask: &Ask) -> Result<Answer> {
        if ask.patience == Patience::Unbounded {
            return self.ask_in_order(ask).await;
        }
        let answered = timeout(self.total_timeout, self.ask_in_order(ask)).await;
        answered.unwrap_or(Err(Error::TimedOut(self.total_timeout)))
    }

    async fn ask_in_order(&self, ask: &Ask) -> Result<Answer> {
        let mut attempts = Vec::new();
        // The best of what was heard, should nobody do better: that a server fails, or makes no sense.
        let mut heard = None;
        for endpoint in self.endpoints.in_order() {
            match self.ask_one(&endpoint, ask).await {
                Ok(answer) if ask.is_reading() && answer.status >= 500 => heard = Some(Ok(answer)),
                Ok(answer) => {
                    self.endpoints.prefer(&endpoint);
                    return Ok(answer);
                }
                Err(Unanswered::Invalid(reason)) => {
                    let error = Error::InvalidAnswer { endpoint: endpoint.to_string(), reason };
                    if !ask.is_reading() {
                        self.endpoints.leave(&endpoint);
                        return Err(error);
                    }
                    heard = heard.or(Some(Err(error)));
                }
                Err(Unanswered::Failed(failure)) => {
                    attempts.push(Attempt { endpoint: endpoint.to_string(), failure });
                    self.endpoints.leave(&endpoint);
                    if !ask.is_reading() && !attempts.last().is_some_and(Attempt::is_unsent) {
                        break;
                    }
                }
            }
        }
        heard.unwrap_or(Err(Error::Unreachable(attempts)))
    }

    async fn ask_one(&self, endpoint: &Endpoint, ask: &Ask) -> Result<Answer, Unanswered> {
        let asked = async {
            let head = self.http.request(self.request(endpoint, ask)?).await;
            let (head, incoming) = head.map_err(|error| Unanswered::Failed(failure(&error)))?.into_parts();
            let mut answer = Answer {
                endpoint: endpoint.clone(),
                status: head.status.as_u16(),
                index: number(&head.headers, "x-etcd-index"),
                cluster_id: text(&head.headers, "x-etcd-cluster-id"),
                body: Bytes::new(),
                rest: None,
            };
            let rest = Rest { incoming, bytes_max: self.answer_bytes_max };
            if ask.patience == Patience::Head && answer.status == 200 {
                answer.rest = Some(rest);
            } else {
                answer.body = rest.whole().await?;
            }
            Ok(answer)
        };
        if ask.patience == Patience::Unbounded {
            return asked.await;
        }
        let answered = timeout(self.attempt_timeout, asked).await;
        answered.unwrap_or(Err(Unanswered::Failed(Failure::Silent(self.attempt_timeout))))
    }

    fn request(&self, endpoint: &Endpoint, ask: &Ask) -> Result<Request<Full<Bytes>>, Unanswered> {
        let uri: Result<Uri, _> = format!("{endpoint}{}", ask.target).parse();
        // A path longer than any server takes is the one way in which it may not be a URL.
        let uri = uri.map_err(|error| Unanswered::Invalid(format!("it cannot be asked: {error}")))?;
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = uri;
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        if let Some(form) = &ask.form {
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            request.headers_mut().insert(CONTENT_TYPE, kind);
            *request.body_mut() = Full::new(Bytes::from(form.clone()));
        }
        Ok(request)
    }
}

impl Answer {
    /// An answer that makes no sense.
    pub(super) fn invalid(&self, reason: impl Into<String>) -> Error {
        Error::InvalidAnswer { endpoint: self.endpoint.to_string(), reason: reason.into() }
    }

    /// The beginning of the body, for somebody to read.
    pub(super) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().chars().take(SHOWN_CHARS).collect()
    }
}

impl Rest {
    /// All that is to come.
    async fn whole(mut self) -> Result<Bytes, Unanswered> {
        let mut body = BytesMut::new();
        while let Some(frame) = self.incoming.frame().await {
            let frame = frame.map_err(|error| Unanswered::Failed(Failure::Broken(innermost(&error))))?;
            let Ok(data) = frame.into_data() else { continue };
            if body.len() + data.len() > self.bytes_max {
                return Err(Unanswered::Invalid(format!(
                    "its answer is longer than {} bytes",
                    self.bytes_max
                )));
            }
            body.extend_from_slice(&data);
        }
        Ok(body.freeze())
    }

    /// All that is to come from this server.
    pub(super) async fn whole_from(self, endpoint: &Endpoint) -> Result<Bytes> {
        self.whole().await.map_err(|unanswered| match unanswered {
            Unanswered::Failed(failure) => {
                Error::Unreachable(vec![Attempt { endpoint: endpoint.to_string(), failure }])
            }
            Unanswered::Invalid(reason) => Error::InvalidAnswer { endpoint: endpoint.to_string(), reason },
        })
    }
}

fn basic(name: &str, password: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))))
        .map_err(|_| Error::Settings("the name and password cannot be sent".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn failure(error: &HttpError) -> Failure {
    match error.is_connect() {
        true => Failure::Connect(innermost(error)),
        false => Failure::Broken(innermost(error)),
    }
}

/// What it comes from at last, which is what says something.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn number(headers: &HeaderMap, name: &str) -> u64 {
    text(headers, name).parse().unwrap_or(0)
}
