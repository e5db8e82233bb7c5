//! Each protocol reaches its door, however its bytes arrive.

use tokio::io::AsyncWriteExt;

use super::*;

/// Checks that `bytes` are answered with something that begins so, at once and byte by byte.
async fn check(running: &Running, bytes: &[u8], answer: &str) {
    let mut whole = running.connect().await;
    whole.write_all(bytes).await.unwrap();
    let mut trickled = running.connect().await;
    trickled.set_nodelay(true).unwrap();
    trickle(&mut trickled, bytes).await;
    for stream in [&mut whole, &mut trickled] {
        let answered = read_until(stream, &answer[answer.len() - 1..]).await;
        let mut answered = answered;
        while answered.len() < answer.len() {
            answered += &read_until(stream, &answer[answer.len() - 1..]).await;
        }
        assert_eq!(answered, answer, "{}", bytes.escape_ascii());
    }
}

#[tokio::test]
async fn the_line_door_is_reached_by_a_brace_or_a_bracket() {
    let running = Running::plain().await;
    let start = "line from=tcp tls=false sudo=true\n";
    check(&running, b"{\"cmd\":\"x\"}\n", &format!("{start}{{\"cmd\":\"x\"}}\n")).await;
    check(&running, b"\r\n \t[1]\n", &format!("{start}[1]\n")).await;
    check(&running, b"{{{ broken\n", &format!("{start}{{{{{{ broken\n")).await;
}

#[tokio::test]
async fn http_is_reached_by_a_request_line() {
    let running = Running::plain().await;
    for request in ["GET /version HTTP/1.1\r\nhost: a\r\n\r\n", "\r\nGET /version HTTP/1.0\r\n\r\n"] {
        let version = request.split_whitespace().nth(2).unwrap();
        check(&running, request.as_bytes(), &format!("{version} 200 OK\r\n")).await;
    }
}

#[tokio::test]
async fn http_2_is_reached_by_its_preface() {
    let running = Running::plain().await;
    // The preface and an empty SETTINGS frame. The server's SETTINGS come back: type 4, stream 0.
    let bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for slow in [false, true] {
        let mut stream = running.connect().await;
        if slow {
            trickle(&mut stream, bytes).await;
        } else {
            stream.write_all(bytes).await.unwrap();
        }
        let mut header = [0; 9];
        timeout(PATIENCE, stream.read_exact(&mut header)).await.unwrap().unwrap();
        assert_eq!((header[3], &header[5..]), (4, &[0; 4][..]), "{header:?}");
    }
}

#[tokio::test]
async fn all_else_is_resp() {
    let running = Running::plain().await;
    let answer = "+the RESP door\r\n";
    for command in
        ["*1\r\n$4\r\nPING\r\n", "PING\r\n", "PUBLISH a b\r\n", "PUT a\r\n", "POST\r\n", "SET a HTTP/1.1\r\n"]
    {
        check(&running, command.as_bytes(), answer).await;
        // And it is closed, but only after the answer was read, whatever else was sent.
        assert_eq!(running.exchange(command.repeat(1000).as_bytes()).await, answer);
    }
}

#[tokio::test]
async fn a_shut_door_says_so_in_its_own_protocol() {
    let listeners = ["127.0.0.1:0?doors=line", "127.0.0.1:0?doors=http,resp"];
    let mut running = Running::start(StandIn::default(), &listeners, None).await;
    let answer = running.exchange(b"PING\r\n").await;
    assert_eq!(answer, "-ERR the RESP door is not open on this listener, which opens line\r\n");
    let answer = running.exchange(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 421 Misdirected Request\r\n"), "{answer}");
    assert!(
        answer.ends_with("{\"error\":\"the http door is not open on this listener, which opens line\"}\n"),
        "{answer}"
    );
    let call =
        b"POST /a/B HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc\r\nconnection: close\r\n\r\n";
    let answer = running.exchange(call).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("grpc-status: 12\r\n"), "{answer}");
    assert!(answer.contains("grpc-message: the gRPC door is not open on this listener"), "{answer}");

    running.addresses.remove(0);
    let answer = running.exchange(b"{\"cmd\":\"get\"}\n").await;
    let line = "{\"error\":\"the line door is not open on this listener, which opens http,resp\"}\n";
    assert_eq!(answer, line);
}

#[tokio::test]
async fn tls_without_a_certificate_is_refused_in_its_own_protocol() {
    let running = Running::plain().await;
    let mut stream = running.connect().await;
    stream.write_all(b"\x16\x03\x01\x00\x05hello").await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer, [0x15, 3, 1, 0, 2, 2, 40]);
}

#[tokio::test]
async fn an_endless_first_line_is_refused_by_the_door_it_looks_like() {
    let running = Running::plain().await;
    let answer = running.exchange(format!("SET a {}", "x".repeat(9000)).as_bytes()).await;
    assert_eq!(answer, "+the RESP door\r\n");
    let answer = running.exchange(format!("GET /{}", "x".repeat(300_000)).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}
