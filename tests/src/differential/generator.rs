//! Makes commands: mostly right, some spoiled.

use std::collections::{BTreeSet, VecDeque};

use super::commands::{GROUPS, Weighted};
use super::families::{self, Step, transaction};
use super::random::Random;
use super::rules::{Rule, is_plain, rule_of};
use super::syntax::Syntax;
use super::target::Protocol;
use super::words::{BAD_EXPIRIES, BAD_NUMBERS, Kind, Words};
use crate::resp::Argv;

/// How many commands in a hundred are spoiled after they were made.
const SPOILED_PERCENT: usize = 10;

/// How many in a thousand repetitions go on for long, to grow collections past their small encodings.
const LONG_PER_MILLE: usize = 10;

/// The shortest of those.
const LONG_REPETITION: usize = 30;

/// How many commands in a hundred begin a transaction, where there are any.
const TRANSACTION_PERCENT: usize = 3;

/// Which commands come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vocabulary {
    /// Those that the engine answers.
    Engine,
    /// Those that a RESP door answers: the engine's, those on connections, and whole transactions.
    Door,
}

/// An endless supply of random commands: the same seed gives the same ones.
#[derive(Debug)]
pub struct Generator {
    vocabulary: Vocabulary,
    /// The rest of the transaction that has begun.
    transaction: VecDeque<Step>,
    random: Random,
    words: Words,
    commands: Vec<Syntax>,
    /// For each point of all the weights, which command it stands for.
    weights: Vec<usize>,
}

impl Vocabulary {
    fn lines(self) -> impl Iterator<Item = Weighted> {
        let door = if self == Vocabulary::Door { families::DOOR } else { &[] };
        let families = families::ENGINE.iter().chain(door).flat_map(|family| family.commands);
        GROUPS.into_iter().flatten().chain(families).copied()
    }

    /// The names of the commands that it has, in capitals.
    pub fn names(self) -> BTreeSet<String> {
        let first = |(_, line): Weighted| line.split(' ').next().unwrap_or_default().to_owned();
        let of_transactions = (self == Vocabulary::Door).then(|| "MULTI".to_owned());
        self.lines().map(first).chain(of_transactions).collect()
    }
}

/// Whether a command of this name ends a transaction that is open.
fn ends_transaction(name: &[u8]) -> bool {
    ["EXEC", "DISCARD"].iter().any(|end| name.eq_ignore_ascii_case(end.as_bytes()))
}

/// A command in the making.
#[derive(Default)]
struct Draft {
    argv: Argv,
    counted: usize,
    expires: bool,
}

impl Generator {
    /// The supply of this seed.
    pub fn new(seed: u64, vocabulary: Vocabulary) -> Self {
        let (mut commands, mut weights) = (Vec::new(), Vec::new());
        for (weight, line) in vocabulary.lines() {
            weights.extend(std::iter::repeat_n(commands.len(), weight));
            commands.push(Syntax::of(line));
        }
        let (random, words) = (Random::new(seed), Words::new());
        Generator { vocabulary, transaction: VecDeque::new(), random, words, commands, weights }
    }

    /// The next command.
    pub fn command(&mut self) -> Argv {
        match self.transaction.pop_front() {
            Some(Step::Word(word)) => vec![word.as_bytes().to_vec()],
            Some(Step::Watch) => self.watch(),
            Some(Step::Queued) => self.queued(),
            Some(Step::Any) => self.single(),
            None if self.vocabulary == Vocabulary::Door && self.random.chance(TRANSACTION_PERCENT) => {
                self.transaction = transaction(&mut self.random).into();
                self.command()
            }
            None => self.single(),
        }
    }

    fn watch(&mut self) -> Argv {
        let keys = 1 + self.random.below(3);
        let keys = (0..keys).map(|_| self.words.word(Kind::Key, &mut self.random));
        std::iter::once(b"WATCH".to_vec()).chain(keys).collect()
    }

    /// A command whose reply can be compared without another call right before or after it.
    fn queued(&mut self) -> Argv {
        loop {
            let command = self.single();
            let rule = rule_of(&command, Protocol::Resp3);
            if (is_plain(rule) || rule == Rule::AtOnce) && !ends_transaction(&command[0]) {
                return command;
            }
        }
    }

    /// A command of its own.
    fn single(&mut self) -> Argv {
        let chosen = *self.random.pick(&self.weights);
        let syntax = self.commands[chosen].clone();
        let mut draft = Draft::default();
        self.expand(&syntax, &mut draft);
        if self.random.chance(SPOILED_PERCENT) {
            self.spoil(&mut draft);
        }
        tame(&mut draft.argv);
        families::all().for_each(|family| (family.tame)(&mut draft.argv));
        draft.argv
    }

    fn expand(&mut self, syntax: &Syntax, draft: &mut Draft) {
        match syntax {
            Syntax::Word(word) => {
                let word = if self.random.chance(10) { word.to_lowercase() } else { (*word).to_owned() };
                draft.argv.push(word.into_bytes());
            }
            Syntax::Kind(kind) => self.expand_kind(*kind, draft),
            Syntax::Sequence(parts) => parts.iter().for_each(|part| self.expand(part, draft)),
            Syntax::Shuffled(parts) => {
                let mut parts: Vec<&Syntax> = parts.iter().collect();
                // Most clients keep the order of the documentation.
                if self.random.chance(50) {
                    self.random.shuffle(&mut parts);
                }
                parts.into_iter().for_each(|part| self.expand(part, draft));
            }
            Syntax::Choice(choices) => {
                let choice = self.random.pick(choices).clone();
                self.expand(&choice, draft);
            }
            Syntax::Optional(part) => {
                if self.random.chance(40) {
                    self.expand(part, draft);
                }
            }
            Syntax::Repeated(part) => {
                let times = self.repetitions();
                self.words.many_members = times >= LONG_REPETITION;
                (0..times).for_each(|_| self.expand(part, draft));
                self.words.many_members = false;
            }
            Syntax::Counted(part) => {
                draft.counted = self.repetitions().min(4);
                draft.argv.push(draft.counted.to_string().into_bytes());
                (0..draft.counted).for_each(|_| self.expand(part, draft));
            }
            Syntax::AsMany(part) => (0..draft.counted).for_each(|_| self.expand(part, draft)),
        }
    }

