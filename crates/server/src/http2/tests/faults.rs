//! What is wrong ends its stream or its connection, with the reason that the standard names.

use super::*;

const PROTOCOL: u32 = 1;
const FLOW_CONTROL: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE: u32 = 6;
const COMPRESSION: u32 = 9;

fn reason(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload[payload.len() - 4..].try_into().unwrap())
}

/// The connection ends for this reason.
async fn ends(bytes: &[u8], expected: u32) {
    let (mut client, running) = send(bytes).await;
    loop {
        let (head, payload) = next(&mut client).await;
        if head.kind == kind::GOAWAY {
            assert_eq!(reason(&payload), expected, "{}", bytes.escape_ascii());
            break;
        }
    }
    drop(client);
    timeout(PATIENCE, running.served).await.expect("the connection ends").unwrap().unwrap();
}

/// The first stream ends for this reason, and the connection goes on.
async fn breaks_off(bytes: &[u8], expected: u32) {
    let (mut client, _running) = send(bytes).await;
    loop {
        let (head, payload) = next(&mut client).await;
        if head.kind == kind::RST_STREAM && head.stream == 1 {
            assert_eq!(reason(&payload), expected, "{}", bytes.escape_ascii());
            break;
        }
    }
    client.write_all(&request(1001, "/bytes/5", true)).await.unwrap();
    while next(&mut client).await.0.stream != 1001 {}
}

fn window_update(stream: u32, bytes: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())
}

fn settings(name: u16, value: u32) -> Vec<u8> {
    frame(kind::SETTINGS, 0, 0, &[&name.to_be_bytes()[..], &value.to_be_bytes()].concat())
}

