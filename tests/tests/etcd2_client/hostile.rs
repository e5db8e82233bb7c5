//! Servers that are none, or mean harm: the client says so, and takes no harm.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hyrax_client::etcd_v2::{Client, Error, Settings, WatchOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::stage::{hurried, soon};

/// Answers every request with these bytes, and then closes.
async fn saying(bytes: impl Into<Vec<u8>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bytes = bytes.into();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                _ = stream.read(&mut [0; 4096]).await;
                _ = stream.write_all(&bytes).await;
                _ = stream.shutdown().await;
                // Else what was not read would take back what was said.
                while stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {}
            });
        }
    });
    address
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nX-Etcd-Index: 7\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_etcd_is_told() {
    let nodes = format!("{}{}", "{\"nodes\":[".repeat(500), "]}".repeat(500));
    let deep = format!("{{\"action\":\"get\",\"node\":{nodes}}}");
    for body in [
        "",
        "hello",
        "{}",
        "[]",
        "null",
        "{\"action\":\"get\"}",
        "{\"action\":1,\"node\":{}}",
        "\u{0}",
        &deep,
    ] {
        let client = hurried(&[saying(answer("200 OK", body)).await]);
        let error = client.get("/a").await.unwrap_err();
        assert!(matches!(error, Error::InvalidAnswer { .. }), "{body}: {error}");
        let error = client.set("/a", "1").await.unwrap_err();
        assert!(matches!(error, Error::InvalidAnswer { .. }), "{body}: {error}");
        assert!(error.to_string().len() < 1_000, "{error}");
        assert!(client.members().await.is_err(), "{body}");
    }
    for (status, body) in
        [("404 Not Found", "404 page not found"), ("302 Found", ""), ("501 Not", "{\"message\":1}")]
    {
        let client = hurried(&[saying(answer(status, body)).await]);
        let error = client.get("/a").await.unwrap_err();
        let Error::Refused { status: told, .. } = &error else { panic!("{error}") };
        assert!(status.starts_with(&told.to_string()), "{error}");
    }
    for bytes in [
        "",
        "\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",
        "SSH-2.0-x\r\n",
        "HTTP/1.1 999999 X\r\n\r\n",
    ] {
        let client = hurried(&[saying(bytes).await]);
        let error = client.get("/a").await.unwrap_err();
        assert!(matches!(error, Error::Unreachable(_)), "{bytes}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_of_an_answer_is_taken_than_is_bounded() {
    let long = answer("200 OK", &format!("{{\"action\":\"{}\"}}", "x".repeat(100_000)));
    let endless =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", "4\r\n    \r\n".repeat(100_000));
    let head = format!("HTTP/1.1 200 OK\r\n{}", "X-Header: something\r\n".repeat(100_000));
    for bytes in [long, endless, head] {
        let address = saying(bytes).await;
        let settings = Settings::new([format!("http://{address}")]).answer_bytes_max(64 * 1024);
        let client = Client::new(settings).unwrap();
        let error = client.get("/a").await.unwrap_err();
        assert!(matches!(error, Error::InvalidAnswer { .. } | Error::Unreachable(_)), "{error}");
        let watched = soon(client.watch("/a", &WatchOptions::new().reconnect_for(Duration::ZERO))).await;
        assert!(watched.is_err(), "{watched:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_repeats_itself_is_not_believed() {
    let event = r#"{"action":"set","node":{"key":"/a","value":"1","modifiedIndex":7,"createdIndex":7}}"#;
    let client = hurried(&[saying(answer("200 OK", event)).await]);
    let options = WatchOptions::new().from(7).reconnect_for(Duration::from_millis(300));
    let mut events = client.keep_watching("/a", &options);
    let first = soon(events.next()).await.unwrap().unwrap();
    assert_eq!(first.index(), 7);
    let error = soon(events.next()).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("it tells of index 7 who waits for 8"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_every_wait_at_once_is_not_asked_all_the_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = hurried(&[listener.local_addr().unwrap()]);
    let asking = tokio::spawn(async move { client.watch("/a", &WatchOptions::new()).await });
    let (began, mut times) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(2) {
        let accepted = tokio::time::timeout(Duration::from_secs(2), listener.accept()).await;
        let Ok(Ok((mut stream, _))) = accepted else { break };
        _ = stream.read(&mut [0; 4096]).await;
        _ = stream.write_all(answer("200 OK", "").as_bytes()).await;
        times += 1;
    }
    assert!((2..20).contains(&times), "asked {times} times");
    asking.abort();
}
