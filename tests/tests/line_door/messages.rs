//! How commands and replies are written: framing, words, references, packages.

use hyrax_tests::hyrax::{Client, Hyrax, Wire};
use serde_json::{Value, json};

use crate::stage::Actor;

/// Sends a text and checks the reply's text, as JSON.
#[track_caller]
fn answers(client: &mut Client, text: &str, expected: &str) {
    client.send_text(text);
    let expected: Value = serde_json::from_str(expected).unwrap();
    assert_eq!(client.reply(), expected, "to {text}");
}

#[test]
fn crlf_blank_lines_and_spaces_are_accepted() {
    let hyrax = Hyrax::start(&[]);
    let mut client = hyrax.line();
    client
        .send_raw(b"\r\n\n  \t \n  {\"cmd\":\"ping\"}  \r\n\r\n\t{ \"cmd\" :\t\"ping\" , \"ref\" : 1 }\n \n");
    assert_eq!(client.reply(), json!({"return":"PONG"}));
    assert_eq!(client.reply(), json!({"return":"PONG","ref":1}));
    let mut client = hyrax.client(Wire::WebSocket);
    for blank in ["", " ", "\r\n"] {
        client.send_text(blank);
    }
    answers(&mut client, " {\"cmd\":\"ping\"}\r\n", r#"{"return":"PONG"}"#);
    answers(&mut client, "{\"cmd\":\n\"ping\"}", r#"{"return":"PONG"}"#);
}

#[test]
fn a_connection_may_begin_with_blank_lines() {
    let hyrax = Hyrax::start(&[]);
    for beginning in ["\n", "\r\n \r\n", "   ", "\t"] {
        let mut client = hyrax.line();
        client.send_raw(format!("{beginning}{{\"cmd\":\"ping\"}}\n").as_bytes());
        assert_eq!(client.reply(), json!({"return":"PONG"}), "{beginning:?}");
    }
}

#[test]
fn many_commands_in_one_write_are_answered_in_order() {
    let hyrax = Hyrax::start(&[]);
    let mut client = hyrax.line();
    let lines: String = (0..2000)
        .map(|number| match number % 3 {
            0 => format!("{{\"cmd\":\"incr\",\"key\":\"n\",\"ref\":{number}}}\n"),
            1 => format!("{{\"cmd\":\"ping\",\"ref\":{number}}}\n"),
            _ => format!("{{\"cmd\":\"nonsense\",\"ref\":{number}}}\n"),
        })
        .collect();
    client.send_raw(lines.as_bytes());
    for number in 0..2000 {
        let reply = client.reply();
        assert_eq!(reply["ref"], number);
        match number % 3 {
            0 => assert_eq!(reply["return"], number / 3 + 1),
            1 => assert_eq!(reply["return"], "PONG"),
            _ => assert!(reply["error"].is_string()),
        }
    }
}

#[test]
fn a_ref_of_every_scalar_is_echoed() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let mut client = hyrax.client(wire);
        for scalar in
            ["7", "-1.50e3", "\"x\\\"y\"", "\"\"", "true", "false", "null", "123456789012345678901234"]
        {
            // As text, because a number's spelling is kept too.
            client.send_text(&format!("{{\"cmd\":\"ping\",\"ref\":{scalar}}}"));
            let expected: Value = serde_json::from_str(scalar).unwrap();
            assert_eq!(client.reply(), json!({"return":"PONG","ref":expected}));
        }
        answers(
            &mut client,
            r#"{"command":"get","payload":{"id":"x"},"ref":1}"#,
            r#"{"command":"get","return":null,"ref":1}"#,
        );
        for refused in [r#"{"cmd":"incr","key":"x","args":[1],"ref":"e"}"#, r#"{"cmd":"none","ref":"e"}"#] {
            client.send_text(refused);
            let reply = client.reply();
            assert!(reply["error"].is_string() && reply["ref"] == "e", "{reply}");
        }
        for wrong in ["[]", "{}", "[1]"] {
            client.send_text(&format!("{{\"cmd\":\"ping\",\"ref\":{wrong}}}"));
            assert!(client.reply()["error"].as_str().unwrap().contains("\"ref\""));
        }
    }
}

