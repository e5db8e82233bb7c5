//! The differential tests can be trusted: two of the same never differ, and one that is wrong is caught.

use hyrax_tests::cases;
use hyrax_tests::differential::{Campaign, Finding, Protocol, RedisTarget, Target, Vocabulary};
use hyrax_tests::peers::Redis;
use hyrax_tests::resp::{Argv, Resp, words};

#[test]
fn random_commands_agree_between_two_redis() {
    let (one, other) = (Redis::start(), Redis::start());
    let campaign =
        Campaign { seed: cases::seed(1), commands: cases::count(20_000), vocabulary: Vocabulary::Engine };
    let tally = campaign.must_agree(&mut RedisTarget::new(&one), &mut RedisTarget::new(&other));
    let per_second = tally.commands as f64 / tally.took.as_secs_f64();
    println!("{} commands, {} of them refused, {per_second:.0} a second", tally.commands, tally.errors);
    let refused_percent = 100 * tally.errors / tally.commands;
    assert!((5..50).contains(&refused_percent), "{refused_percent}% refused: too tame, or mostly nonsense");
}

#[test]
fn random_commands_agree_between_two_redis_through_their_doors() {
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let (one, other) = (Redis::start(), Redis::start());
        let commands = cases::count(20_000);
        let campaign = Campaign { seed: cases::seed(2), commands, vocabulary: Vocabulary::Door };
        campaign.must_agree(
            &mut RedisTarget::over("redis", one.address(), protocol),
            &mut RedisTarget::over("the other redis", other.address(), protocol),
        );
    }
}

/// A Redis with a fault: before a command runs, or to its reply, `fault` does something wrong.
struct Faulty<F> {
    redis: RedisTarget,
    fault: F,
}

impl<F: FnMut(&mut RedisTarget, &[Vec<u8>]) -> Resp> Target for Faulty<F> {
    fn name(&self) -> &str {
        "faulty"
    }

    fn run(&mut self, command: &[Vec<u8>]) -> Resp {
        (self.fault)(&mut self.redis, command)
    }

    fn reset(&mut self) {
        self.redis.reset();
    }

    fn settle(&mut self) {
        self.redis.settle();
    }
}

/// What a campaign finds when the subject has this fault.
fn found(fault: impl FnMut(&mut RedisTarget, &[Vec<u8>]) -> Resp) -> Box<Finding> {
    let (one, other) = (Redis::start(), Redis::start());
    let mut faulty = Faulty { redis: RedisTarget::new(&other), fault };
    let campaign = Campaign { seed: 1, commands: 200_000, vocabulary: Vocabulary::Engine };
    let finding =
        campaign.run(&mut RedisTarget::new(&one), &mut faulty).expect_err("the fault must be found");
    println!("{finding}");
    finding
}

fn is(command: &[Vec<u8>], name: &str) -> bool {
    command[0].eq_ignore_ascii_case(name.as_bytes())
}

fn names(commands: &[Argv]) -> Vec<String> {
    commands.iter().map(|command| String::from_utf8_lossy(&command[0]).to_uppercase()).collect()
}

#[test]
fn a_wrong_reply_is_found_and_shrunk() {
    let finding = found(|redis, command| match redis.run(command) {
        // Off by one, from the second bit on.
        Resp::Integer(count) if is(command, "BITCOUNT") && count > 1 => Resp::Integer(count - 1),
        reply => reply,
    });
    assert_eq!(finding.commands.len(), 2, "{finding}");
    assert_eq!(names(&finding.commands)[1], "BITCOUNT");
    assert!(finding.what.contains("redis answers (integer)"), "{finding}");
    assert!(finding.what.contains("faulty answers (integer)"), "{finding}");
}

#[test]
fn a_wrong_error_is_found_and_shrunk() {
    let finding = found(|redis, command| match redis.run(command) {
        Resp::Error(text) if is(command, "LSET") => {
            Resp::Error(text.replace("index out of range", "no such index"))
        }
        reply => reply,
    });
    assert_eq!(finding.commands.len(), 2, "{finding}");
    assert_eq!(names(&finding.commands)[1], "LSET");
}

#[test]
fn a_wrong_effect_behind_a_right_reply_is_found_and_shrunk() {
    let finding = found(|redis, command| {
        let reply = redis.run(command);
        if is(command, "ZINCRBY") && !reply.is_error() {
            // The expiry is lost with the change, as if the key were written anew.
            redis.run(&[b"PERSIST".to_vec(), command[1].clone()]);
        }
        reply
    });
    let names = names(&finding.commands);
    assert!(names.contains(&"ZINCRBY".to_owned()), "{finding}");
    assert!(names.len() <= 4, "{finding}");
}

#[test]
fn a_pop_of_what_was_not_there_is_found() {
    let finding = found(|redis, command| match redis.run(command) {
        Resp::Bulk(_) if is(command, "SPOP") => Resp::bulk("stranger"),
        reply => reply,
    });
    assert_eq!(names(&finding.commands), ["SADD", "SPOP"], "{finding}");
}

#[test]
fn a_scan_that_misses_an_element_is_found() {
    let finding = found(|redis, command| match redis.run(command) {
        Resp::Array(mut reply) if is(command, "SSCAN") => {
            if let Some(Resp::Array(elements)) = reply.last_mut() {
                elements.retain(|element| *element != Resp::bulk("d"));
            }
            Resp::Array(reply)
        }
        reply => reply,
    });
    assert!(
        finding.what.contains("SSCAN") || names(&finding.commands).contains(&"SSCAN".to_owned()),
        "{finding}"
    );
    assert!(finding.commands.len() <= 2, "{finding}");
}

#[test]
fn two_empty_servers_have_the_same_state() {
    let (one, other) = (Redis::start(), Redis::start());
    assert_eq!(one.client().run(&words("DBSIZE")), Resp::Integer(0));
    let campaign = Campaign { seed: 1, commands: 0, vocabulary: Vocabulary::Engine };
    let tally = campaign.must_agree(&mut RedisTarget::new(&one), &mut RedisTarget::new(&other));
    assert_eq!(tally.commands, 0);
}
