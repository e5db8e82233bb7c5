//! `DEBUG`: what clients' own tests need of it. Nothing here shows or changes the inner form of a value.

use super::super::commands::{bad_subcommand, lookup};
use super::super::dialogue::{Conversation, Flow};
use super::super::encode::Protocol;
use super::super::help::write_help;
use super::super::waiting::answer_after;
use hyrax_values::{Error, Reply, ReplySink, glob_matches, parse_double, parse_integer};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// The longest `DEBUG SLEEP`.
const SLEEP_MAX: Duration = Duration::from_secs(24 * 3600);

/// `DEBUG subcommand …`.
pub fn run(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    let core = conversation.session.core.clone();
    match (&argv[1].to_ascii_lowercase()[..], &argv[2..]) {
        (b"help", []) => write_help(conversation, argv[0], HELP, out),
        (b"sleep", [seconds]) => return sleep(conversation, seconds, out),
        (b"set-active-expire", [removes]) => {
            core.removes_expired.store(parse_integer(removes) != Some(0), Relaxed);
            conversation.reply(out).status("OK");
        }
        (b"stringmatch-len", [pattern, length]) => {
            let length = parse_integer(length).and_then(|length| usize::try_from(length).ok());
            let length = length.filter(|length| *length <= LENGTH_MAX).ok_or(Error::NotInteger)?;
            let matches = glob_matches(pattern, &vec![b'a'; length]);
            conversation.reply(out).integer(i64::from(matches));
        }
        (b"protocol", [kind]) => protocol(conversation, kind, out)?,
        (b"error", [text]) => return Err(Error::Other(String::from_utf8_lossy(text).into_owned().into())),
        (b"log", [text]) => {
            tracing::warn!("DEBUG LOG: {}", text.escape_ascii());
            conversation.reply(out).status("OK");
        }
        _ => return Err(bad_subcommand("debug", argv[1])),
    }
    Ok(Flow::Done)
}

/// The longest string that `DEBUG STRINGMATCH-LEN` makes up.
const LENGTH_MAX: usize = 1 << 20;

/// `DEBUG SLEEP seconds`: this client alone waits, as no client of Hyrax holds up another.
fn sleep(conversation: &mut Conversation, seconds_asked: &[u8], out: &mut Vec<u8>) -> Result<Flow, Error> {
    let seconds = parse_double(seconds_asked).unwrap_or(0.0).clamp(0.0, SLEEP_MAX.as_secs_f64());
    if conversation.is_executing {
        conversation.reply(out).status("OK");
        return Ok(Flow::Done);
    }
    let time = Duration::from_secs_f64(seconds);
    let words: [&[u8]; 3] = [b"debug", b"sleep", seconds_asked];
    let number = lookup(words[0]).map_or(usize::MAX, |entry| entry.number(&words));
    Ok(conversation.wait(number, &words, answer_after(Some(time), Reply::Status("OK"))))
}

/// `DEBUG PROTOCOL kind`: a value of that kind.
fn protocol(conversation: &Conversation, kind: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    let is_resp3 = conversation.protocol == Protocol::Resp3;
    if is_resp3 && kind.eq_ignore_ascii_case(b"attrib") {
        out.extend_from_slice(b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n");
    }
    if is_resp3 && kind.eq_ignore_ascii_case(b"bignum") {
        out.extend_from_slice(b"(1234567999999999999999999999999999999\r\n");
        return Ok(());
    }
    let mut reply = conversation.reply(out);
    match &kind.to_ascii_lowercase()[..] {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.integer(12345),
        // Redis' own choice, written so that it is not taken for a circle's.
        b"double" => reply.double(3141.0 / 1000.0),
        b"bignum" => reply.bulk(b"1234567999999999999999999999999999999"),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"map" => {
            reply.map(3);
            for number in 0..3 {
                reply.integer(number);
                reply.boolean(number == 1);
            }
        }
        b"attrib" => reply.bulk(b"Some real reply following the attribute"),
        b"push" if !is_resp3 => return Err(Error::text("ERR RESP2 is not supported by this command")),
        b"push" => {
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.integer(42);
            reply.bulk(b"Some real reply following the push reply");
        }
        b"verbatim" => reply.verbatim("This is a verbatim\nstring"),
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        _ => {
            return Err(Error::text(
                "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(())
}

const HELP: &[&str] = &[
    "ERROR <string>",
    "    Return a Redis protocol error with <string> as message. Useful for clients",
    "    unit tests to simulate Redis errors.",
    "LOG <message>",
    "    Write <message> to the server log.",
    "PROTOCOL <type>",
    "    Reply with a test value of the specified type. <type> can be: string,",
    "    integer, double, bignum, null, array, set, map, attrib, push, verbatim,",
    "    true, false.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Setting it to 0 disables expiring keys in background when they are not",
    "    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the",
    "    default.",
    "SLEEP <seconds>",
    "    Stop answering this client for <seconds>. Decimals allowed.",
    "STRINGMATCH-LEN <pattern> <length>",
    "    Match <pattern> against a string of that length.",
];
