//! Requests over real sockets.

use axum::body::Body;
use axum::http::{Request, Response};
use futures_util::{SinkExt, StreamExt};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::net::tests::{PATIENCE, Running, StandIn, read_until};

const WEBSOCKET: &str = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Sends one request with these headers and this body, and returns status, headers and body.
async fn ask(running: &Running, request: &str, headers: &str, body: &str) -> (u16, String, String) {
    let length = body.len();
    let answer = running
        .exchange(
            format!(
                "{request} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        )
        .await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{request}: {answer}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

#[tokio::test]
async fn pages_are_read() {
    let running = Running::plain().await;
    let (status, head, body) = ask(&running, "GET /health", "", "").await;
    assert_eq!((status, body.as_str()), (200, "{\"health\":\"true\"}\n"));
    assert!(head.contains("content-type: application/json"), "{head}");
    let (status, _, body) = ask(&running, "GET /version", "", "").await;
    let hyrax = format!("\"hyrax\":\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(status == 200 && body.contains(&hyrax) && body.contains("\"etcdserver\":\"3.5."), "{body}");
    let (status, head, body) = ask(&running, "GET /metrics", "", "").await;
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    assert!(status == 200 && body.contains("\nhyrax_keys 42\n"), "{body}");
    assert!(body.contains("\nhyrax_connections{door=\"http\"} 1\n"), "{body}");
    let received = body.lines().find_map(|line| line.strip_prefix("hyrax_received_bytes_total ")).unwrap();
    assert!(received.parse::<u64>().unwrap() > 100, "{received}");
    let (status, _, body) = ask(&running, "GET /", "", "").await;
    assert!(status == 200 && body.contains("POST /hyrax"), "{body}");
    let (status, _, body) = ask(&running, "HEAD /health", "", "").await;
    assert_eq!((status, body.as_str()), (200, ""));
}

#[tokio::test]
async fn who_refuses_writes_is_not_well() {
    let full = StandIn { disk_is_full: true, ..StandIn::default() };
    let running = Running::start(full, &["127.0.0.1:0"], None).await;
    let (status, _, body) = ask(&running, "GET /health", "", "").await;
    assert_eq!((status, body.as_str()), (503, "{\"health\":\"false\",\"reason\":\"ALARM NOSPACE\"}\n"));
}

#[tokio::test]
async fn what_is_not_there_is_told_with_what_is() {
    let running = Running::plain().await;
    for (request, status) in [
        ("GET /nowhere", 404),
        ("GET /hyrax/", 404),
        ("GET /v2", 404),
        ("PUT /hyrax", 405),
        ("POST /health", 405),
        ("BREW /health", 405),
    ] {
        let (answered, _, body) = ask(&running, request, "", "").await;
        assert_eq!(answered, status, "{request}: {body}");
        let error: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert!(error["error"].as_str().unwrap().contains("POST /hyrax"), "{request}: {body}");
    }
    let (status, head, body) = ask(&running, "GET /hyrax", "", "").await;
    assert!(
        status == 426 && head.contains("upgrade: websocket") && body.contains("WebSocket"),
        "{head}{body}"
    );
}

#[tokio::test]
async fn the_discovery_door_has_all_below_its_prefix() {
    let running = Running::plain().await;
    for path in ["/etcd/services/a%20b", "/etcd/leader", "/etcd/nowhere"] {
        let (status, _, body) = ask(&running, &format!("GET {path}"), "", "").await;
        assert!(status == 200 && body.starts_with(&format!("discovery {path} None")), "{body}");
    }
    let (status, _, _) = ask(&running, "GET /etcd/leader", "authorization: Basic ?\r\n", "").await;
    assert_eq!(status, 401);
    let (status, head, body) = ask(&running, "GET /openapi.json", "", "").await;
    assert!(status == 200 && head.contains("content-type: application/json"), "{head}");
    let document: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert!(document["paths"]["/etcd/register"]["get"].is_object(), "{body}");
}

#[tokio::test]
async fn etcds_second_api_has_its_paths() {
    let running = Running::plain().await;
    for path in ["/v2/keys/foo", "/v2/machines", "/mod/v2/lock/foo"] {
        let (status, _, body) = ask(&running, &format!("PUT {path}"), "", "").await;
        assert!(status == 200 && body.starts_with(&format!("etcd2 {path} None")), "{body}");
    }
    // Who shows what can not be understood shows nothing good.
    let (_, _, body) = ask(&running, "GET /v2/keys/foo", "authorization: Basic ?\r\n", "").await;
    assert!(body.contains("Some(Bearer(..))"), "{body}");
}

#[tokio::test]
async fn the_gateway_has_every_version_and_takes_a_bare_token() {
    let running = Running::plain().await;
    for path in ["/v3/kv/range", "/v3beta/kv/put", "/v3alpha/watch", "/v3/", "/v3/nowhere"] {
        let (status, _, body) = ask(&running, &format!("POST {path}"), "authorization: abc\r\n", "{}").await;
        assert!(status == 200 && body.starts_with(&format!("gateway {path} Some(Bearer(..))")), "{body}");
    }
    let (status, ..) = ask(&running, "POST /v3/kv/range", "authorization: Digest a\r\n", "{}").await;
    assert_eq!(status, 401);
    let (status, ..) = ask(&running, "POST /v3/kv/range", "origin: https://evil.example\r\n", "{}").await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn commands_are_posted_up_to_a_frame() {
    let mut stand_in = StandIn::default();
    stand_in.limits.max_frame = 1024;
    let running = Running::start(stand_in, &["127.0.0.1:0"], None).await;
    let (status, _, body) = ask(&running, "POST /hyrax", "", "[1]").await;
    assert_eq!((status, body.as_str()), (200, "post from=tcp tls=false sudo=true None [1]"));

    let largest = "x".repeat(1024);
    let (status, _, body) = ask(&running, "POST /hyrax", "", &largest).await;
    assert!(status == 200 && body.ends_with(&largest));
    let (status, _, body) = ask(&running, "POST /hyrax", "", &(largest.clone() + "x")).await;
    assert_eq!(status, 413);
    assert_eq!(body, "{\"error\":\"the body is longer than 1024 bytes (max_frame)\"}\n");
    let chunked = format!(
        "POST /hyrax HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
         400\r\n{largest}\r\n400\r\n{largest}\r\n0\r\n\r\n"
    );
    let answer = running.exchange(chunked.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn who_posts_is_passed_on() {
    let running = Running::plain().await;
    let (_, _, body) = ask(&running, "POST /hyrax", "authorization: Basic YTpiOmM=\r\n", "").await;
    assert!(body.contains("Some(Basic { name: \"a\", .. })"), "{body}");
    let (_, _, body) = ask(&running, "POST /hyrax", "authorization: bearer t\r\n", "").await;
    assert!(body.contains("Some(Bearer(..))"), "{body}");
    for bad in ["authorization: Basic ?\r\n", "authorization: Bearer a\r\nauthorization: Bearer b\r\n"] {
        let (status, head, body) = ask(&running, "POST /hyrax", bad, "").await;
        assert!(
            status == 401 && head.contains("www-authenticate: basic") && body.contains("error"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_page_from_elsewhere_is_refused_while_nobody_needs_a_secret() {
    let running = Running::plain().await;
    for origin in ["https://evil.example", "null", "http://localhost.evil.example"] {
        let header = format!("origin: {origin}\r\n");
        for request in ["POST /hyrax", "GET /metrics", "OPTIONS /hyrax", "GET /nowhere"] {
            let (status, head, body) = ask(&running, request, &header, "").await;
            assert!(status == 403 && body.contains("allowed_origins"), "{origin} {request}: {body}");
            assert!(!head.contains("access-control"), "{head}");
        }
        let (status, ..) = ask(&running, "GET /hyrax", &format!("{header}{WEBSOCKET}"), "").await;
        assert_eq!(status, 403, "{origin}");
    }
    let two = "origin: http://localhost\r\norigin: https://evil.example\r\n";
    assert_eq!(ask(&running, "POST /hyrax", two, "").await.0, 403);

    let locked = Running::start(StandIn { auth: true, ..StandIn::default() }, &["127.0.0.1:0"], None).await;
    let (status, head, body) = ask(&locked, "POST /hyrax", "origin: https://evil.example\r\n", "").await;
    assert!(status == 200 && body.contains("sudo=false"), "{body}");
    assert!(!head.contains("access-control"), "such a page may ask, but not read: {head}");
}

#[tokio::test]
async fn a_known_page_is_served_and_may_read_the_answer() {
    let running = Running::plain().await;
    for origin in ["http://localhost:3000", "https://friend.example"] {
        let header = format!("origin: {origin}\r\n");
        let (status, head, body) = ask(&running, "POST /hyrax", &header, "").await;
        assert!(status == 200 && body.contains("sudo=false"), "{body}");
        assert!(head.contains(&format!("access-control-allow-origin: {origin}\r\n")), "{head}");
        let preflight = format!("{header}access-control-request-method: POST\r\n");
        let (status, head, _) = ask(&running, "OPTIONS /hyrax", &preflight, "").await;
        assert!(status == 204 && head.contains("access-control-allow-headers: authorization"), "{head}");
    }
}

#[tokio::test]
async fn a_request_through_a_proxy_has_no_rights_by_its_address() {
    let running = Running::plain().await;
    for header in ["forwarded: for=1.2.3.4\r\n", "x-forwarded-for: 1.2.3.4\r\n", "x-forwarded-for:\r\n"] {
        let (_, _, body) = ask(&running, "POST /hyrax", header, "").await;
        assert!(body.contains("sudo=false"), "{header}{body}");
    }
}

#[tokio::test]
async fn a_websocket_takes_frames_up_to_the_limit_and_keeps_its_place() {
    let mut stand_in = StandIn::default();
    stand_in.limits.max_frame = 1024;
    let running = Running::start(stand_in, &["127.0.0.1:0"], None).await;
    let url = format!("ws://{}/hyrax", running.address());
    let mut request = url.as_str().into_client_request().unwrap();
    request.headers_mut().insert("origin", "http://localhost".parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::client_async(request, running.connect().await).await.unwrap();
    socket.send(Message::text("[1]")).await.unwrap();
    let answer = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(answer.into_text().unwrap().as_str(), "websocket from=tcp tls=false sudo=false [1]");
    let metrics = || running.stand_in.metrics.render(&Default::default());
    assert!(metrics().contains("hyrax_connections{door=\"websocket\"} 1\n"));

    socket.send(Message::text("x".repeat(1024))).await.unwrap();
    assert!(timeout(PATIENCE, socket.next()).await.unwrap().unwrap().is_ok());
    // What is up to twice too long is the door's to refuse; beyond that nobody reads it.
    socket.send(Message::text("x".repeat(2049))).await.unwrap();
    let end = timeout(PATIENCE, socket.next()).await.unwrap();
    assert!(!matches!(end, Some(Ok(Message::Text(_)))), "{end:?}");
    drop(socket);
    let start = std::time::Instant::now();
    while !metrics().contains("hyrax_connections{door=\"websocket\"} 0\n") {
        assert!(start.elapsed() < PATIENCE);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    // The client library is told by a status, not by a broken handshake.
    let refused = url.replace("/hyrax", "/nowhere");
    let refused = tokio_tungstenite::client_async(refused, running.connect().await).await;
    assert!(matches!(refused, Err(tungstenite::Error::Http(response)) if response.status() == 404));
}

/// One request over HTTP/2.
async fn ask_http_2(running: &Running, request: Request<Body>) -> Response<Incoming> {
    let io = TokioIo::new(running.connect().await);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap()
}

#[tokio::test]
async fn http_2_serves_the_same_and_leads_calls_to_their_door() {
    let running = Running::plain().await;
    let post = Request::post("http://a/hyrax").body(Body::from("[1]")).unwrap();
    let answer = ask_http_2(&running, post).await;
    assert_eq!(answer.status(), 200);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "post from=tcp tls=false sudo=true None [1]");

    let call = Request::post("http://a/etcdserverpb.KV/Range")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::from(&b"\0\0\0\0\0"[..]))
        .unwrap();
    let answer = ask_http_2(&running, call).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/grpc");
    assert_eq!(answer.headers()["grpc-status"], "12");
    assert!(
        answer.headers()["grpc-message"]
            .to_str()
            .unwrap()
            .contains("the gRPC door at /etcdserverpb.KV/Range")
    );
    assert!(answer.into_body().collect().await.unwrap().to_bytes().is_empty());
}

#[tokio::test]
async fn a_head_beyond_its_bounds_is_refused() {
    let running = Running::plain().await;
    let many: String = (0..101).map(|header| format!("x{header}: y\r\n")).collect();
    let (status, ..) = ask(&running, "GET /health", &many, "").await;
    assert_eq!(status, 431);
    let mut stream = running.connect().await;
    let head = format!("GET /health HTTP/1.1\r\nhost: a\r\nx: {}", "y".repeat(300_000));
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(read_until(&mut stream, "\r\n").await, "HTTP/1.1 431 Request Header Fields Too Large\r\n");
}

#[tokio::test]
async fn requests_follow_each_other_on_one_connection() {
    let running = Running::plain().await;
    let mut stream = running.connect().await;
    let request = "GET /version HTTP/1.1\r\nhost: a\r\n\r\n";
    stream.write_all(request.repeat(3).as_bytes()).await.unwrap();
    for _ in 0..3 {
        let answer = read_until(&mut stream, "}\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
}
