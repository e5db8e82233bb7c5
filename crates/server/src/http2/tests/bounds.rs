//! Clients that want to cost more than they pay.

use hyrax_types::limits::{HTTP2_RESETS_PER_SECOND_MAX, HTTP2_STREAMS_MAX};

use super::*;

/// The reason that the connection ends for.
async fn end(client: &mut UnixStream) -> u32 {
    loop {
        let (head, payload) = next(client).await;
        if head.kind == kind::GOAWAY {
            return u32::from_be_bytes(payload[4..].try_into().unwrap());
        }
    }
}

const CALM: u32 = 11;

#[tokio::test]
async fn streams_opened_and_broken_off_without_end_end_the_connection() {
    let streams = (0..HTTP2_RESETS_PER_SECOND_MAX * 3).map(|number| number * 2 + 1);
    let reset: Vec<u8> = streams
        .clone()
        .flat_map(|id| [request(id, "/silent", true), frame(kind::RST_STREAM, 0, id, &[0; 4])].concat())
        .collect();
    // By what the server has to break off, too.
    let broken: Vec<u8> = streams
        .flat_map(|id| [request(id, "/silent", true), frame(kind::WINDOW_UPDATE, 0, id, &[0; 4])].concat())
        .collect();
    for bytes in [reset, broken] {
        let (client, _running) = send(&[]).await;
        let (mut reader, mut writer) = client.into_split();
        tokio::spawn(async move { writer.write_all(&bytes).await });
        let mut answer = Vec::new();
        timeout(PATIENCE, reader.read_to_end(&mut answer)).await.unwrap().unwrap();
        assert!(answer.ends_with(&CALM.to_be_bytes()), "{} bytes", answer.len());
    }
}

#[tokio::test]
async fn more_streams_than_may_be_are_refused() {
    let (client, _running) = send(&[]).await;
    let (mut reader, mut writer) = client.into_split();
    let bytes: Vec<u8> =
        (0..HTTP2_STREAMS_MAX + 1).flat_map(|id| request(id * 2 + 1, "/silent", true)).collect();
    tokio::spawn(async move {
        writer.write_all(&bytes).await.unwrap();
        pending::<()>().await;
    });
    let refused = frame(kind::RST_STREAM, 0, HTTP2_STREAMS_MAX * 2 + 1, &7u32.to_be_bytes());
    let mut answer = Vec::new();
    while !answer.ends_with(&refused) {
        let mut some = [0; 100];
        let read = timeout(PATIENCE, reader.read(&mut some)).await.expect("it is refused").unwrap();
        answer.extend_from_slice(&some[..read]);
    }
}

#[tokio::test]
async fn a_head_without_end_ends_the_connection() {
    for more in [&[][..], &[0x82; 10_000]] {
        let head = frame(kind::HEADERS, 0, 1, &[]);
        let (mut client, _running) =
            send(&[head, frame(kind::CONTINUATION, 0, 1, more).repeat(40)].concat()).await;
        assert_eq!(end(&mut client).await, CALM);
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_alone() {
    // One field in the table, named again and again.
    let mut large = block("/bytes/1");
    large.extend_from_slice(&[0x40, 1, b'a', 0x7f, 0x81, 0x1e]);
    large.extend_from_slice(&[b'v'; 127 + 1 + (30 << 7)]);
    large.extend_from_slice(&[0xbe; 100]);
    let (mut client, _running) = send(&frame(kind::HEADERS, 5, 1, &large)).await;
    let (head, payload) = next(&mut client).await;
    assert_eq!((head.flags, &payload[..]), (5, &b"\x08\x03431"[..]));
    client.write_all(&request(3, "/bytes/5", true)).await.unwrap();
    assert_eq!(next(&mut client).await.0.stream, 3);
}

#[tokio::test]
async fn who_reads_nothing_is_not_read_either() {
    let (mut client, _running) = send(&[]).await;
    let pings = frame(kind::PING, 0, 0, &[0; 8]).repeat(1000);
    let mut sent = 0;
    while timeout(std::time::Duration::from_millis(300), client.write_all(&pings)).await.is_ok() {
        sent += 1;
        assert!(sent < 1000, "the server takes {sent} thousand pings that it can not answer");
    }
}

#[tokio::test]
async fn an_answer_waits_for_windows_without_being_made() {
    let (mut client, _running) =
        send(&[request(1, "/bytes/200000", true), request(3, "/bytes/5", true)].concat()).await;
    let (mut of_first, mut of_second) = (0, 0);
    let update = |stream, bytes: u32| frame(kind::WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes());
    // The window of the connection is what both lack.
    while of_first < 65_535 {
        let (head, payload) = next(&mut client).await;
        of_first += if head.kind == kind::DATA && head.stream == 1 { payload.len() } else { 0 };
    }
    client.write_all(&update(0, 10)).await.unwrap();
    while of_second < 5 {
        let (head, payload) = next(&mut client).await;
        of_second += if head.kind == kind::DATA && head.stream == 3 { payload.len() } else { 0 };
    }
    client.write_all(&[update(0, 1 << 20), update(1, 1 << 20)].concat()).await.unwrap();
    while of_first < 200_000 {
        let (head, payload) = next(&mut client).await;
        of_first += if head.kind == kind::DATA && head.stream == 1 { payload.len() } else { 0 };
    }
}
