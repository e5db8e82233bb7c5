//! How much a random test runs, and from which seed.
//!
//! In an ordinary run both are fixed, so that a change is judged by the same cases as the one before it;
//! `cargo xtask soak` multiplies the count (`HYRAX_SOAK`) and moves the seed (`HYRAX_SEED`).

use std::env;

/// `ordinary` cases, or as many times more as a soak asks for.
pub fn count(ordinary: usize) -> usize {
    let factor = number_in("HYRAX_SOAK").unwrap_or(1);
    ordinary.saturating_mul(usize::try_from(factor).unwrap_or(usize::MAX))
}

/// The seed `ordinary`, moved by the soak's own.
pub fn seed(ordinary: u64) -> u64 {
    ordinary.wrapping_add(number_in("HYRAX_SEED").unwrap_or(0))
}

fn number_in(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a whole number, not {text:?}")))
}
