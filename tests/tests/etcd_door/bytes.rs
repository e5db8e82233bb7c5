//! Raw bytes on an HTTP/2 connection: whatever comes, only that connection ends.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use hyrax_tests::etcd::EtcdClient;
use hyrax_tests::hyrax::Hyrax;

use super::stage::{get, run};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The head of a call of `/etcdserverpb.KV/Range`, without Huffman or a table.
fn head() -> Vec<u8> {
    let mut block = vec![0x83, 0x86];
    for (name, value) in
        [(":path", "/etcdserverpb.KV/Range"), (":authority", "a"), ("content-type", "application/grpc")]
    {
        block.push(0);
        for text in [name, value] {
            block.push(text.len() as u8);
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// Sends bytes, and reads until the connection is closed.
fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The server may have closed before all was sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

fn still_serves(hyrax: &Hyrax) {
    run(async {
        let mut client = EtcdClient::connect(hyrax.address()).await;
        client.kv.range(get("a")).await.unwrap();
    });
}

#[test]
fn garbage_ends_its_connection_alone() {
    let hyrax = Hyrax::start(&[]);
    let settings = frame(4, 0, 0, &[]);
    for garbage in [
        b"complete nonsense that is no frame at all".to_vec(),
        // A frame longer than any may be; data on a stream that was never opened; a broken head.
        [settings.clone(), vec![0xff; 9]].concat(),
        [settings.clone(), frame(0, 0, 1, b"data")].concat(),
        [settings.clone(), frame(1, 4, 1, &[0xff; 32])].concat(),
        [settings.clone(), frame(1, 4, 2, &head())].concat(),
    ] {
        let answer = exchange(hyrax.address(), &[PREFACE, &garbage].concat());
        // The last frame says why: GOAWAY.
        let goes_away = answer.windows(2).any(|two| two == [7, 0]);
        assert!(goes_away, "{} was answered by {}", garbage.escape_ascii(), answer.escape_ascii());
    }
    still_serves(&hyrax);
}

#[test]
fn streams_that_are_opened_and_reset_without_end_are_not_served_without_end() {
    let hyrax = Hyrax::start(&[]);
    let mut bytes = [PREFACE, &frame(4, 0, 0, &[])].concat();
    for number in 0..20_000 {
        let stream = number * 2 + 1;
        bytes.extend(frame(1, 4, stream, &head()));
        bytes.extend(frame(3, 0, stream, &8u32.to_be_bytes()));
    }
    // The connection is closed with ENHANCE_YOUR_CALM (11) long before all are served.
    let answer = exchange(hyrax.address(), &bytes);
    assert!(answer.windows(4).any(|four| four == 11u32.to_be_bytes()), "{} bytes", answer.len());
    still_serves(&hyrax);
}

#[test]
fn a_call_that_ends_in_the_middle_of_its_message_is_refused() {
    let hyrax = Hyrax::start(&[]);
    let call = |message: &[u8]| {
        let mut stream = TcpStream::connect(hyrax.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head = frame(1, 4, 1, &head());
        let data = frame(0, 1, 1, message);
        stream.write_all(&[PREFACE, &frame(4, 0, 0, &[]), &head, &data].concat()).unwrap();
        let mut answer = Vec::new();
        let mut some = [0; 1024];
        // The trailers, or the head that is all there is, end the stream: flags 5 on stream 1.
        while !answer.windows(6).any(|six| six == [1, 5, 0, 0, 0, 1]) {
            let read = stream.read(&mut some).expect("the call is answered");
            assert_ne!(read, 0, "{}", answer.escape_ascii());
            answer.extend_from_slice(&some[..read]);
        }
        answer
    };
    for broken in [&b"\0\0\0\0"[..], b"\0\0\0\0\x05abc", b"\x01\0\0\0\0", b"\0\xff\xff\xff\xff", b""] {
        call(broken);
    }
    still_serves(&hyrax);
}
