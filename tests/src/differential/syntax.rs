//! The notation of `commands.rs`, read into a tree. It is Redis' own, with a little more:
//!
//! | written | means |
//! |---|---|
//! | `SET` | this word |
//! | `<key>` | a word of this kind, see `words.rs` |
//! | `( a \| b )` | one of them |
//! | `[ a \| b ]` | one of them, or nothing |
//! | `{ a }` | once or more |
//! | `#{ a }` | how many, then that many |
//! | `={ a }` | as many as the last `#{ }` had |
//! | `%( a b )` | all, in any order |

use super::words::Kind;

/// A piece of a command's syntax.
#[derive(Clone, Debug)]
pub enum Syntax {
    /// This word.
    Word(&'static str),
    /// A word of this kind.
    Kind(Kind),
    /// All, in this order.
    Sequence(Vec<Syntax>),
    /// All, in any order.
    Shuffled(Vec<Syntax>),
    /// One of them.
    Choice(Vec<Syntax>),
    /// It, or nothing.
    Optional(Box<Syntax>),
    /// Once or more.
    Repeated(Box<Syntax>),
    /// How many, then that many.
    Counted(Box<Syntax>),
    /// As many as were counted last.
    AsMany(Box<Syntax>),
}

impl Syntax {
    /// Reads a line of the notation; panics on what is not, since every line is part of this crate.
    pub fn of(line: &'static str) -> Self {
        let mut reader = Reader { rest: line };
        let syntax = reader.alternatives();
        assert!(reader.rest.is_empty(), "unbalanced brackets in {line:?}");
        syntax
    }
}

struct Reader {
    rest: &'static str,
}

impl Reader {
    /// Alternatives up to a closing bracket, or the end.
    fn alternatives(&mut self) -> Syntax {
        let mut choices = vec![self.sequence()];
        while self.takes("|") {
            choices.push(self.sequence());
        }
        if choices.len() == 1 { choices.remove(0) } else { Syntax::Choice(choices) }
    }

    fn sequence(&mut self) -> Syntax {
        let mut parts = self.parts();
        if parts.len() == 1 { parts.remove(0) } else { Syntax::Sequence(parts) }
    }

    fn parts(&mut self) -> Vec<Syntax> {
        let mut parts = Vec::new();
        loop {
            if self.takes("%(") {
                parts.push(Syntax::Shuffled(self.parts()));
                self.closes(")");
            } else if self.takes("(") {
                parts.push(self.alternatives());
                self.closes(")");
            } else if self.takes("[") {
                parts.push(Syntax::Optional(Box::new(self.alternatives())));
                self.closes("]");
            } else if self.takes("#{") {
                parts.push(Syntax::Counted(Box::new(self.alternatives())));
                self.closes("}");
            } else if self.takes("={") {
                parts.push(Syntax::AsMany(Box::new(self.alternatives())));
                self.closes("}");
            } else if self.takes("{") {
                parts.push(Syntax::Repeated(Box::new(self.alternatives())));
                self.closes("}");
            } else if let Some(word) = self.word() {
                let kind = word.strip_prefix('<').and_then(|word| word.strip_suffix('>'));
                parts.push(kind.map_or(Syntax::Word(word), |name| Syntax::Kind(Kind::named(name))));
            } else {
                return parts;
            }
        }
    }

    fn word(&mut self) -> Option<&'static str> {
        self.rest = self.rest.trim_start();
        let end =
            self.rest.find(|c: char| c.is_whitespace() || "()[]{}|".contains(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    fn takes(&mut self, mark: &str) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(mark);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn closes(&mut self, mark: &str) {
        assert!(self.takes(mark), "{mark} expected before {:?}", self.rest);
    }
}
