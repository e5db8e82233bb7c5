//! What an import did, and what it could not carry.

/// Counts of nodes, by what became of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Keys that were written.
    pub(super) keys: u64,
    /// Directories that were made.
    pub(super) directories: u64,
    /// Of those, nodes that end.
    pub(super) ending: u64,
    /// Nodes that were as they are to be.
    pub(super) unchanged: u64,
    /// Nodes that ended or were removed meanwhile.
    pub(super) gone: u64,
    /// Nodes that the target refused.
    pub(super) refused: u64,
    /// Keys whose value has characters in it that stand for bytes which are no text.
    pub(super) unreadable: u64,
    /// The greatest name of an in-order key, and where it is.
    pub(super) greatest_order: Option<(u64, String)>,
    /// The source's index as the import began and ended.
    pub(super) source_indexes: Option<(u64, u64)>,
    /// The target's index at the end.
    pub(super) target_index: u64,
}

impl Tally {
    /// Notes the name of a key, which may be that of an in-order key.
    pub(super) fn note_name(&mut self, name: &str, directory: &str) {
        let is_order = name.len() >= 20 && name.bytes().all(|digit| digit.is_ascii_digit());
        let Some(order) = name.parse().ok().filter(|_| is_order) else { return };
        if self.greatest_order.as_ref().is_none_or(|(greatest, _)| order > *greatest) {
            self.greatest_order = Some((order, directory.to_owned()));
        }
    }

    /// What to say at the end.
    pub(super) fn summary(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "copied {} keys and {} directories, {} of them with a time to live; {} nodes were there already",
            self.keys, self.directories, self.ending, self.unchanged
        )];
        let mut say = |count: u64, what: &str| {
            if count > 0 {
                lines.push(format!("{count} {what}"));
            }
        };
        say(self.gone, "nodes ended or were removed meanwhile");
        say(
            self.unreadable,
            "values have characters that may stand for bytes which are no text: v2's API does not show those",
        );
        if let Some((greatest, directory)) = &self.greatest_order
            && *greatest > self.target_index
        {
            lines.push(format!(
                "in-order keys made from now on come before {greatest:020} in {directory}, as the target's index is \
                 {}",
                self.target_index
            ));
        }
        if let Some((began, ended)) = self.source_indexes
            && began != ended
        {
            lines.push(format!(
                "the source was written to meanwhile (index {began} to {ended}); run it again to carry what changed"
            ));
        }
        lines.push(
            "not copied: hidden nodes (a name that begins with _), which are in no listing (name them with --also \
             PATH); indexes; the history of changes; users and roles"
                .to_owned(),
        );
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_in_order_keys_are_noted() {
        let mut tally = Tally::default();
        for name in ["17", "x", "99999999999999999999", "0000000000000000000x"] {
            tally.note_name(name, "/q");
        }
        assert_eq!(tally.greatest_order, None);
        for (name, directory) in [("00000000000000000017", "/q"), ("00000000000000000012", "/r")] {
            tally.note_name(name, directory);
        }
        assert_eq!(tally.greatest_order, Some((17, "/q".to_owned())));
        let warns = |tally: &Tally| tally.summary().iter().any(|line| line.contains("in /q"));
        assert!(warns(&tally));
        tally.target_index = 17;
        assert!(!warns(&tally));
    }

    #[test]
    fn what_did_not_happen_is_not_said() {
        let mut tally = Tally { source_indexes: Some((7, 7)), ..Tally::default() };
        assert_eq!(tally.summary().len(), 2);
        tally = Tally { gone: 1, unreadable: 2, source_indexes: Some((7, 9)), ..tally };
        assert_eq!(tally.summary().len(), 5);
    }
}