    fn expand_kind(&mut self, kind: Kind, draft: &mut Draft) {
        draft.expires |= kind.is_expiry();
        draft.argv.push(self.words.word(kind, &mut self.random));
    }

    fn repetitions(&mut self) -> usize {
        if self.random.below(1000) < LONG_PER_MILLE {
            return LONG_REPETITION + self.random.below(200);
        }
        let mut times = 1;
        while times < 12 && self.random.chance(55) {
            times += 1;
        }
        times
    }

    /// Makes a command wrong, or at least odd, in one place.
    fn spoil(&mut self, draft: &mut Draft) {
        let argv = &mut draft.argv;
        if argv.len() < 2 {
            argv.push(b"extra".to_vec());
            return;
        }
        let place = 1 + self.random.below(argv.len() - 1);
        // A word that moves could become an expiry that is soon, so commands with one only lose or worsen words.
        match self.random.below(if draft.expires { 5 } else { 8 }) {
            0 => drop(argv.remove(place)),
            1 => argv.truncate(place),
            2 => argv.push(self.random.pick(&["extra", "NX", "LIMIT", "0", ""]).as_bytes().to_vec()),
            3 | 4 => {
                let bad: &[&str] = if draft.expires { &BAD_EXPIRIES } else { &BAD_NUMBERS };
                argv[place] = self.random.pick(bad).as_bytes().to_vec();
            }
            5 => argv[place] = self.words.word(Kind::Key, &mut self.random),
            6 => {
                let other = 1 + self.random.below(argv.len() - 1);
                argv.swap(place, other);
            }
            _ => argv.insert(place, argv[place].clone()),
        }
    }
}

/// Keeps a command from filling the memory: Redis allocates up to 512 MiB for one offset, and answers as many
/// random members as it is asked for.
fn tame(argv: &mut Argv) {
    let Some(number) =
        argv.get(2).and_then(|word| std::str::from_utf8(word).ok()?.trim().parse::<i64>().ok())
    else {
        return;
    };
    let tamed: &[u8] = match argv[0].to_ascii_uppercase().as_slice() {
        b"SETBIT" if (10_000..1 << 32).contains(&number) => b"9999",
        b"SETRANGE" if (10_000..512 << 20).contains(&number) => b"2000",
        b"SRANDMEMBER" | b"HRANDFIELD" | b"ZRANDMEMBER" if (i64::MIN + 1..-100).contains(&number) => b"-100",
        _ => return,
    };
    argv[2] = tamed.to_vec();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_makes_the_same_commands() {
        let of_seed = |seed| {
            let mut generator = Generator::new(seed, Vocabulary::Door);
            (0..500).map(|_| generator.command()).collect::<Vec<_>>()
        };
        assert_eq!(of_seed(1), of_seed(1));
        assert_ne!(of_seed(1), of_seed(2));
    }

    #[test]
    fn every_syntax_comes() {
        for vocabulary in [Vocabulary::Engine, Vocabulary::Door] {
            let mut generator = Generator::new(7, vocabulary);
            let name = |command: Argv| String::from_utf8_lossy(&command[0]).to_uppercase();
            let came: BTreeSet<String> = (0..40_000).map(|_| name(generator.command())).collect();
            assert_eq!(came, vocabulary.names());
        }
    }

    #[test]
    fn every_command_of_the_table_is_generated_or_left_out_for_a_reason() {
        let generated = Vocabulary::Engine.names();
        for command in hyrax_values::command::COMMANDS {
            let name = command.name.to_uppercase();
            let reason = families::NOT_GENERATED.iter().find(|(left_out, _)| *left_out == name);
            let is_generated = generated.contains(&name);
            assert!(is_generated || reason.is_some(), "{name} is neither generated nor left out");
            assert!(!is_generated || reason.is_none(), "{name} is generated, and left out: {reason:?}");
        }
    }

    #[test]
    fn a_relative_expiry_is_never_soon_and_never_the_same() {
        let mut generator = Generator::new(3, Vocabulary::Door);
        let mut seen = BTreeSet::new();
        for _ in 0..50_000 {
            let command = generator.command();
            let name = command[0].to_ascii_uppercase();
            let whole = match name.as_slice() {
                b"EXPIRE" | b"PEXPIRE" => command.len() >= 3,
                b"SETEX" | b"PSETEX" => command.len() == 4,
                _ => false,
            };
            if !whole {
                continue;
            }
            let parsed = command.get(2).and_then(|word| std::str::from_utf8(word).ok()?.parse::<i64>().ok());
            // What overflows is refused, what is not above zero is past.
            let Some(number) = parsed.filter(|number| (1..i64::MAX / 1000).contains(number)) else {
                continue;
            };
            if command[2].starts_with(b"+") {
                continue;
            }
            let milliseconds = if name.starts_with(b"P") { number } else { number * 1000 };
            assert!(milliseconds >= 1_000_000, "{command:?}");
            assert!(seen.insert(milliseconds), "{command:?}");
        }
        assert!(seen.len() > 1000);
    }
}
