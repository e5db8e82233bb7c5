//! A reference and a subject that get the same commands, and whose answers are compared.

use super::random::Random;
use super::rules::{Rule, could_be_drawn, drawn, rule_of, same_scan, same_shape, same_time};
use super::state;
use super::target::Target;
use crate::resp::{Argv, Resp, words};

/// Where two servers differed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The command after which it showed, counted from the first that was played.
    pub at: usize,
    /// What differed, for a person.
    pub what: String,
}

/// Two servers side by side.
pub struct Pair<'a> {
    reference: &'a mut dyn Target,
    subject: &'a mut dyn Target,
    errors: usize,
}

impl<'a> Pair<'a> {
    /// `reference` is right, `subject` is to be the same.
    pub fn new(reference: &'a mut dyn Target, subject: &'a mut dyn Target) -> Self {
        Pair { reference, subject, errors: 0 }
    }

    /// Both forget every key.
    pub fn reset(&mut self) {
        self.reference.reset();
        self.subject.reset();
    }

    /// How many of the commands played so far both refused.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Plays the commands on both, in pipelines where their rule needs no further calls in between.
    pub fn play(&mut self, commands: &[Argv]) -> Result<(), Difference> {
        let mut next = 0;
        while next < commands.len() {
            let rest = &commands[next..];
            let plain = rest.iter().take_while(|command| is_plain(rule_of(command))).count();
            self.play_plain(&rest[..plain])
                .map_err(|difference| Difference { at: next + difference.at, ..difference })?;
            next += plain;
            if let Some(command) = commands.get(next) {
                self.play_one(command).map_err(|what| Difference { at: next, what })?;
                next += 1;
            }
        }
        Ok(())
    }

    /// Compares every key, with its type, content and expiry; `random` chooses how scans go.
    pub fn compare_state(&mut self, random: &mut Random) -> Result<(), String> {
        state::compare(self.reference, self.subject, random)
    }

    fn play_plain(&mut self, commands: &[Argv]) -> Result<(), Difference> {
        let references = self.reference.run_all(commands);
        let subjects = self.subject.run_all(commands);
        assert_eq!(references.len(), commands.len(), "{} answers each command", self.reference.name());
        assert_eq!(subjects.len(), commands.len(), "{} answers each command", self.subject.name());
        for (at, command) in commands.iter().enumerate() {
            let (reference, subject) = (&references[at], &subjects[at]);
            let same = match rule_of(command) {
                Rule::Unordered => reference.same_unordered(subject),
                Rule::Time(tolerance) => same_time(reference, subject, tolerance),
                Rule::Scan(words_each) => same_scan(command, reference, subject, words_each),
                _ => reference.same(subject),
            };
            self.judge(same, reference, subject).map_err(|what| Difference { at, what })?;
        }
        Ok(())
    }

    fn play_one(&mut self, command: &Argv) -> Result<(), String> {
        let rule = rule_of(command);
        if let Rule::Lex(place) = rule
            && !self.has_one_score(command.get(place))
        {
            return Ok(());
        }
        if rule == Rule::KeyCount {
            self.reference.settle();
            self.subject.settle();
        }
        let reference = self.reference.run(command);
        let subject = self.subject.run(command);
        let same = match rule {
            Rule::Pop => {
                same_shape(&reference, &subject) && self.make_pops_equal(command, &reference, &subject)
            }
            Rule::Sample => same_shape(&reference, &subject) && self.could_be_sample(command, &subject),
            Rule::AnyKey => same_shape(&reference, &subject) && self.is_key(&subject),
            _ => reference.same(&subject),
        };
        self.judge(same, &reference, &subject)
    }

    fn judge(&mut self, same: bool, reference: &Resp, subject: &Resp) -> Result<(), String> {
        if !same {
            let (ours, theirs) = (self.reference.name(), self.subject.name());
            return Err(format!("{ours} answers {reference:?}\n{theirs} answers {subject:?}"));
        }
        self.errors += usize::from(reference.is_error());
        Ok(())
    }

    /// Whether `key` is no sorted set with several scores: the order by member is undefined in those.
    fn has_one_score(&mut self, key: Option<&Vec<u8>>) -> bool {
        let Some(key) = key else { return true };
        let score_at = |index: &[u8]| {
            [b"ZRANGE", key.as_slice(), index, index, b"WITHSCORES"].map(<[u8]>::to_vec).to_vec()
        };
        let ends = self.reference.run_all(&[score_at(b"0"), score_at(b"-1")]);
        let score = |reply: &Resp| reply.elements()?.first()?.elements()?.last().cloned();
        score(&ends[0]) == score(&ends[1])
    }

    /// Whether what the subject popped was there, and if so, gives and takes from it until it is left with what
    /// the reference is left with.
    fn make_pops_equal(&mut self, command: &Argv, reference: &Resp, subject: &Resp) -> bool {
        let (ours, theirs) = (drawn(reference), drawn(subject));
        if ours.is_empty() {
            return true;
        }
        let key = &command[1];
        let left = self.reference.run(&[b"SMEMBERS".to_vec(), key.clone()]);
        let before = [left.elements().unwrap_or_default(), ours].concat();
        if !could_be_drawn(theirs, &before, true) {
            return false;
        }
        // Given first: a set that were empty in between would lose its expiry.
        for (name, elements, except) in [("SADD", theirs, ours), ("SREM", ours, theirs)] {
            let mut command = words(name);
            command.push(key.clone());
            command.extend(elements.iter().filter(|element| !except.contains(element)).filter_map(
                |element| match element {
                    Resp::Bulk(member) => Some(member.clone()),
                    _ => None,
                },
            ));
            if command.len() > 2 {
                self.subject.run(&command);
            }
        }
        true
    }

    fn could_be_sample(&mut self, command: &Argv, subject: &Resp) -> bool {
        let drawn = drawn(subject);
        if drawn.is_empty() {
            return true;
        }
        let with_values = command.len() > 3;
        let contents = state::contents(self.reference, &command[1]);
        let contents: Vec<Resp> = contents
            .into_iter()
            .map(|mut words| if with_values { Resp::Array(words) } else { words.swap_remove(0) })
            .collect();
        let distinct = !command.get(2).is_some_and(|count| count.starts_with(b"-"));
        could_be_drawn(drawn, &contents, distinct)
    }

    fn is_key(&mut self, subject: &Resp) -> bool {
        match subject {
            Resp::Bulk(key) => self.reference.run(&[b"EXISTS".to_vec(), key.clone()]) == Resp::Integer(1),
            _ => true,
        }
    }
}

/// Whether the replies alone decide.
fn is_plain(rule: Rule) -> bool {
    matches!(rule, Rule::Same | Rule::Unordered | Rule::Time(_) | Rule::Scan(_))
}
