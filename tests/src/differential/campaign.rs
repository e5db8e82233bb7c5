//! A long run of random commands, in episodes that each begin with no keys, and what comes of it.

use std::fmt;
use std::time::{Duration, Instant};

use super::generator::{Generator, Vocabulary};
use super::pair::{Difference, Pair};
use super::random::Random;
use super::shrink::shrink;
use super::target::Target;
use crate::resp::{Argv, show};

/// How many commands an episode has: enough for keys to become entangled, few enough to play again and again.
const EPISODE_COMMANDS: usize = 2_000;

/// After how many commands the whole state is compared.
const COMPARE_STATE_EVERY: usize = 250;

/// How long to look for a shorter failing sequence.
const SHRINK_WITHIN: Duration = Duration::from_secs(60);

/// A run of random commands from a seed.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The same seed plays the same commands.
    pub seed: u64,
    /// How many to play.
    pub commands: usize,
    /// Which commands there are.
    pub vocabulary: Vocabulary,
}

/// What a campaign without a difference did.
#[derive(Clone, Copy, Debug)]
pub struct Tally {
    /// Commands played.
    pub commands: usize,
    /// How many of them both servers refused, in the same words.
    pub errors: usize,
    /// How long it took.
    pub took: Duration,
}

/// The shortest sequence found after which the two differ.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The campaign's seed.
    pub seed: u64,
    /// The sequence, to be played from no keys at all.
    pub commands: Vec<Argv>,
    /// What differs after the last.
    pub what: String,
}

impl Campaign {
    /// Plays it, and panics with the shortest sequence of commands that shows a difference.
    pub fn must_agree(&self, reference: &mut dyn Target, subject: &mut dyn Target) -> Tally {
        self.run(reference, subject).unwrap_or_else(|finding| panic!("{finding}"))
    }

    /// Plays it until a difference shows.
    pub fn run(&self, reference: &mut dyn Target, subject: &mut dyn Target) -> Result<Tally, Box<Finding>> {
        let began = Instant::now();
        let mut pair = Pair::new(reference, subject);
        let mut generator = Generator::new(self.seed, self.vocabulary);
        let mut played = 0;
        while played < self.commands {
            let length = EPISODE_COMMANDS.min(self.commands - played);
            let commands: Vec<Argv> = (0..length).map(|_| generator.command()).collect();
            if let Err(difference) = episode(&mut pair, &commands) {
                return Err(Box::new(self.finding(&mut pair, commands, difference)));
            }
            played += length;
        }
        Ok(Tally { commands: played, errors: pair.errors(), took: began.elapsed() })
    }

    fn finding(&self, pair: &mut Pair<'_>, mut commands: Vec<Argv>, first: Difference) -> Finding {
        commands.truncate(first.at + 1);
        let deadline = Instant::now() + SHRINK_WITHIN;
        let mut commands = shrink(commands, deadline, |fewer| episode(pair, fewer).is_err());
        for at in 0..commands.len() {
            let (name, words) = (commands[at][..1].to_vec(), commands[at][1..].to_vec());
            let with = |fewer: &[Vec<u8>]| {
                let mut all = commands.clone();
                all[at] = [&name, fewer].concat();
                all
            };
            let words = shrink(words, deadline, |fewer| episode(pair, &with(fewer)).is_err());
            commands = with(&words);
        }
        let again = episode(pair, &commands).err();
        if let Some(difference) = &again {
            commands.truncate(difference.at + 1);
        }
        let what = again.map_or_else(
            || format!("{}\n(only once: the same commands again made no difference)", first.what),
            |difference| difference.what,
        );
        Finding { seed: self.seed, commands, what }
    }
}

/// Plays `commands` from no keys at all, and compares the whole state every so often and at the end.
fn episode(pair: &mut Pair<'_>, commands: &[Argv]) -> Result<(), Difference> {
    pair.reset();
    let mut random = Random::new(commands.len() as u64);
    let mut from = 0;
    for part in commands.chunks(COMPARE_STATE_EVERY) {
        pair.play(part).map_err(|difference| Difference { at: from + difference.at, ..difference })?;
        from += part.len();
        pair.compare_state(&mut random).map_err(|what| Difference { at: from - 1, what })?;
    }
    Ok(())
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "a difference (seed {}), after these commands on no keys:", self.seed)?;
        for command in &self.commands {
            writeln!(formatter, "    {}", show(command))?;
        }
        write!(formatter, "{}", self.what)
    }
}
