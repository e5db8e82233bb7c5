//! How often clients were refused, by the first word of the refusal.

use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Different words counted: there are a dozen; what a client makes up must not fill the memory.
const WORDS_MAX: usize = 128;

/// Bytes within which the first word must end.
const WORD_BYTES_MAX: usize = 32;

/// Refusals by their first words.
#[derive(Default)]
pub struct ErrorCounts(Mutex<BTreeMap<Box<str>, u64>>);

impl ErrorCounts {
    /// Counts a refusal.
    pub fn count(&self, text: &str) {
        let word = text.split(' ').next().filter(|word| word.len() < WORD_BYTES_MAX).unwrap_or("ERR");
        let mut counts = self.0.lock();
        if let Some(count) = counts.get_mut(word) {
            *count += 1;
        } else if counts.len() < WORDS_MAX {
            counts.insert(word.into(), 1);
        }
    }

    /// All counts, by word.
    pub fn all(&self) -> Vec<(Box<str>, u64)> {
        self.0.lock().iter().map(|(word, count)| (word.clone(), *count)).collect()
    }

    /// Begins anew.
    pub fn reset(&self) {
        self.0.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_their_first_word() {
        let errors = ErrorCounts::default();
        errors.count("ERR a");
        errors.count("ERR b");
        errors.count("WRONGTYPE c");
        (0..1000).for_each(|number| errors.count(&format!("X{number} d")));
        let all = errors.all();
        assert_eq!((&*all[0].0, all[0].1, &*all[1].0), ("ERR", 2, "WRONGTYPE"));
        assert_eq!(all.len(), WORDS_MAX);
        errors.reset();
        assert!(errors.all().is_empty());
    }
}
