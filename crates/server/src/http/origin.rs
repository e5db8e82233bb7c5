//! Which browser pages may talk to the server, and what a request may be believed about its sender.
//!
//! A page of any site can make its reader's browser send requests to the reader's own machine. While
//! the server needs no secret, only the page's origin, which the browser adds, tells them apart.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Arrival, json};
use crate::net::Doors;

/// Whose presence shows that the connection's address is not that of who speaks: a browser speaks for a
/// page, a proxy for its clients.
const SPEAKS_FOR_OTHERS: [&str; 3] = ["origin", "forwarded", "x-forwarded-for"];

pub(super) async fn check<D: Doors>(
    State(doors): State<Arc<D>>,
    mut request: Request,
    next: Next,
) -> Response {
    if SPEAKS_FOR_OTHERS.iter().any(|name| request.headers().contains_key(*name))
        && let Some(arrival) = request.extensions_mut().get_mut::<Arrival>()
    {
        arrival.peer.may_sudo = false;
    }
    let origins: Vec<_> = request.headers().get_all(header::ORIGIN).into_iter().cloned().collect();
    let Some(origin) = origins.first() else { return next.run(request).await };
    let known = origins.iter().all(|origin| is_known(origin, &*doors));
    if !known && !doors.auth_enabled() {
        let message = format!(
            "the origin {} is not allowed; add it to allowed_origins, or set a secret",
            origin.as_bytes().escape_ascii()
        );
        return json::error(StatusCode::FORBIDDEN, &message);
    }
    let mut response = match preflight(&request) {
        Some(response) if known => response,
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if known {
        // Else the page could send, but not read the answer.
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    response
}

/// The answer to a browser that asks what a page may send.
fn preflight(request: &Request) -> Option<Response> {
    let asks = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    asks.then(|| {
        let mut headers = HeaderMap::new();
        headers
            .insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PUT, DELETE"));
        let allowed = HeaderValue::from_static("authorization, content-type");
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        (StatusCode::NO_CONTENT, headers).into_response()
    })
}

fn is_known(origin: &HeaderValue, doors: &impl Doors) -> bool {
    origin.to_str().is_ok_and(|origin| is_loopback(origin) || doors.allows_origin(origin))
}

/// Whether an origin (`scheme://host[:port]`) is a page of this machine.
fn is_loopback(origin: &str) -> bool {
    let Some((_, authority)) = origin.split_once("://") else { return false };
    if let Some(rest) = authority.strip_prefix('[') {
        return rest
            .split_once(']')
            .is_some_and(|(host, port)| is_port(port) && host.parse() == Ok(Ipv6Addr::LOCALHOST));
    }
    let (host, port) = authority.find(':').map_or((authority, ""), |colon| authority.split_at(colon));
    is_port(port)
        && (host.eq_ignore_ascii_case("localhost")
            || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback()))
}

/// Whether this is what may follow a host: nothing, or a colon and a number.
fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for origin in [
            "http://localhost",
            "https://LOCALHOST:8443",
            "http://127.0.0.1:3000",
            "http://[::1]:1",
            "http://[::1]",
        ] {
            assert!(is_loopback(origin), "{origin}");
        }
        for origin in [
            "null",
            "",
            "http://localhost.example.org",
            "http://example.org:80",
            "http://127.0.0.1.example.org",
            "http://127.0.0.1:x",
            "http://localhost:1@example.org",
            "http://[::2]",
            "http://[::1].example.org",
            "http://10.0.0.1",
        ] {
            assert!(!is_loopback(origin), "{origin}");
        }
    }
}