#[tokio::test]
async fn what_breaks_the_protocol_ends_the_connection() {
    let open = request(1, "/echo", false);
    for (bytes, reason) in [
        (frame(kind::DATA, 0, 1, b"x"), PROTOCOL),
        (frame(kind::DATA, 0, 0, b"x"), PROTOCOL),
        (frame(kind::HEADERS, 4, 0, &block("/echo")), PROTOCOL),
        (frame(kind::HEADERS, 4, 2, &block("/echo")), PROTOCOL),
        (frame(kind::HEADERS, 4, 1, &[0xff; 32]), COMPRESSION),
        (frame(kind::HEADERS, 4 | flag::PADDED, 1, &[9, 0]), PROTOCOL),
        (frame(kind::HEADERS, 4 | flag::PRIORITY, 1, &[0; 3]), FRAME_SIZE),
        (frame(kind::CONTINUATION, 4, 1, &[]), PROTOCOL),
        ([frame(kind::HEADERS, 0, 1, &[]), frame(kind::PING, 0, 0, &[0; 8])].concat(), PROTOCOL),
        ([frame(kind::HEADERS, 0, 1, &[]), frame(kind::CONTINUATION, 0, 3, &[])].concat(), PROTOCOL),
        (frame(kind::PUSH_PROMISE, 4, 1, &[0; 8]), PROTOCOL),
        (frame(kind::PING, 0, 0, &[0; 7]), FRAME_SIZE),
        (frame(kind::PING, 0, 1, &[0; 8]), PROTOCOL),
        (frame(kind::SETTINGS, 0, 0, &[0; 5]), FRAME_SIZE),
        (frame(kind::SETTINGS, flag::ACK, 0, &[0; 6]), FRAME_SIZE),
        (frame(kind::SETTINGS, 0, 1, &[]), PROTOCOL),
        (settings(2, 2), PROTOCOL),
        (settings(4, 1 << 31), FLOW_CONTROL),
        (settings(5, 16_383), PROTOCOL),
        (frame(kind::RST_STREAM, 0, 1, &[0; 4]), PROTOCOL),
        ([open.clone(), frame(kind::RST_STREAM, 0, 1, &[0; 3])].concat(), FRAME_SIZE),
        (window_update(0, 0), PROTOCOL),
        (window_update(0, (1 << 31) - 1), FLOW_CONTROL),
        (window_update(1, 1), PROTOCOL),
        (frame(kind::WINDOW_UPDATE, 0, 0, &[0; 3]), FRAME_SIZE),
        ([request(5, "/bytes/1", true), request(3, "/bytes/1", true)].concat(), STREAM_CLOSED),
        (frame(77, 0, 0, &vec![0; 16_385]), FRAME_SIZE),
    ] {
        ends(&bytes, reason).await;
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_stream_ends_it_alone() {
    let open = request(1, "/echo", false);
    let head = |more: &[(&str, &str)]| {
        let mut block = block("/echo");
        more.iter().for_each(|(name, value)| put_field(name.as_bytes(), value.as_bytes(), &mut block));
        frame(kind::HEADERS, 4, 1, &block)
    };
    let data = |flags, length: usize| frame(kind::DATA, flags, 1, &vec![0; length]);
    for (bytes, reason) in [
        (head(&[("Upper", "")]), PROTOCOL),
        (head(&[("connection", "close")]), PROTOCOL),
        ([head(&[("content-length", "5")]), data(0, 6)].concat(), PROTOCOL),
        ([head(&[("content-length", "5")]), data(1, 4)].concat(), PROTOCOL),
        ([open.clone(), window_update(1, 0)].concat(), PROTOCOL),
        ([open.clone(), window_update(1, (1 << 31) - 1)].concat(), FLOW_CONTROL),
        ([open.clone(), frame(kind::PRIORITY, 0, 1, &[0; 4])].concat(), FRAME_SIZE),
        // Trailers that are not the end.
        ([open.clone(), frame(kind::HEADERS, 4, 1, &[])].concat(), PROTOCOL),
        ([request(1, "/silent", true), data(0, 1)].concat(), STREAM_CLOSED),
        ([request(1, "/silent", false), data(0, 16_384).repeat(5)].concat(), FLOW_CONTROL),
    ] {
        breaks_off(&bytes, reason).await;
    }
}

#[tokio::test]
async fn what_is_not_wrong_is_passed_over() {
    let whole = block("/bytes/5");
    let (first, rest) = whole.split_at(3);
    let padded = [&[4][..], &block("/bytes/6"), &[0; 4]].concat();
    let prioritized = [&[0; 5][..], &block("/bytes/7")].concat();
    let bytes = [
        frame(99, 0xff, 1, b"unknown"),
        frame(kind::PRIORITY, 0, 9, &[0; 5]),
        settings(99, 99),
        frame(kind::HEADERS, 1, 1, first),
        frame(kind::CONTINUATION, 0, 1, &[]),
        frame(kind::CONTINUATION, 4, 1, rest),
        frame(kind::HEADERS, 5 | flag::PADDED, 3, &padded),
        frame(kind::HEADERS, 5 | flag::PRIORITY, 5, &prioritized),
        // Streams that are over.
        frame(kind::RST_STREAM, 0, 1, &[0; 4]),
        window_update(1, 5),
        frame(kind::PING, 0, 0, b"are here"),
    ];
    let (mut client, _running) = send(&[]).await;
    for bytes in bytes {
        client.write_all(&bytes).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let mut data = Vec::new();
    loop {
        let (head, payload) = next(&mut client).await;
        match head.kind {
            kind::DATA => data.push((head.stream, payload.len())),
            kind::PING => {
                assert_eq!((head.flags, &payload[..]), (flag::ACK, &b"are here"[..]));
                break;
            }
            kind::HEADERS => {}
            other => panic!("a frame of kind {other}"),
        }
    }
    assert_eq!(data, [(1, 5), (3, 6), (5, 7)]);
}

#[tokio::test]
async fn what_does_not_begin_as_it_must_is_no_connection() {
    for bytes in
        [&b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"[..], &[PREFACE, &frame(kind::PING, 0, 0, &[0; 8])].concat()]
    {
        let (mut client, running) = start();
        client.write_all(bytes).await.unwrap();
        let (head, payload) = next(&mut client).await;
        assert_eq!((head.kind, reason(&payload)), (kind::GOAWAY, PROTOCOL));
        drop(client);
        running.served.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn an_answer_before_the_end_says_that_no_more_is_wanted() {
    let (mut client, _running) = send(&request(1, "/nothing", false)).await;
    assert_eq!(next(&mut client).await.0.flags, flag::END_HEADERS | flag::END_STREAM);
    let (head, payload) = next(&mut client).await;
    assert_eq!((head.kind, reason(&payload)), (kind::RST_STREAM, 0));
}
