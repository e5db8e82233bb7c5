//! Whatever is no command is answered with what is wrong with it, changes nothing, and costs nobody else
//! anything.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use hyrax_tests::hyrax::{Client, Hyrax, LineClient, Wire};
use serde_json::{Value, json};

/// Checks that a text is refused with an error that has these words, and that the connection goes on.
#[track_caller]
fn refused(client: &mut Client, text: &str, words: &str) {
    let shown: String = text.chars().take(200).collect();
    client.send_text(text);
    let reply = client.reply();
    let error = reply["error"].as_str().unwrap_or_else(|| panic!("{shown} is answered {reply}"));
    assert!(error.contains(words), "{shown}: {error}");
    goes_on(client);
}

#[track_caller]
fn goes_on(client: &mut Client) {
    client.send_text(r#"{"cmd":"ping","ref":"alive"}"#);
    assert_eq!(client.reply(), json!({"return":"PONG","ref":"alive"}));
}

#[test]
fn broken_json_is_named_with_its_place() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let mut client = hyrax.client(wire);
        goes_on(&mut client);
        for (text, words) in [
            ("{", "at byte 1"),
            ("}", "at byte 0"),
            ("{]", "not JSON"),
            ("{\"cmd\"", "at byte 6"),
            ("{\"cmd\":\"get\"", "not JSON"),
            ("{\"cmd\":\"get\",}", "not JSON"),
            ("{\"cmd\":\"get\" \"key\":\"a\"}", "not JSON"),
            ("{\"cmd\":\"get\"}}", "at byte 13"),
            ("{\"cmd\":\"get\"} {}", "not JSON"),
            ("{cmd:\"get\"}", "not JSON"),
            ("{'cmd':'get'}", "not JSON"),
            ("{\"cmd\":\"get\",\"key\":\"\\x\"}", "escape"),
            ("{\"cmd\":\"get\",\"key\":\"\\ud800\"}", "surrogate"),
            ("{\"cmd\":\"get\",\"key\":\"a\u{1}b\"}", "control character"),
            ("{\"cmd\":\"get\",\"key\":01}", "not JSON"),
            ("{\"cmd\":\"get\",\"key\":1.}", "number"),
            ("{\"cmd\":\"get\",\"key\":nul}", "not JSON"),
            ("{\"cmd\":\"get\",\"key\":NaN}", "not JSON"),
            ("get foo", "not JSON"),
            ("[", "not JSON"),
            ("[{\"cmd\":\"ping\"}", "not JSON"),
            ("[{\"cmd\":\"ping\"},]", "not JSON"),
        ] {
            refused(&mut client, text, words);
        }
    }
}

