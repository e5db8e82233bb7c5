//! Against a library's client, which minds windows and order.

use axum::body::Body as Content;
use axum::http::Request;
use http_body_util::BodyExt;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;

async fn connect(stream_window: u32, connection_window: u32) -> (SendRequest<Content>, Running) {
    let (client, running) = start();
    let mut builder = Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(stream_window).initial_connection_window_size(connection_window);
    let (sender, connection) = builder.handshake(TokioIo::new(client)).await.unwrap();
    tokio::spawn(connection);
    (sender, running)
}

async fn echoed(mut sender: SendRequest<Content>, body: Vec<u8>) {
    let request = Request::post("http://a/echo").body(Content::from(body.clone())).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.into_body().collect().await.unwrap().to_bytes() == body, "{} bytes", body.len());
}

async fn all_echoed(sender: &SendRequest<Content>, lengths: impl Iterator<Item = usize>) {
    let calls = lengths.enumerate().map(|(number, length)| {
        let body: Vec<u8> = (0..length).map(|place| (place * 31 + number) as u8).collect();
        tokio::spawn(timeout(PATIENCE, echoed(sender.clone(), body)))
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap().expect("it is answered");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_all_sizes_go_both_ways_at_one_time() {
    let (sender, _running) = connect(64 * 1024, 1024 * 1024).await;
    all_echoed(&sender, (0..300).map(|number| number * number * 5)).await;
    // On the same connection, whose windows must be whole again.
    all_echoed(&sender, (0..5).map(|_| 3_000_000)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn narrow_windows_are_kept_to() {
    let (sender, _running) = connect(100, 70_000).await;
    all_echoed(&sender, (0..60).map(|number| number * 700)).await;
}

#[tokio::test]
async fn what_is_answered_whole_has_its_trailers() {
    let (mut sender, _running) = connect(1_000, 65_535).await;
    for length in [0, 1, 999, 1_000, 1_001, 16_384, 16_385, 200_000] {
        let request = Request::get(format!("http://a/bytes/{length}")).body(Content::empty()).unwrap();
        let body = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["x-end"], "here");
        assert_eq!(body.to_bytes().len(), length);
    }
    let request = Request::get("http://a/nothing").body(Content::empty()).unwrap();
    assert!(
        sender
            .send_request(request)
            .await
            .unwrap()
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .is_empty()
    );
}

#[tokio::test]
async fn at_the_end_what_is_under_way_is_answered_and_nothing_more_is_taken() {
    let (mut sender, running) = connect(65_535, 65_535).await;
    let late = sender.send_request(Request::get("http://a/late").body(Content::empty()).unwrap());
    let late = tokio::spawn(late);
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    running.shutdown.cancel();
    let body = late.await.unwrap().unwrap().into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "late");
    timeout(PATIENCE, running.served).await.expect("the connection ends").unwrap().unwrap();
    assert!(timeout(PATIENCE, sender.ready()).await.unwrap().is_err());
}

#[tokio::test]
async fn who_gives_a_request_up_ends_it() {
    let (sender, running) = connect(65_535, 65_535).await;
    for _ in 0..3_000 {
        let mut sender = sender.clone();
        let silent = sender.send_request(Request::get("http://a/silent").body(Content::empty()).unwrap());
        drop(timeout(std::time::Duration::from_micros(300), silent).await);
    }
    // More than may be open at one time were.
    timeout(PATIENCE, echoed(sender, b"still here".to_vec())).await.unwrap();
    drop(running);
}

#[tokio::test]
async fn a_client_that_goes_ends_what_it_waited_for_at_once() {
    let (mut client, running) = send(&request(1, "/silent", true)).await;
    client.shutdown().await.unwrap();
    timeout(PATIENCE, running.served).await.expect("the connection ends").unwrap().unwrap();
    let (client, running) = send(&request(1, "/silent", false)).await;
    drop(client);
    _ = timeout(PATIENCE, running.served).await.expect("the connection ends").unwrap();
}
