//! A reference and a subject that get the same commands, and whose answers are compared.

use super::families::without_times;
use super::random::Random;
use super::rules::{
    Rule, could_be_drawn, drawn, is_plain, rule_of, same_kind, same_scan, same_shape, same_time,
};
use super::state;
use super::target::{Protocol, Target};
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
    transaction: Transaction,
}

impl<'a> Pair<'a> {
    /// `reference` is right, `subject` is to be the same.
    pub fn new(reference: &'a mut dyn Target, subject: &'a mut dyn Target) -> Self {
        assert_eq!(reference.protocol(), subject.protocol(), "replies of two protocols are not the same");
        Pair { reference, subject, errors: 0, transaction: Transaction::default() }
    }

    /// Both forget every key.
    pub fn reset(&mut self) {
        self.reference.reset();
        self.subject.reset();
        self.transaction = Transaction::default();
    }

    /// How many of the commands played so far both refused.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Plays the commands on both, in pipelines where their rule needs no further calls in between.
    ///
    /// Within a transaction those that need calls are left out: what they do shows only when it ends.
    pub fn play(&mut self, commands: &[Argv]) -> Result<(), Difference> {
        let mut pipeline = Vec::new();
        for (at, command) in commands.iter().enumerate() {
            let rule = self.rule_of(command);
            if is_plain(rule) || rule == Rule::AtOnce && self.transaction.is_open {
                pipeline.push(at);
            } else if !self.transaction.is_open {
                self.play_plain(commands, &std::mem::take(&mut pipeline))?;
                self.play_one(command).map_err(|what| Difference { at, what })?;
            }
            self.transaction.sends(command);
        }
        self.play_plain(commands, &pipeline)
    }

    /// Compares every key, with its type, content and expiry; `random` chooses how scans go.
    pub fn compare_state(&mut self, random: &mut Random) -> Result<(), String> {
        state::compare(self.reference, self.subject, random)
    }

    fn rule_of(&self, command: &Argv) -> Rule {
        rule_of(command, self.reference.protocol())
    }

    /// Plays those at `places` of `commands`.
    fn play_plain(&mut self, commands: &[Argv], places: &[usize]) -> Result<(), Difference> {
        let played: Vec<Argv> = places.iter().map(|&at| commands[at].clone()).collect();
        let references = self.reference.run_all(&played);
        let subjects = self.subject.run_all(&played);
        assert_eq!(references.len(), played.len(), "{} answers each command", self.reference.name());
        assert_eq!(subjects.len(), played.len(), "{} answers each command", self.subject.name());
        for (number, command) in played.iter().enumerate() {
            let (reference, subject) = (&references[number], &subjects[number]);
            let same = self.same_plain(command, reference, subject, number);
            self.transaction.got(command, reference);
            self.judge(same, reference, subject).map_err(|what| Difference { at: places[number], what })?;
        }
        Ok(())
    }

    /// Whether the replies to a command agree, which is the one of this number in its pipeline.
    fn same_plain(
        &self,
        command: &Argv,
        reference: &Resp,
        subject: &Resp,
        number: usize,
    ) -> Result<(), Unlike> {
        let (mut is_exact, mut same) = (true, true);
        let mut compare = |command: &Argv, ours: &Resp, theirs: &Resp| {
            let rule = self.rule_of(command);
            is_exact &= is_exact_rule(rule);
            same &= same_by(rule, command, ours, theirs);
        };
        match (self.transaction.ended_by(command), reference.elements(), subject.elements()) {
            (Some(queued), Some(ours), Some(theirs))
                if ours.len() == queued.len() && theirs.len() == queued.len() =>
            {
                for (command, (ours, theirs)) in queued.iter().zip(ours.iter().zip(theirs)) {
                    compare(command, ours, theirs);
                }
            }
            _ => compare(command, reference, subject),
        }
        if !same {
            return Err(Unlike::Replies);
        }
        let wires = self.reference.wire().get(number).zip(self.subject.wire().get(number));
        match wires {
            Some((ours, theirs)) if !same_wire(ours, theirs, is_exact) => {
                Err(Unlike::Bytes(ours.clone(), theirs.clone()))
            }
            _ => Ok(()),
        }
    }