#[test]
fn wrong_types_and_missing_fields_are_named() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let mut client = hyrax.client(wire);
        goes_on(&mut client);
        for (text, words) in [
            ("7", "not a number"),
            ("\"get\"", "not a string"),
            ("null", "not null"),
            ("true", "not a boolean"),
            ("{}", "\"cmd\""),
            (r#"{"key":"foo"}"#, "\"cmd\""),
            (r#"{"cmd":""}"#, "\"cmd\""),
            (r#"{"cmd":7}"#, "\"cmd\""),
            (r#"{"cmd":null}"#, "\"cmd\""),
            (r#"{"command":["get"]}"#, "\"command\""),
            (r#"{"cmd":"set","key":null,"args":["v"]}"#, "\"key\""),
            (r#"{"cmd":"set","key":["foo"],"args":["v"]}"#, "\"key\""),
            (r#"{"cmd":"set","key":"foo","args":"v"}"#, "\"args\""),
            (r#"{"cmd":"set","key":"foo","args":[null]}"#, "\"args\"[0]"),
            (r#"{"cmd":"set","key":"foo","args":["v",["x"]]}"#, "\"args\"[1]"),
            (r#"{"cmd":"set","key":"foo","args":["v"],"secret":7}"#, "\"secret\""),
            (r#"{"cmd":"set","key":"foo","args":["v"],"secret":[7]}"#, "\"secret\""),
            (r#"{"cmd":"set","key":"foo","args":["v"],"quiet":"yes"}"#, "\"quiet\""),
            (r#"{"cmd":"ecard","key":"foo","local":1}"#, "\"local\""),
            (r#"{"cmd":"eadd","key":"foo","id":{}}"#, "\"id\""),
            (r#"{"command":"set","payload":"foo"}"#, "\"payload\""),
            (r#"{"command":"set","payload":[{"id":"foo","values":["v"]}]}"#, "\"payload\""),
            (r#"{"command":"set","payload":{"id":"foo","values":"v"}}"#, "\"values\""),
            (r#"{"command":"set","payload":{"id":["foo"],"values":["v"]}}"#, "\"id\""),
            (r#"{"command":"eadd","payload":7}"#, "\"payload\""),
            (r#"{"cmd":"get"}"#, "wrong number of arguments for 'get' command"),
            (r#"{"cmd":"get","key":"a","args":["b"]}"#, "wrong number of arguments"),
            (r#"{"cmd":"set","key":"a"}"#, "wrong number of arguments"),
            (r#"{"command":"set","payload":{"id":"a"}}"#, "wrong number of arguments"),
            (r#"{"cmd":"nonsense"}"#, "unknown command 'nonsense'"),
            (r#"{"command":"nonsense","payload":{}}"#, "unknown command 'nonsense'"),
            (r#"{"cmd":"get foo"}"#, "unknown command"),
            (r#"{"cmd":"incr","key":"n","args":[1,2]}"#, "wrong number of arguments"),
        ] {
            refused(&mut client, text, words);
        }
        client.send(&json!({"cmd":"dbsize"}));
        assert_eq!(client.reply()["return"], 0);
    }
}

#[test]
fn a_million_deep_nesting_is_refused() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&["--max-frame", "8MiB", "--queue-bytes", "8MiB"]);
        let mut client = hyrax.client(wire);
        goes_on(&mut client);
        let deep = 1_000_000;
        refused(&mut client, &"[".repeat(deep), "not JSON");
        refused(&mut client, &"{\"a\":".repeat(deep), "not JSON");
        refused(&mut client, &format!("{}{}", "[".repeat(deep), "]".repeat(deep)), "nested too deep");
        for field in ["ref", "key", "args", "id", "secret", "since", "quiet", "unknown", "payload"] {
            let nested = format!("{}{}", "[".repeat(deep), "]".repeat(deep));
            refused(&mut client, &format!("{{\"cmd\":\"ping\",\"{field}\":{nested}}}"), "");
        }
    }
}

#[test]
fn huge_numbers_are_refused_where_a_number_is_meant_and_text_elsewhere() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let mut client = hyrax.client(wire);
        goes_on(&mut client);
        let digits = "9".repeat(100_000);
        refused(&mut client, &format!(r#"{{"cmd":"incrby","key":"n","args":[{digits}]}}"#), "not an integer");
        refused(&mut client, &format!(r#"{{"cmd":"expire","key":"n","args":[{digits}]}}"#), "not an integer");
        refused(&mut client, &format!(r#"{{"cmd":"madd","key":"n","since":{digits}}}"#), "\"since\"");
        refused(&mut client, r#"{"cmd":"setrange","key":"n","args":[9223372036854775807,"x"]}"#, "exceeds");
        refused(&mut client, r#"{"cmd":"setrange","key":"n","args":[-1,"x"]}"#, "out of range");
        refused(&mut client, r#"{"cmd":"setbit","key":"n","args":[99999999999,1]}"#, "out of range");
        refused(
            &mut client,
            r#"{"cmd":"set","key":"n","args":["v","ex",9223372036854775807]}"#,
            "expire time",
        );
        client.send_text(r#"{"cmd":"exists","key":"n"}"#);
        assert_eq!(client.reply()["return"], 0);
        client.send_text(&format!(r#"{{"cmd":"set","key":"n","args":[{digits}]}}"#));
        assert_eq!(client.reply()["return"], "OK");
        client.send_text(r#"{"cmd":"get","key":"n"}"#);
        assert_eq!(client.reply()["return"], digits);
    }
}

#[test]
fn what_is_not_utf8_is_refused_as_that() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let mut client = hyrax.client(wire);
        goes_on(&mut client);
        for bytes in [
            &b"{\"cmd\":\"get\",\"key\":\"\xff\"}"[..],
            b"{\"cmd\":\"get\",\"key\":\"\xed\xa0\x80\"}",
            b"[\xc0\x80]",
            b"{\"cmd\":\"\x80\"}",
        ] {
            client.send_bytes(bytes);
            let reply = client.reply();
            assert!(reply["error"].as_str().is_some_and(|error| error.contains("not UTF-8")), "{reply}");
            goes_on(&mut client);
        }
    }
}

#[test]
fn a_line_over_the_limit_is_answered_once_and_closed() {
    const MAX: usize = 1024 * 1024;
    let hyrax = Hyrax::start(&[]);
    // The longest that fits, and what lies beyond it: with an end, without one, and much too long.
    let value = "v".repeat(MAX - r#"{"cmd":"set","key":"k","args":[""]}"#.len());
    let line = format!(r#"{{"cmd":"set","key":"k","args":["{value}"]}}"#);
    assert_eq!(line.len(), MAX);
    for wire in Wire::ALL {
        let mut client = hyrax.client(wire);
        client.send_text(&line);
        assert_eq!(client.reply()["return"], "OK");
        goes_on(&mut client);
        client.send_text(&format!("{line} x"));
        let reply = client.reply();
        assert!(reply["error"].is_string(), "{reply}");
        client.closed();
    }
    // Without an end, one more byte could still be the carriage return before it.
    for (excess, end) in [(1, "\n"), (2, ""), (3 * MAX, "\n"), (3 * MAX, ""), (20 * MAX, "")] {
        let mut stream = TcpStream::connect(hyrax.address()).unwrap();
        let beginning = line.clone() + &"x".repeat(excess) + end;
        let mut sending = stream.try_clone().unwrap();
        let sender = thread::spawn(move || {
            // The server may have closed before all was sent.
            let _ = sending.write_all(beginning.as_bytes());
        });
        let mut answer = Vec::new();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        match stream.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
        }
        let _ = stream.shutdown(Shutdown::Both);
        sender.join().unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert_eq!(answer.lines().count(), 1, "{excess} too many: {answer:?}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer["error"].as_str().unwrap().contains("max_frame"), "{answer}");
    }
}

#[test]
fn a_package_may_not_hold_more_commands_than_the_limit() {
    let hyrax = Hyrax::start(&[]);
    let mut client = hyrax.client(Wire::Tcp);
    goes_on(&mut client);
    refused(&mut client, &format!("[{}7]", "7,".repeat(10_000)), "at most 10000 commands");
    client.send_text(&format!("[{}7]", "7,".repeat(9_999)));
    assert_eq!(client.reply().as_array().map(Vec::len), Some(10_000));
}

#[test]
fn a_package_is_run_until_its_answer_is_too_large() {
    let hyrax = Hyrax::start(&[]);
    let mut client = hyrax.line();
    client.request(&json!({"cmd":"set","key":"k","args":["v".repeat(1_000_000)]}));
    let mut package = vec![json!({"cmd":"get","key":"k","ref":"r"}); 1000];
    package.push(json!({"cmd":"set","key":"late","args":["v"]}));
    let reply = client.request(&json!(package));
    let replies = reply.as_array().unwrap();
    assert_eq!(replies.len(), 1001);
    let run = replies.iter().filter(|reply| reply.get("return").is_some()).count();
    assert!((16..20).contains(&run), "{run}");
    assert!(
        replies[run..]
            .iter()
            .all(|reply| reply["error"].as_str().is_some_and(|error| error.contains("too large")))
    );
    assert_eq!(replies[run]["ref"], "r");
    assert_eq!(client.request(&json!({"cmd":"exists","key":"late"}))["return"], 0);
}

#[test]
fn a_client_of_one_byte_at_a_time_is_served_and_holds_nobody_up() {
    let hyrax = Hyrax::start(&[]);
    let address = hyrax.address();
    let slow = thread::spawn(move || {
        let mut client = LineClient::connect(address);
        for byte in b"{\"cmd\":\"set\",\"key\":\"slow\",\"args\":[\"done\"]}\n" {
            client.send_raw(&[*byte]);
            thread::sleep(Duration::from_millis(20));
        }
        client.reply()
    });
    let mut other = hyrax.line();
    let mut slowest = Duration::ZERO;
    while !slow.is_finished() {
        let asked = Instant::now();
        other.request(&json!({"cmd":"ping"}));
        slowest = slowest.max(asked.elapsed());
    }
    assert_eq!(slow.join().unwrap(), json!({"return":"OK"}));
    assert!(slowest < Duration::from_millis(500), "another client waited {slowest:?}");
}

#[test]
fn a_websocket_frame_of_nonsense_ends_that_websocket_alone() {
    let hyrax = Hyrax::start(&[]);
    let mut other = hyrax.client(Wire::WebSocket);
    goes_on(&mut other);
    let nonsense = hyrax_tests::hyrax::WebSocketClient::connect(hyrax.address());
    // A reserved opcode, with reserved bits set.
    (&mut nonsense.stream()).write_all(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).unwrap();
    let mut nonsense = nonsense;
    nonsense.closed();
    goes_on(&mut other);
}

#[test]
fn a_reply_that_is_too_large_is_refused_and_the_connection_goes_on() {
    let hyrax = Hyrax::start(&[]);
    let mut client = hyrax.client(Wire::Tcp);
    client.request(&json!({"cmd":"set","key":"k","args":["v".repeat(1_000_000)]}));
    let reply = client.request(&json!({"cmd":"mget","args":vec!["k"; 1000]}));
    assert!(reply["error"].as_str().is_some_and(|error| error.contains("too large")), "{reply}");
    let reply = client.request(&json!({"cmd":"mget","args":vec!["k"; 10]}));
    assert_eq!(reply["return"].as_array().map(Vec::len), Some(10));
    goes_on(&mut client);
}

#[test]
fn monitors_of_values_that_are_too_large_together_are_refused_and_not_begun() {
    let hyrax = Hyrax::start(&[]);
    let mut client = hyrax.client(Wire::Tcp);
    client.request(&json!({"cmd":"setrange","key":"h","args":[40_000_000,"a"]}));
    client.request(&json!({"cmd":"set","key":"k","args":["v".repeat(1_000_000)]}));
    let keys = vec![json!({"id":"k"}); 100];
    for refused in [
        json!({"command":"mon","payload":[{"id":"k"},{"id":"h"}]}),
        json!({"command":"mon","payload":keys}),
        json!({"cmd":"madd","key":"h","since":1}),
    ] {
        let reply = client.request(&refused);
        assert!(reply["error"].as_str().is_some_and(|error| error.contains("too large")), "{reply}");
    }
    // Whatever was monitored would be pushed before the next reply but one.
    client.request(&json!({"cmd":"append","key":"k","args":["w"]}));
    client.request(&json!({"cmd":"setrange","key":"h","args":[0,"b"]}));
    let mut other = hyrax.client(Wire::Tcp);
    goes_on(&mut other);
    goes_on(&mut client);
}

#[test]
fn a_long_command_does_not_keep_others_waiting() {
    let hyrax = Hyrax::start(&[]);
    let mut others: Vec<_> = (0..4).map(|_| hyrax.client(Wire::Tcp)).collect();
    let mut client = hyrax.client(Wire::Tcp);
    // A value of half a gigabyte in a short line: it takes a second or so to make.
    client.send_text(r#"{"cmd":"setrange","key":"h","args":[536870000,"a"]}"#);
    let long = thread::spawn(move || {
        let started = Instant::now();
        client.reply();
        started.elapsed()
    });
    let mut slowest = Duration::ZERO;
    while !long.is_finished() {
        for other in &mut others {
            let started = Instant::now();
            goes_on(other);
            slowest = slowest.max(started.elapsed());
        }
    }
    let long = long.join().unwrap();
    assert!(slowest < long / 2 || slowest < Duration::from_millis(100), "{slowest:?} beside {long:?}");
}

#[test]
fn a_domain_without_an_id_is_named() {
    let hyrax = Hyrax::start(&[]);
    let mut client = hyrax.client(Wire::Tcp);
    refused(&mut client, r#"{"command":"get","payload":{"domain":"a"}}"#, "no \"id\"");
}
