//! Random commands answer, change and tell what the reference model does.

use super::commands::{KEYS, Step, core_history};
use super::text::in_order;
use super::{Driver, Make, Recorded, for_random, show};
use crate::model::{Effect, Model};
use hyrax_types::Clock;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Puts an engine through this part.
pub fn run(make: Make<'_>) {
    let time_passes = make().clock().is_some();
    for_random(&core_history(time_passes), |history| compare(&Driver(make()), &history));
}

fn compare(driver: &Driver, history: &[Step]) -> Result<(), TestCaseError> {
    let mut model = Model::default();
    let mut newest = BTreeMap::new();
    let now_ms = || driver.0.clock().map_or(0, |clock| clock.now_ms());
    for step in history {
        let (told, effects) = match step {
            Step::Pass(ms) => {
                driver.pass_ms(*ms);
                (driver.changes(), model.expire(now_ms()))
            }
            Step::Command(words) => {
                let argv = Step::argv(words);
                let (reply, told) = driver.call(&argv);
                let expected = model.run(&argv, now_ms());
                if driver.0.clock().is_some() || argv[0] != b"pttl" {
                    prop_assert_eq!(show(&in_order(reply)), show(&in_order(expected.reply)), "{:?}", step);
                }
                (told, expected.effects)
            }
        };
        for change in &told {
            let before = newest.insert(change.key.clone(), change.rev);
            prop_assert!(before.is_none_or(|before| before < change.rev), "{} does not come later", change);
        }
        prop_assert_eq!(sorted(told.into_iter().map(effect).collect()), sorted(effects), "{:?}", step);
    }
    for key in KEYS.iter().map(|key| key.as_bytes()) {
        let found = driver.snapshot(key, crate::Kind::Any).0;
        prop_assert_eq!(show(&found), show(&in_order(model.value(key))), "{:?}", key);
    }
    for (key, (_, at)) in driver.state(KEYS) {
        let expected = model.expiry(&key).map_or(-1, |at| at as i64);
        prop_assert!(at == expected || driver.0.clock().is_none(), "{:?} expires at {}", key, at);
    }
    Ok(())
}

fn effect(change: Recorded) -> Effect {
    Effect { key: change.key, command: change.command, args: change.args }
}

/// Keys of one command may be told in any order among themselves.
fn sorted(mut effects: Vec<Effect>) -> Vec<Effect> {
    effects.sort();
    effects
}