#[test]
fn a_refs_spelling_is_kept() {
    let hyrax = Hyrax::start(&[]);
    let mut client = std::net::TcpStream::connect(hyrax.address()).unwrap();
    use std::io::{BufRead, BufReader, Write};
    client.write_all(b"{\"cmd\":\"ping\",\"ref\":1.500E+0001}\n").unwrap();
    let mut line = String::new();
    BufReader::new(client).read_line(&mut line).unwrap();
    assert_eq!(line, "{\"return\":\"PONG\",\"ref\":1.500E+0001}\n");
}

#[test]
fn names_of_commands_are_case_insensitive_in_both_dialects() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let mut client = Actor::of(&hyrax, wire);
        client.says(json!({"cmd":"SeT","key":"d:i","args":["v"]}), json!({"return":"OK"}));
        client.says(
            json!({"command":"GET","payload":{"domain":"d","id":"i"}}),
            json!({"command":"GET","return":"v"}),
        );
        client.says(json!({"cmd":"MADD","key":"d:i"}), json!({"return":"OK"}));
        client.says(
            json!({"command":"Mon","payload":[{"domain":"d","id":"i"}]}),
            json!({"command":"Mon","return":["v"]}),
        );
        client.says(json!({"cmd":"EAdd","key":"e","id":"x"}), json!({"return":"OK"}));
        client.says(json!({"cmd":"eCARD","key":"e"}), json!({"return":1}));
    }
}

#[test]
fn numbers_and_booleans_are_taken_as_their_exact_text() {
    let hyrax = Hyrax::start(&[]);
    let mut client = hyrax.client(Wire::Tcp);
    for text in ["1", "1.50", "-0", "1e3", "1E+03", "true", "false", "123456789012345678901234567890"] {
        client.send_text(&format!("{{\"cmd\":\"set\",\"key\":{text},\"args\":[{text}]}}"));
        assert_eq!(client.reply(), json!({"return":"OK"}));
        client.send_text(&format!("{{\"cmd\":\"get\",\"key\":\"{text}\"}}"));
        assert_eq!(client.reply(), json!({"return":text}));
    }
    client.send_text(r#"{"command":"set","payload":{"domain":1.0,"id":true,"values":[2.50]}}"#);
    client.reply();
    answers(&mut client, r#"{"cmd":"get","key":"1.0:true"}"#, r#"{"return":"2.50"}"#);
}

#[test]
fn the_key_is_simply_the_first_word() {
    let hyrax = Hyrax::start(&[]);
    let mut client = Actor::of(&hyrax, Wire::Tcp);
    client.says(json!({"cmd":"mset","args":["a","1","b","2"]}), json!({"return":"OK"}));
    client.says(json!({"cmd":"mget","key":"a","args":["b"]}), json!({"return":["1","2"]}));
    client.says(json!({"cmd":"bitop","key":"and","args":["c","a","b"]}), json!({"return":1}));
    client.says(
        json!({"command":"mset","payload":{"domain":"d","id":"a","values":["1","d:b","2"]}}),
        json!({"command":"mset","return":"OK"}),
    );
    client.says(json!({"cmd":"get","key":"d:b"}), json!({"return":"2"}));
    client.says(
        json!({"command":"mget","payload":{"values":["a","d:a"]}}),
        json!({"command":"mget","return":["1","1"]}),
    );
}

#[test]
fn replies_follow_their_resp3_type() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let mut client = Actor::of(&hyrax, wire);
        let mut check = |command: &str, args: Value, expected: Value| {
            client.says(json!({"cmd":command,"args":args}), json!({"return":expected}));
        };
        check("hset", json!(["h", "a", 1, "b", 2]), json!(2));
        check("hgetall", json!(["h"]), json!({"a":"1","b":"2"}));
        check("hgetall", json!(["none"]), json!({}));
        check("zadd", json!(["z", 1, "a", 2.5, "b", "inf", "c", "-inf", "d"]), json!(4));
        check(
            "zrange",
            json!(["z", 0, -1, "WITHSCORES"]),
            json!([["d", "-inf"], ["a", 1], ["b", 2.5], ["c", "inf"]]),
        );
        check("zrange", json!(["z", 0, -1]), json!(["d", "a", "b", "c"]));
        check("zscore", json!(["z", "c"]), json!("inf"));
        check("zscore", json!(["z", "b"]), json!(2.5));
        check("zincrby", json!(["z", 1, "a"]), json!(2));
        check("zmscore", json!(["z", "a", "none"]), json!([2, null]));
        check("sadd", json!(["s", "x"]), json!(1));
        check("smembers", json!(["s"]), json!(["x"]));
        check("get", json!(["none"]), json!(null));
        check("rpush", json!(["l", "x"]), json!(1));
        check("lmpop", json!([1, "l", "left"]), json!(["l", ["x"]]));
        check("lmpop", json!([1, "l", "left"]), json!(null));
        check("type", json!(["h"]), json!("hash"));
    }
}

