//! The embedded engine answers as Redis does, whatever it is asked.

use hyrax_tests::cases;
use hyrax_tests::differential::{Campaign, EngineTarget, RedisTarget, Vocabulary};
use hyrax_tests::peers::Redis;

#[test]
fn random_commands_agree_with_redis() {
    let redis = Redis::start();
    let campaign =
        Campaign { seed: cases::seed(1), commands: cases::count(100_000), vocabulary: Vocabulary::Engine };
    let tally = campaign.must_agree(&mut RedisTarget::new(&redis), &mut EngineTarget::new());
    println!("{} commands, {} of them refused, in {:?}", tally.commands, tally.errors, tally.took);
}
