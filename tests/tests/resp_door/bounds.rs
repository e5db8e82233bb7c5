//! Much at once, and what must not take memory or time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::resp::{Resp, words};

/// Resident memory of a process, in bytes.
fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory is told");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

#[test]
fn a_client_that_never_reads_its_million_replies_is_bounded() {
    let hyrax = Hyrax::start(&[]);
    let mut setter = hyrax.resp();
    setter.run(&[b"SET".to_vec(), b"big".to_vec(), vec![b'x'; 10_000]]);
    let before = resident(hyrax.process_id());
    let mut client = TcpStream::connect(hyrax.address()).unwrap();
    client.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let pipeline = b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n".repeat(1000);
    // A thousand times a thousand; the server stops reading long before.
    let taken = (0..1000).take_while(|_| client.write_all(&pipeline).is_ok()).count();
    assert!(taken < 1000, "the server read everything");
    let grown = resident(hyrax.process_id()).saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes for a client that reads nothing");
    assert_eq!(setter.run(&words("PING")), Resp::simple("PONG"), "others are served");
}

#[test]
fn announced_lengths_take_no_memory() {
    let hyrax = Hyrax::start(&[]);
    let before = resident(hyrax.process_id());
    let clients: Vec<TcpStream> = (0..64)
        .map(|number| {
            let mut client = TcpStream::connect(hyrax.address()).unwrap();
            let announced: &[u8] =
                if number % 2 == 0 { b"*2147483647\r\n" } else { b"*1\r\n$536870912\r\nx" };
            client.write_all(announced).unwrap();
            client
        })
        .collect();
    assert_eq!(hyrax.resp().run(&words("PING")), Resp::simple("PONG"));
    let grown = resident(hyrax.process_id()).saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes for {} announcements", clients.len());
}

#[test]
fn a_large_word_and_many_words_in_small_pieces_take_no_time() {
    const LARGE: usize = 32 << 20;
    const WORDS: usize = 300_000;
    let hyrax = Hyrax::start(&[]);
    let mut client = TcpStream::connect(hyrax.address()).unwrap();
    client.set_nodelay(true).unwrap();
    let began = Instant::now();
    client.write_all(format!("*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n${LARGE}\r\n").as_bytes()).unwrap();
    let piece = [b'x'; 4096];
    (0..LARGE / piece.len()).for_each(|_| client.write_all(&piece).unwrap());
    client.write_all(b"\r\n").unwrap();
    client.write_all(format!("*{}\r\n$5\r\nRPUSH\r\n$4\r\nmany\r\n", WORDS + 2).as_bytes()).unwrap();
    let piece = b"$1\r\nx\r\n".repeat(500);
    (0..WORDS / 500).for_each(|_| client.write_all(&piece).unwrap());
    let mut answer = [0; 14];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(answer.escape_ascii().to_string(), "+OK\\r\\n:300000\\r\\n");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert_eq!(hyrax.resp().run(&words("STRLEN big")), Resp::Integer(LARGE as i64));
}
