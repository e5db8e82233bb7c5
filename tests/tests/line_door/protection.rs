//! What one client must not get at, and must not take from others.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use hyrax_tests::http;
use hyrax_tests::hyrax::{Client, Hyrax, LineClient, Wire};
use hyrax_values::command::COMMANDS;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::secrets::hmac_sha1;
use crate::stage::{Actor, SECRET};

/// A client whose system takes in as little as possible for it.
fn with_small_buffer(hyrax: &Hyrax) -> LineClient {
    let socket = Socket::new(Domain::for_address(hyrax.address()), Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&hyrax.address().into()).unwrap();
    LineClient::over(TcpStream::from(socket))
}

#[test]
fn every_writing_command_needs_a_proof() {
    let hyrax = Hyrax::start(&["--secret", SECRET]);
    let mut client = hyrax.line();
    for command in COMMANDS.iter().filter(|command| command.writes) {
        // As many words as it takes, of which all that can be keys are, after its subcommand where it has one.
        let first = if command.name == "xgroup" { "create" } else { "1" };
        let refusals: Vec<String> = (0..9)
            .map(|words| {
                let args = vec!["1"; words];
                let reply = client.request(&json!({"cmd": command.name, "key": first, "args": args}));
                reply["error"]
                    .as_str()
                    .unwrap_or_else(|| panic!("{} was run: {reply}", command.name))
                    .to_owned()
            })
            .collect();
        assert!(refusals.iter().any(|refusal| refusal == "auth failed"), "{}: {refusals:?}", command.name);
    }
    assert_eq!(client.request(&json!({"cmd":"dbsize"}))["return"], 0);
    for command in ["eadd", "eaddq", "erem", "eremq"] {
        let refused = client.request(&json!({"cmd": command, "key": "e", "id": "i"}));
        assert_eq!(refused["error"], "auth failed", "{command}");
        let payload = json!([{"domain": "d", "id": "e", "name": "n"}]);
        let refused = client.request(&json!({"command": command, "payload": payload}));
        assert_eq!(refused["error"], "auth failed", "{command}");
    }
}

#[test]
fn nothing_is_read_without_a_proof_where_reading_is_closed() {
    let hyrax = Hyrax::start(&["--secret", SECRET, "--anonymous-read=false", "--operator", "ann:pw"]);
    let mut ann = hyrax.line();
    ann.request(&json!({"cmd":"auth","args":["ann","pw"]}));
    ann.request(&json!({"cmd":"set","key":"1","args":["hidden"]}));
    let mut client = hyrax.line();
    for command in COMMANDS {
        for words in 0..5 {
            let args = vec!["1"; words];
            for request in [
                json!({"cmd": command.name, "key": "1", "args": args}),
                json!({"cmd": command.name, "args": args}),
            ] {
                let reply = client.request(&request);
                assert!(reply["error"].is_string(), "{request} was run: {reply}");
            }
        }
    }
    for command in ["madd", "mprefix", "emembers", "ecard", "eismember"] {
        let refused = client.request(&json!({"cmd": command, "key": "1", "id": "i"}));
        assert_eq!(refused["error"], "auth failed", "{command}");
    }
    for command in ["mon", "hmon", "lmon", "smon", "zmon", "emon", "amon", "emembers", "ecard", "eismember"] {
        let payload = json!([{"id": "1", "name": "n"}]);
        let refused = client.request(&json!({"command": command, "payload": payload}));
        assert_eq!(refused["error"], "auth failed", "{command}");
    }
}

#[test]
fn a_keys_own_secret_does_not_open_the_keys_that_begin_with_it() {
    let hyrax = Hyrax::start(&["--secret", SECRET, "--anonymous-read=false"]);
    let mut client = hyrax.line();
    client.request(&json!({"cmd":"asecretsadd","key":"a","args":["own"]}));
    let asked = |command: &str, secret: &str| json!({"cmd": command, "key": "a", "secret": hmac_sha1(secret, command, "a", "")});
    assert_eq!(client.request(&asked("madd", "own"))["return"], "OK");
    assert_eq!(client.request(&asked("mprefix", "own"))["error"], "auth failed");
    assert_eq!(client.request(&asked("mprefix", SECRET))["return"], "OK");
}

