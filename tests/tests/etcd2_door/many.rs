//! Many clients at one time, and what comes in pieces.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use hyrax_tests::etcd2::Connection;
use hyrax_tests::hyrax::Hyrax;

use super::stage;

const CLIENTS: usize = 16;
const REQUESTS: usize = 100;

/// How long so many clients take to make their requests.
fn time(address: SocketAddr, method: &'static str, target: fn(usize, usize) -> String) -> Duration {
    let began = Instant::now();
    let client = move |client| {
        let mut connection = Connection::open(address);
        for request in 0..REQUESTS {
            let answer = connection.ask(method, &target(client, request), "value=1");
            assert_eq!(answer.status, 201, "{}", answer.text());
        }
    };
    let clients: Vec<_> = (0..CLIENTS).map(|number| thread::spawn(move || client(number))).collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    began.elapsed()
}

#[test]
fn in_order_keys_of_many_clients_cost_about_what_others_do() {
    let folder = tempfile::tempdir().unwrap();
    let hyrax = Hyrax::start(&["--data-dir", folder.path().join("data").to_str().unwrap()]);
    let puts = time(hyrax.address(), "PUT", |client, request| format!("/v2/keys/put/{client}-{request}"));
    let posts = time(hyrax.address(), "POST", |_, _| "/v2/keys/post".to_owned());
    // One at a time they would take as many times as long as there are clients.
    assert!(posts < puts * 4 + Duration::from_millis(500), "puts took {puts:?}, posts {posts:?}");
    let listed = Connection::open(hyrax.address()).ask("GET", "/v2/keys/post", "").text();
    assert_eq!(listed.matches("\"key\":\"/post/").count(), CLIENTS * REQUESTS);
}

fn raw(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Reads so many answers, without their dates.
fn answers(stream: &mut TcpStream, count: usize) -> String {
    let mut bytes = Vec::new();
    while String::from_utf8_lossy(&bytes).matches("}\n").count() < count {
        let mut some = [0; 4096];
        let read = stream.read(&mut some).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&some[..read]);
    }
    let text = String::from_utf8(bytes).unwrap();
    let lines = text.split_inclusive('\n').filter(|line| !line.starts_with("date: "));
    lines.collect()
}

#[test]
fn both_ways_to_an_answer_give_the_same_bytes() {
    let (hyrax, mut connection) = stage();
    connection.ask("PUT", "/v2/keys/d/a", "value=1");
    for (method, target) in [
        ("GET", "/v2/keys/d/a"),
        ("GET", "/v2/keys/d?recursive=true&sorted=true"),
        ("GET", "/v2/keys"),
        ("GET", "/v2/keys/nope"),
        ("GET", "/v2/keys/d/a?recursive=x"),
        ("PUT", "/v2/keys/d?value=1"),
        ("PUT", "/v2/keys/d/a?prevValue=x&value=2"),
        ("POST", "/v2/keys/d/a?value=1"),
        ("DELETE", "/v2/keys/d"),
    ] {
        // A field for which a request is not answered directly, and one of no concern.
        let [by_library, directly] = ["X-Forwarded-For: ::1", "X-Nothing: 1"].map(|field| {
            let mut stream = raw(hyrax.address());
            write!(stream, "{method} {target} HTTP/1.1\r\nHost: h\r\n{field}\r\nContent-Length: 0\r\n\r\n")
                .unwrap();
            answers(&mut stream, 1)
        });
        assert_eq!(directly, by_library, "{method} {target}");
    }
}

#[test]
fn requests_come_in_pieces_and_together() {
    let (hyrax, _) = stage();
    let put = "PUT /v2/keys/a HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\n\
               Content-Length: 7\r\n\r\nvalue=1";
    let get = "GET /v2/keys/a HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut stream = raw(hyrax.address());
    for piece in put.as_bytes().chunks(40) {
        stream.write_all(piece).unwrap();
        thread::sleep(Duration::from_millis(10));
    }
    assert!(answers(&mut stream, 1).starts_with("HTTP/1.1 201 Created\r\n"));
    // Then several at once, of which the last is for the library, and some for that again.
    let health = "GET /health HTTP/1.1\r\nHost: h\r\n\r\n";
    stream.write_all([put, get, get, health, get, health].concat().as_bytes()).unwrap();
    let answered = answers(&mut stream, 6);
    let actions = ["\"action\":\"set\"", "\"action\":\"get\"", "{\"health\":\"true\"}"];
    assert_eq!(actions.map(|action| answered.matches(action).count()), [1, 3, 2], "{answered}");
    // One that comes too slowly to be waited for, but in time.
    let mut stream = raw(hyrax.address());
    let (first, last) = put.split_at(put.len() - 3);
    stream.write_all(first.as_bytes()).unwrap();
    thread::sleep(Duration::from_millis(500));
    stream.write_all(last.as_bytes()).unwrap();
    assert!(answers(&mut stream, 1).starts_with("HTTP/1.1 200 OK\r\n"));
    stream.write_all(get.as_bytes()).unwrap();
    assert!(answers(&mut stream, 1).contains("\"value\":\"1\""));
}

#[test]
fn calls_are_counted_by_method() {
    let (_hyrax, mut connection) = stage();
    for (method, target, form) in [
        ("PUT", "/v2/keys/a", "value=1"),
        ("GET", "/v2/keys/a", ""),
        ("GET", "/v2/keys/nope", ""),
        ("HEAD", "/v2/keys/a", ""),
        ("POST", "/v2/keys/q", "value=1"),
        ("DELETE", "/v2/keys/a", ""),
        ("POST", "/mod/v2/lock/l?ttl=5", ""),
        ("GET", "/mod/v2/leader/l", ""),
        ("GET", "/v2/machines", ""),
    ] {
        connection.ask(method, target, form);
    }
    let metrics = connection.ask("GET", "/metrics", "").text();
    for (call, ok, errors) in [
        ("PUT /v2/keys", 1, 0),
        ("GET /v2/keys", 2, 1),
        ("POST /v2/keys", 1, 0),
        ("DELETE /v2/keys", 1, 0),
        ("/mod/v2/lock", 1, 0),
        ("/mod/v2/leader", 1, 0),
        ("/v2", 1, 0),
    ] {
        for (result, count) in [("ok", ok), ("error", errors)] {
            let sample = format!("hyrax_commands_total{{command=\"{call}\",result=\"{result}\"}} {count}\n");
            assert!(metrics.contains(&sample), "no {sample} in {metrics}");
        }
    }
}