#[test]
fn bytes_that_are_no_text_go_as_base64_both_ways() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let mut client = Actor::of(&hyrax, wire);
        let bytes = json!({"base64":"AP/+gA=="});
        client.says(json!({"cmd":"set","key":bytes,"args":[bytes]}), json!({"return":"OK"}));
        client.says(json!({"cmd":"get","key":bytes}), json!({"return":bytes}));
        // Text may be sent so, and comes back as text.
        client.says(
            json!({"cmd":"set","key":{"base64":"Zm9v"},"args":[{"base64":"YmFy"}]}),
            json!({"return":"OK"}),
        );
        client.says(json!({"cmd":"get","key":"foo"}), json!({"return":"bar"}));
        client.says(
            json!({"command":"get","payload":{"domain":{"base64":"/w=="},"id":"x"}}),
            json!({"command":"get","return":null}),
        );
        for wrong in
            [json!({"base64":"?"}), json!({"base64":"YQ"}), json!({"base64":7}), json!({}), json!({"x":1})]
        {
            let reply = client.asks(json!({"cmd":"get","key":wrong}));
            assert!(reply["error"].as_str().unwrap().contains("base64"), "{reply}");
        }
    }
}

#[test]
fn control_characters_and_every_escape_survive() {
    let hyrax = Hyrax::start(&[]);
    let mut client = Actor::of(&hyrax, Wire::Tcp);
    let text: String = (0u8..=0x7f).map(char::from).chain("é…😀\u{2028}\u{fffd}".chars()).collect();
    client.says(json!({"cmd":"set","key":text,"args":[text]}), json!({"return":"OK"}));
    client.says(json!({"cmd":"get","key":text}), json!({"return":text}));
    client.client().send_text(r#"{"cmd":"set","key":"k","args":["\ud83d\ude00\/\u0000"]}"#);
    client.client().reply();
    client.says(json!({"cmd":"get","key":"k"}), json!({"return":"😀/\u{0}"}));
}

#[test]
fn a_map_with_binary_fields_is_a_list_of_pairs() {
    let hyrax = Hyrax::start(&[]);
    let mut client = Actor::of(&hyrax, Wire::Tcp);
    client.asks(json!({"cmd":"hset","key":"h","args":["f","1",{"base64":"/w=="},"2"]}));
    client.asks(json!({"cmd":"zadd","key":"z","args":[1,{"base64":"/w=="}]}));
    let pairs = json!([["f","1"],[{"base64":"/w=="},"2"]]);
    client.says(json!({"cmd":"hgetall","key":"h"}), json!({"return":pairs}));
    client.says(
        json!({"command":"hmon","payload":[{"id":"h"},{"id":"none"}]}),
        json!({"command":"hmon","return":[pairs,{}]}),
    );
    client.says(
        json!({"command":"zmon","payload":[{"id":"z"}]}),
        json!({"command":"zmon","return":[[[{"base64":"/w=="},1]]]}),
    );
    // Also in a reset.
    client.says(json!({"cmd":"madd","key":"h","since":0}), json!({"return":"reset","value":pairs}));
}

#[test]
fn a_package_is_answered_by_one_array_in_order() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let mut client = Actor::of(&hyrax, wire);
        client.client().send(&json!([]));
        assert_eq!(client.client().reply(), json!([]));
        client.says(
            json!([
                {"cmd":"set","key":"foo","args":["1"],"ref":"a"},
                {"cmd":"lpush","key":"foo","args":["x"],"ref":"b"},
                {"command":"incr","payload":{"id":"foo"}},
                {"cmd":"mrem","key":"other","ref":3},
                {"cmd":"eadd","key":"ekg","id":"me"},
                {"cmd":"emembers","key":"ekg"},
                {"cmd":"get","key":"foo","ref":null},
            ]),
            json!([
                {"return":"OK","ref":"a"},
                {"error":"WRONGTYPE Operation against a key holding the wrong kind of value","ref":"b"},
                {"command":"incr","return":2},
                {"return":"OK","ref":3},
                {"return":"OK"},
                {"return":["me"]},
                {"return":"2","ref":null},
            ]),
        );
    }
}