#[test]
fn wrong_credentials_are_refused_over_post() {
    let hyrax = Hyrax::start(&["--operator", "ann:pw"]);
    let ask = |authorization: &str| {
        let headers = [("Authorization", authorization)];
        http::post(hyrax.address(), "/hyrax", &headers, br#"{"cmd":"get-nodes"}"#).json()
    };
    // ann:pw, ann:no
    assert!(ask("Basic YW5uOnB3")["return"].is_array());
    assert_eq!(ask("Basic YW5uOm5v"), json!({"error":"auth failed"}));
    assert_eq!(ask("Bearer x"), json!({"error":"auth failed"}));
}

#[test]
fn a_unix_socket_has_the_rights_of_loopback() {
    for (sudo, permitted) in [("127.0.0.0/8", true), ("10.0.0.0/8", false)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let _hyrax = Hyrax::start(&["--listen", &format!("unix:{}", path.display()), "--sudo", sudo]);
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(b"{\"cmd\":\"get-nodes\"}\n").unwrap();
        let mut reply = String::new();
        BufReader::new(stream).read_line(&mut reply).unwrap();
        assert_eq!(reply.contains("return"), permitted, "{sudo}: {reply}");
    }
}

#[test]
fn a_package_is_not_answered_with_more_than_there_is_room_for() {
    let hyrax = Hyrax::start(&[]);
    let mut client = hyrax.line();
    client.request(&json!({"cmd":"set","key":"large","args":["x".repeat(512 * 1024)]}));
    let mut package: Vec<Value> = vec![json!({"cmd":"get","key":"large"}); 200];
    package.push(json!({"cmd":"get","key":"large","ref":"last"}));
    let reply = client.request(&Value::Array(package));
    let replies = reply.as_array().unwrap();
    let answered = replies.iter().filter(|reply| reply["return"].is_string()).count();
    assert_eq!(replies.len(), 201);
    assert!((30..40).contains(&answered), "16 MiB of them are answered: {answered}");
    assert!(replies[200]["error"].as_str().unwrap().contains("too large"));
    assert_eq!(replies[200]["ref"], "last");
}

#[test]
fn a_client_is_heard_however_much_it_is_pushed() {
    let hyrax = Hyrax::start(&[]);
    for wire in Wire::ALL {
        let mut client = Client::connect(wire, hyrax.address());
        client.request(&json!({"cmd":"mprefix","key":"k"}));
        let address = hyrax.address();
        let flood = thread::spawn(move || {
            let mut writer = LineClient::connect(address);
            let line = "{\"cmd\":\"incr\",\"key\":\"k1\"}\n".repeat(100);
            let until = Instant::now() + Duration::from_secs(4);
            while Instant::now() < until {
                writer.send_raw(line.as_bytes());
                (0..100).for_each(|_| drop(writer.reply()));
                // As much as a busy machine can still carry to the client.
                thread::sleep(Duration::from_millis(2));
            }
        });
        thread::sleep(Duration::from_millis(200));
        let begun = Instant::now();
        client.request(&json!({"cmd":"ping"}));
        assert!(begun.elapsed() < Duration::from_secs(3), "{wire:?}: {:?}", begun.elapsed());
        client.request(&json!({"cmd":"mpremove","key":"k"}));
        flood.join().unwrap();
    }
}

/// A client that adds up pushes from what it was told first, and from resets, comes to the truth: nothing
/// is told twice, and nothing left out.
#[test]
fn pushes_and_resets_add_up_to_the_value_however_often_a_client_falls_behind() {
    let hyrax = Hyrax::start(&["--queue-bytes", "1MiB"]);
    let keys = ["a", "b", "c"];
    let mut slow = with_small_buffer(&hyrax);
    for key in keys {
        slow.request(&json!({"cmd":"madd","key":key}));
    }
    let storms: Vec<_> = (0..3)
        .map(|_| {
            let address = hyrax.address();
            thread::spawn(move || {
                let mut writer = LineClient::connect(address);
                for round in 0..3000 {
                    let key = keys[round % 3];
                    writer.request(&json!({"cmd":"incr","key":key,"id":"x".repeat(8 * 1024)}));
                }
            })
        })
        .collect();
    let mut sums = [0_i64; 3];
    let (mut resets, mut pushes) = (0, 0);
    let mut hear = |push: &Value| {
        let at = keys.iter().position(|key| push["key"] == *key).unwrap();
        if push["cmd"] == "mreset" {
            sums[at] = push["value"].as_str().unwrap().parse().unwrap();
            resets += 1;
        } else {
            sums[at] += 1;
            pushes += 1;
        }
    };
    while storms.iter().any(|storm| !storm.is_finished()) {
        thread::sleep(Duration::from_millis(1));
        hear(&slow.push());
    }
    storms.into_iter().for_each(|storm| storm.join().unwrap());
    slow.pushes_until_quiet(Duration::from_secs(1)).iter().for_each(&mut hear);
    assert_eq!(sums, [3000; 3], "after {resets} resets and {pushes} pushes");
    assert!(resets > 3, "the client has to fall behind: {resets} resets, {pushes} pushes");
}

#[test]
fn who_may_not_administer_is_told_so_by_every_command() {
    let hyrax = Hyrax::start(&["--sudo", "10.0.0.0/8"]);
    let mut client = Actor::of(&hyrax, Wire::Tcp);
    for command in [
        "get-secret-keys",
        "add-secret-keys",
        "rem-secret-keys",
        "get-nodes",
        "add-nodes",
        "rem-nodes",
        "aglobalsecrets",
        "aglobalsecretsadd",
        "aglobalsecretsrem",
        "asecrets",
        "asecretsadd",
        "asecretsset",
        "asecretsrem",
        "mlocal",
        "mglobal",
    ] {
        client.refused(json!({"cmd": command, "key": "k", "args": ["s"]}), "not permitted");
    }
}
