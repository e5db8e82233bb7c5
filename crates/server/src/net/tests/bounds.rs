//! What clients may use, and what becomes of those that misbehave.

use std::io::ErrorKind;
use std::time::Instant;

use socket2::SockRef;

use super::*;

fn connections(running: &Running, door: &str) -> u64 {
    let text = running.stand_in.metrics.render(&Gauges::default());
    let series = format!("hyrax_connections{{door=\"{door}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
}

/// Waits until something holds.
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_so() {
    let mut stand_in = StandIn::default();
    stand_in.limits.max_connections = 2;
    let running = Running::start(stand_in, &["127.0.0.1:0", "127.0.0.1:0"], None).await;
    let mut first = running.connect().await;
    first.write_all(b"[]").await.unwrap();
    read_until(&mut first, "[]").await;
    let _second = running.connect().await;
    eventually("the second is accepted", || connections(&running, "undecided") == 1).await;
    assert_eq!(connections(&running, "line"), 1);

    let refused = running.exchange(b"GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(refused, "{\"error\":\"too many connections (limit 2)\"}\n");
    assert!(running.stand_in.metrics.render(&Gauges::default()).contains("connections_refused_total 1\n"));

    drop(first);
    eventually("the first's place is free", || connections(&running, "line") == 0).await;
    let mut third = running.connect().await;
    third.write_all(b"[3]").await.unwrap();
    read_until(&mut third, "[3]").await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_may_stay_and_one_that_does_not_finish_its_line_may_not() {
    let running = Running::plain().await;
    let mut silent = running.connect().await;
    let mut blank = running.connect().await;
    blank.write_all(b"\r\n  \n").await.unwrap();
    let mut unfinished = running.connect().await;
    unfinished.write_all(b"GET / HT").await.unwrap();
    let answer = read_to_end(&mut unfinished).await;
    assert_eq!(answer, "{\"error\":\"the first line took longer than 30 seconds\"}\n");

    tokio::time::sleep(Duration::from_secs(3600)).await;
    for stream in [&mut silent, &mut blank] {
        let nothing = stream.try_read(&mut [0]).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        stream.write_all(b"[]").await.unwrap();
        read_until(stream, "[]").await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_http_head_that_does_not_end_is_not_waited_for() {
    let running = Running::plain().await;
    let mut stream = running.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nx: ").await.unwrap();
    let start = tokio::time::Instant::now();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    let waited = start.elapsed().as_secs();
    assert!((50..=70).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_is_not_waited_for() {
    let running = Running::plain().await;
    let mut stream = running.connect().await;
    stream.write_all(b"POST /hyrax HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{").await.unwrap();
    let answer = read_until(&mut stream, "\r\n").await;
    assert_eq!(answer, "HTTP/1.1 408 Request Timeout\r\n");
}

#[tokio::test]
async fn a_connection_is_probed_so_that_a_vanished_peer_is_found_in_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (_client, (stream, _)) = (client.unwrap(), accepted.unwrap());
    super::super::accept::prepare(&stream, Duration::from_secs(30)).unwrap();
    let socket = SockRef::from(&stream);
    assert!(socket.keepalive().unwrap() && socket.tcp_nodelay().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(7));
    assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(2));
    assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
    #[cfg(target_os = "linux")]
    assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(15)));
}

#[tokio::test]
async fn a_stop_ends_idle_connections_and_waits_for_the_others() {
    let running = Running::plain().await;
    let mut silent = running.connect().await;
    let mut line = running.connect().await;
    line.write_all(b"[]").await.unwrap();
    read_until(&mut line, "[]").await;
    let mut http = running.connect().await;
    http.write_all(b"GET /version HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    read_until(&mut http, "}\n").await;
    eventually("the silent one is accepted", || connections(&running, "undecided") == 1).await;

    let address = running.address();
    assert_eq!(running.stop().await, 0);
    for stream in [&mut silent, &mut line, &mut http] {
        assert_eq!(read_to_end(stream).await, "");
    }
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let running = Running::plain().await;
    let mut stream = running.connect().await;
    stream.write_all(b"POST /hyrax HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{").await.unwrap();
    eventually("the request is under way", || connections(&running, "http") == 1).await;
    // Its head may be under way still, in which case it is taken for idle.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(running.stop().await, 1);
}

#[tokio::test]
async fn a_client_that_does_not_read_its_refusal_holds_nothing_for_long() {
    let running = Running::plain().await;
    let mut stream = running.connect().await;
    stream.write_all(b"PING\r\n").await.unwrap();
    read_until(&mut stream, "\r\n").await;
    assert_eq!(connections(&running, "resp"), 1);
    eventually("the server gives up", || connections(&running, "resp") == 0).await;
}

/// What each connection costs while it is idle, beside what its door keeps.
#[tokio::test]
async fn a_plain_connection_does_not_pay_for_tls_or_http() {
    let stand_in = Arc::new(StandIn::default());
    let shutdown = CancellationToken::new();
    let connections = Arc::new(super::super::connection::Connections::new(stand_in, None, shutdown));
    let (stream, _other_end) = tokio::net::UnixStream::pair().unwrap();
    let peer = Peer { address: PeerAddress::Unix, local: None, tls: false, may_sudo: true };
    let seat = Arc::new(connections.seats.take(1).unwrap());
    let open = crate::config::DoorSet::ALL;
    let served = super::super::connection::serve(connections, Stream::Unix(stream), peer, seat, open);
    let bytes = size_of_val(&served);
    assert!(bytes <= 1088, "{bytes} bytes");
}
