//! What either of Redis and the embedded engine has dumped, the other restores.

use hyrax_tests::cases;
use hyrax_tests::differential::{
    EngineTarget, Generator, Pair, Random, RedisTarget, Target, Vocabulary, waits,
};
use hyrax_tests::peers::Redis;
use hyrax_tests::resp::{Argv, Resp, show, words};

/// How many random commands make the keys that are carried.
const COMMANDS: usize = 1000;

fn on(name: &str, key: &[u8]) -> Argv {
    vec![name.as_bytes().to_vec(), key.to_vec()]
}

/// Restores every key of one server on the other, with its expiry.
fn carry(from: &mut dyn Target, to: &mut dyn Target) {
    to.reset();
    let keys = from.run(&words("KEYS *"));
    for key in keys.elements().expect("keys") {
        let Resp::Bulk(key) = key else { panic!("a key expected, not {key:?}") };
        let Resp::Bulk(payload) = from.run(&on("DUMP", key)) else { continue };
        let ttl = match from.run(&on("PTTL", key)) {
            Resp::Integer(left) if left > 0 => left,
            _ => 0,
        };
        let mut restore = on("RESTORE", key);
        restore.extend([ttl.to_string().into_bytes(), payload]);
        let restored = to.run(&restore);
        assert_eq!(restored, Resp::simple("OK"), "{} restores {}", to.name(), show(&restore));
    }
}

#[test]
fn values_are_carried_there_and_back() {
    let redis = Redis::start();
    let (mut redis, mut engine) = (RedisTarget::new(&redis), EngineTarget::new());
    let mut generator = Generator::new(cases::seed(1), Vocabulary::Engine);
    for _ in 0..cases::count(20) {
        redis.reset();
        let commands: Vec<Argv> = (0..COMMANDS).map(|_| generator.command()).collect();
        let commands: Vec<Argv> =
            commands.into_iter().filter(|command| !waits(command)).collect();
        redis.run_all(&commands);
        carry(&mut redis, &mut engine);
        compare(&mut redis, &mut engine);
        carry(&mut engine, &mut redis);
        compare(&mut redis, &mut engine);
    }
}

fn compare(redis: &mut dyn Target, engine: &mut dyn Target) {
    if let Err(what) = Pair::new(redis, engine).compare_state(&mut Random::new(1)) {
        panic!("{what}");
    }
}
