//! What has no bound in Redis, or another one.

use crate::both::{Both, error, text};
use hyrax_tests::resp::{Resp, words};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

#[test]
pub fn a_refusal_shows_what_is_not_utf_8_in_its_own_way() {
    let [redis, hyrax] = Both::start().run(&[vec![b"no\xffcommand".to_vec()]]);
    assert_eq!(redis, error(r"ERR unknown command \'no\xffcommand\', with args beginning with: "));
    assert_eq!(hyrax, error("ERR unknown command 'no\u{fffd}command', with args beginning with: "));
}

#[test]
pub fn what_a_browser_was_made_to_send_ends_the_connection_after_the_replies_before_it() {
    let both = Both::start();
    for word in ["POST / HTTP/1.1", "Host: localhost"] {
        let answer = |address: SocketAddr| {
            let mut stream = TcpStream::connect(address).expect("the server accepts");
            stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket has timeouts");
            stream.write_all(format!("PING\r\n{word}\r\nSET k v\r\n").as_bytes()).expect("the server reads");
            let mut answer = String::new();
            // The connection may be reset, as the server did not read all.
            let _ = stream.read_to_string(&mut answer);
            answer
        };
        assert!(["", "+PONG\r\n"].contains(&&*answer(both.redis.address())), "{word}");
        assert_eq!(answer(both.hyrax.address()), "+PONG\r\n", "{word}");
        let [redis, hyrax] = both.last_of(&["EXISTS k"]);
        assert_eq!([redis, hyrax], [Resp::Integer(0), Resp::Integer(0)]);
    }
}

#[test]
pub fn a_reply_of_more_than_a_gibibyte_is_refused() {
    const MIB: usize = 1024 * 1024;
    let both = Both::start();
    let set = [words("SETRANGE big 67108863 x"), words("STRLEN big")];
    let [redis, hyrax] = both.run(&set);
    assert_eq!([redis, hyrax], [Resp::Integer(64 * MIB as i64), Resp::Integer(64 * MIB as i64)]);
    let ask = format!("MGET{}", " big".repeat(17));
    let refused = both.hyrax.resp().run(&words(&ask));
    assert!(refused.is_error(), "{}", text(&refused));
    // Redis begins to send it; that it would go on is not waited for.
    let mut stream = TcpStream::connect(both.redis.address()).expect("Redis accepts");
    stream.write_all(format!("{ask}\r\n").as_bytes()).expect("Redis reads");
    let mut begins = [0; 15];
    stream.read_exact(&mut begins).expect("Redis answers");
    assert_eq!(&begins, b"*17\r\n$67108864\r");
}

#[test]
pub fn a_key_of_more_than_64_kib_is_refused() {
    let both = Both::start();
    let set = |bytes: usize| vec![b"SET".to_vec(), vec![b'k'; bytes], b"v".to_vec()];
    let [redis, hyrax] = both.run(&[set(64 * 1024)]);
    assert_eq!(redis, hyrax);
    let [redis, hyrax] = both.run(&[set(64 * 1024 + 1)]);
    assert_eq!([redis, hyrax], [Resp::simple("OK"), error("ERR a key has at most 65536 bytes")]);
}

#[test]
pub fn a_key_of_hyrax_own_is_refused() {
    let set = vec![b"SET".to_vec(), b"\0hyrax/secrets".to_vec(), b"v".to_vec()];
    let [redis, hyrax] = Both::start().run(&[set]);
    assert_eq!([redis, hyrax], [Resp::simple("OK"), error("ERR this key is reserved for Hyrax itself")]);
}

#[test]
pub fn samples_and_the_slow_log_have_bounds() {
    let both = Both::start();
    for (name, most) in [("maxmemory-samples", 64), ("slowlog-max-len", 100_000)] {
        let set = |value: i64| both.last_of(&[&format!("CONFIG SET {name} {value}")]);
        let [redis, hyrax] = set(most);
        assert_eq!([&redis, &hyrax], [&Resp::simple("OK"), &Resp::simple("OK")], "{name}");
        let [redis, hyrax] = set(most + 1);
        assert_eq!(redis, Resp::simple("OK"), "{name}");
        assert!(text(&hyrax).contains("inclusive"), "{name}: {hyrax:?}");
    }
}