    fn play_one(&mut self, command: &Argv) -> Result<(), String> {
        let rule = self.rule_of(command);
        if let Rule::Lex(place) = rule
            && !self.has_one_score(command.get(place))
        {
            return Ok(());
        }
        if let Rule::Sort { of_list } = rule {
            let Some(key) = command.get(1) else { return Ok(()) };
            if of_list && !self.holds_list(key) || self.has_tiny_score(key) {
                return Ok(());
            }
            // Redis' SORT looks at an error number that earlier commands may have left; this clears it.
            self.reference.look(&[words("INCRBYFLOAT missing none")]);
        }
        if matches!(rule, Rule::KeyCount | Rule::KeySize) {
            self.reference.settle();
            self.subject.settle();
        }
        let reference = self.reference.run(command);
        let subject = self.subject.run(command);
        let wires = self.reference.wire().first().zip(self.subject.wire().first());
        if let Some((ours, theirs)) = wires
            && !same_wire(ours, theirs, reference == subject)
        {
            return self.judge(Err(Unlike::Bytes(ours.clone(), theirs.clone())), &reference, &subject);
        }
        let same = match rule {
            Rule::Pop => {
                same_shape(&reference, &subject) && self.make_pops_equal(command, &reference, &subject)
            }
            Rule::Sample => same_shape(&reference, &subject) && self.could_be_sample(command, &subject),
            Rule::AnyKey => same_shape(&reference, &subject) && self.is_key(&subject),
            Rule::KeySize => same_shape(&reference, &subject),
            _ => reference.same(&subject),
        };
        self.judge(if same { Ok(()) } else { Err(Unlike::Replies) }, &reference, &subject)
    }

    fn judge(&mut self, same: Result<(), Unlike>, reference: &Resp, subject: &Resp) -> Result<(), String> {
        let (our_name, their_name) = (self.reference.name(), self.subject.name());
        match same {
            Ok(()) => {
                self.errors += usize::from(reference.is_error());
                Ok(())
            }
            Err(Unlike::Replies) => {
                Err(format!("{our_name} answers {reference:?}\n{their_name} answers {subject:?}"))
            }
            Err(Unlike::Bytes(ours, theirs)) => Err(format!(
                "{our_name} answers {reference:?}\n  as {}\n{their_name} answers {subject:?}\n  as {}",
                ours.escape_ascii(),
                theirs.escape_ascii()
            )),
        }
    }

    /// Whether `key` is no sorted set with several scores: the order by member is undefined in those.
    fn has_one_score(&mut self, key: Option<&Vec<u8>>) -> bool {
        let Some(key) = key else { return true };
        let score_at = |index: &[u8]| {
            [b"ZRANGE", key.as_slice(), index, index, b"WITHSCORES"].map(<[u8]>::to_vec).to_vec()
        };
        let ends = self.reference.look(&[score_at(b"0"), score_at(b"-1")]);
        let score = |reply: &Resp| reply.elements()?.first()?.elements()?.last().cloned();
        score(&ends[0]) == score(&ends[1])
    }

    fn holds_list(&mut self, key: &[u8]) -> bool {
        state::look(self.reference, vec![b"TYPE".to_vec(), key.to_vec()]) == Resp::simple("list")
    }

    /// Whether `key` is a sorted set with a score next to zero: reading that out of its compact form leaves an
    /// error number behind.
    fn has_tiny_score(&mut self, key: &[u8]) -> bool {
        let count = |min: &str, max: &str| {
            [b"ZCOUNT", key, min.as_bytes(), max.as_bytes()].map(<[u8]>::to_vec).to_vec()
        };
        let counts = self.reference.look(&[count("-1e-300", "1e-300"), count("0", "0")]);
        counts[0] != counts[1]
    }