#[test]
fn an_element_that_is_no_command_fails_alone() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let mut client = hyrax.client(wire);
        client.send(&json!([7, {"cmd":"incr","key":"n"}, null, [{"cmd":"ping"}], {"cmd":"nonsense"}, {"cmd":"incr","key":"n"}]));
        let reply = client.reply();
        assert_eq!(reply.as_array().map(Vec::len), Some(6), "{reply}");
        for wrong in [0, 2, 3, 4] {
            assert!(reply[wrong]["error"].is_string(), "{reply}");
        }
        assert_eq!((&reply[1]["return"], &reply[5]["return"]), (&json!(1), &json!(2)));
        // What is no JSON as a whole runs in no part.
        client.send_text(r#"[{"cmd":"incr","key":"n"},{"cmd":"#);
        assert!(client.reply()["error"].as_str().unwrap().starts_with("not JSON"));
        client.send(&json!({"cmd":"get","key":"n"}));
        assert_eq!(client.reply()["return"], "2");
    }
}

#[test]
fn pushes_of_a_package_come_after_its_reply_or_before_but_never_inside() {
    let hyrax = Hyrax::start(&[]);
    let mut client = hyrax.line();
    client.send(&json!([{"cmd":"madd","key":"n"},{"cmd":"incr","key":"n"},{"cmd":"incr","key":"n"}]));
    assert_eq!(client.reply().as_array().map(Vec::len), Some(3));
    assert_eq!(client.push()["cmd"], "incr");
    assert_eq!(client.push()["cmd"], "incr");
}

#[test]
fn both_dialects_share_a_connection() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let mut client = Actor::of(&hyrax, wire);
        client.says(json!({"cmd":"madd","key":"d:i"}), json!({"return":"OK"}));
        client.says(
            json!({"command":"set","payload":{"domain":"d","id":"i","values":["v"]}}),
            json!({"command":"set","return":"OK"}),
        );
        client.hears(json!({"cmd":"set","key":"d:i","args":["v"]}));
        // A message is in the domain dialect when it has `command`.
        client.says(
            json!({"cmd":"set","command":"get","payload":{"domain":"d","id":"i"}}),
            json!({"command":"get","return":"v"}),
        );
    }
}

#[test]
fn a_binary_frame_is_read_as_text() {
    let hyrax = Hyrax::start(&[]);
    let mut client = hyrax.client(Wire::WebSocket);
    client.send_bytes(b"{\"cmd\":\"ping\"}");
    assert_eq!(client.reply(), json!({"return":"PONG"}));
}

#[test]
fn the_last_line_needs_its_end() {
    let hyrax = Hyrax::start(&[]);
    let mut client = hyrax.line();
    client.send_raw(
        b"{\"cmd\":\"set\",\"key\":\"a\",\"args\":[1]}\n{\"cmd\":\"set\",\"key\":\"b\",\"args\":[1]}",
    );
    client.finish();
    assert_eq!(client.reply(), json!({"return":"OK"}));
    assert!(client.reply()["error"].as_str().unwrap().contains("line feed"));
    client.closed();
    assert_eq!(hyrax.line().request(&json!({"cmd":"exists","args":["a","b"]}))["return"], 1);
}
