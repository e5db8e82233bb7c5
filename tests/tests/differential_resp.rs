//! Hyrax answers through its RESP door as Redis does: the same replies, written the same, in both versions of the
//! protocol; on connections, in pipelines and transactions.

use hyrax_tests::cases;
use hyrax_tests::differential::{Campaign, Protocol, RedisTarget, Vocabulary};
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Redis;

/// How many commands are played in each version of the protocol.
const COMMANDS: usize = 75_000;

fn random_commands_agree(protocol: Protocol, seed: u64) {
    let (redis, hyrax) = (Redis::start(), Hyrax::start(&[]));
    let (seed, commands) = (cases::seed(seed), cases::count(COMMANDS));
    let campaign = Campaign { seed, commands, vocabulary: Vocabulary::Door };
    let tally = campaign.must_agree(
        &mut RedisTarget::over("redis", redis.address(), protocol),
        &mut RedisTarget::over("hyrax", hyrax.address(), protocol),
    );
    println!("{} commands, {} of them refused, in {:?}", tally.commands, tally.errors, tally.took);
}

#[test]
fn random_commands_agree_with_redis_in_resp2() {
    random_commands_agree(Protocol::Resp2, 1);
}

#[test]
fn random_commands_agree_with_redis_in_resp3() {
    random_commands_agree(Protocol::Resp3, 2);
}
