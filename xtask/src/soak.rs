//! `cargo xtask soak`: the random tests, at length and with new seeds.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::step::Step;
use crate::{peers, test};

/// How many times its usual number of cases each random test runs in a round.
const CASES_FACTOR: u32 = 10;

/// What the names of the tests that take part contain.
const RANDOM_TESTS: &str = "random";

/// Runs rounds until `minutes` have passed, or one fails.
pub fn run(root: &Path, minutes: u64) -> Result<()> {
    peers::ensure()?;
    test::build_binary(root)?;
    let runner = if test::has_nextest() {
        format!("cargo nextest run --profile soak --workspace {RANDOM_TESTS}")
    } else {
        format!("cargo test --workspace {RANDOM_TESTS}")
    };
    let began = Instant::now();
    for round in 1_u64.. {
        let seed = seed_of(round);
        Step::new(&runner)
            .within(root)
            .env("HYRAX_SOAK", &CASES_FACTOR.to_string())
            .env("HYRAX_SEED", &seed.to_string())
            .run(&format!("to run it again: HYRAX_SOAK={CASES_FACTOR} HYRAX_SEED={seed} {runner}"))?;
        println!("Round {round} passed, {} minutes after the start", began.elapsed().as_secs() / 60);
        if began.elapsed() >= Duration::from_secs(minutes.saturating_mul(60)) {
            break;
        }
    }
    Ok(())
}

/// A seed that no earlier round or soak is likely to have had.
fn seed_of(round: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_secs().wrapping_mul(1000).wrapping_add(round)
}