    /// Whether what the subject popped was there, and if so, gives and takes from it until it is left with what
    /// the reference is left with.
    fn make_pops_equal(&mut self, command: &Argv, reference: &Resp, subject: &Resp) -> bool {
        let (ours, theirs) = (drawn(reference), drawn(subject));
        if ours.is_empty() {
            return true;
        }
        let key = &command[1];
        let left = state::look(self.reference, vec![b"SMEMBERS".to_vec(), key.clone()]);
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
                self.subject.look(&[command]);
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
        let in_pairs = self.subject.protocol() == Protocol::Resp3;
        let contents = state::contents(self.reference, &command[1]);
        let contents: Vec<Resp> = contents
            .into_iter()
            .map(|mut words| if with_values && in_pairs { Resp::Array(words) } else { words.swap_remove(0) })
            .collect();
        let distinct = !command.get(2).is_some_and(|count| count.starts_with(b"-"));
        if with_values && !in_pairs {
            // Names and values take turns; the state tells which value belongs to which name.
            let names: Vec<Resp> = drawn.iter().step_by(2).cloned().collect();
            return could_be_drawn(&names, &contents, distinct);
        }
        could_be_drawn(drawn, &contents, distinct)
    }

    fn is_key(&mut self, subject: &Resp) -> bool {
        match subject {
            Resp::Bulk(key) => {
                let asked = vec![b"EXISTS".to_vec(), key.clone()];
                state::look(self.reference, asked) == Resp::Integer(1)
            }
            _ => true,
        }
    }
}

/// In what two replies differ.
enum Unlike {
    /// In what they say.
    Replies,
    /// Only in how it is written.
    Bytes(Vec<u8>, Vec<u8>),
}

/// Whether equal replies have equal bytes, but for the order of elements.
fn is_exact_rule(rule: Rule) -> bool {
    matches!(rule, Rule::Same | Rule::Unordered)
}

fn same_by(rule: Rule, command: &Argv, reference: &Resp, subject: &Resp) -> bool {
    match rule {
        Rule::Unordered => reference.same_unordered(subject),
        Rule::Time(tolerance) => same_time(reference, subject, tolerance),
        Rule::Scan(words_each) => same_scan(command, reference, subject, words_each),
        Rule::Shape => same_shape(reference, subject),
        Rule::Kind => same_kind(reference, subject),
        Rule::Clock => without_times(reference).same(&without_times(subject)),
        _ => reference.same(subject),
    }
}

/// Whether two replies are written alike: of one type or, when their content is the same, in the same lines in any
/// order. It tells a null from a null array, and one spelling of a number from another.
fn same_wire(ours: &[u8], theirs: &[u8], is_exact: bool) -> bool {
    if !is_exact {
        return ours.first() == theirs.first();
    }
    let lines = |bytes: &[u8]| {
        let mut lines: Vec<Vec<u8>> = bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
        lines.sort_unstable();
        lines
    };
    ours == theirs || lines(ours) == lines(theirs)
}

/// What is known of a transaction on the connection that gets the commands.
#[derive(Default)]
struct Transaction {
    /// Whether one is open after the commands that were sent so far.
    is_open: bool,
    /// What was queued, as the replies so far tell.
    queued: Vec<Argv>,
}

impl Transaction {
    fn sends(&mut self, command: &Argv) {
        match command.as_slice() {
            [word] if word.eq_ignore_ascii_case(b"MULTI") => self.is_open = true,
            [word] if is_end(word) => self.is_open = false,
            _ => {}
        }
    }

    fn got(&mut self, command: &Argv, reply: &Resp) {
        match command.as_slice() {
            [word] if is_end(word) => self.queued.clear(),
            _ if *reply == Resp::simple("QUEUED") => self.queued.push(command.clone()),
            _ => {}
        }
    }

    /// What was queued, when this command has it run.
    fn ended_by(&self, command: &Argv) -> Option<&[Argv]> {
        match command.as_slice() {
            [word] if word.eq_ignore_ascii_case(b"EXEC") => Some(&self.queued),
            _ => None,
        }
    }
}

fn is_end(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"EXEC") || word.eq_ignore_ascii_case(b"DISCARD")
}
