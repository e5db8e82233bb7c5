//! Which elements the commands draw that answer with random ones.

use crate::Error;
use hashbrown::HashSet;

/// The most draws with repetition, which the size of the data does not bound.
const DRAWS_MAX: u64 = 1 << 20;
/// The most bytes that draws with repetition answer: no more than one string may have.
const REPLY_BYTES_MAX: usize = 512 << 20;

const TOO_MUCH: Error = Error::text("ERR value is out of range");

/// Positions below `len` (which is not zero): `count` different ones, or all; for a negative count as
/// many as its magnitude, each drawn from all.
pub(super) fn positions(random: &mut fastrand::Rng, len: usize, count: i64) -> Result<Vec<usize>, Error> {
    match usize::try_from(count) {
        Ok(count) => Ok(distinct(random, len, count)),
        Err(_) if count.unsigned_abs() > DRAWS_MAX => Err(TOO_MUCH),
        Err(_) => Ok((0..count.unsigned_abs()).map(|_| random.usize(..len)).collect()),
    }
}

/// `count` different positions below `len`, or all: Floyd's algorithm, one draw for each.
pub(super) fn distinct(random: &mut fastrand::Rng, len: usize, count: usize) -> Vec<usize> {
    if count >= len {
        return (0..len).collect();
    }
    let mut drawn = HashSet::with_capacity_and_hasher(count, foldhash::fast::RandomState::default());
    let mut positions = Vec::with_capacity(count);
    for last in len - count..len {
        let position = random.usize(..=last);
        let fresh = if drawn.insert(position) { position } else { last };
        drawn.insert(fresh);
        positions.push(fresh);
    }
    positions
}

/// Refuses an answer that repetition has made too large.
pub(super) fn check_reply_bytes(mut sizes: impl Iterator<Item = usize>) -> Result<(), Error> {
    let total = sizes
        .try_fold(0, |total: usize, size| total.checked_add(size).filter(|&total| total <= REPLY_BYTES_MAX));
    total.map(|_| ()).ok_or(TOO_MUCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_positions_are_different_and_every_one_is_drawn() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut times = [0; 10];
        for _ in 0..10_000 {
            let drawn = distinct(&mut random, 10, 3);
            assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), 3);
            drawn.iter().for_each(|&position| times[position] += 1);
        }
        assert!(times.iter().all(|&times| (2_700..3_300).contains(&times)), "{times:?}");
    }

    #[test]
    fn draws_with_repetition_are_bounded() {
        let mut random = fastrand::Rng::with_seed(1);
        assert_eq!(positions(&mut random, 2, -100).map(|drawn| drawn.len()), Ok(100));
        assert_eq!(positions(&mut random, 2, i64::MIN + 1), Err(TOO_MUCH));
        assert!(check_reply_bytes([REPLY_BYTES_MAX, 1].into_iter()).is_err());
    }
}
