//! The rules, each over the name and the text of one file. They know nothing of the disk.

/// The most lines that a source file may have: past that it holds more than one idea.
const LINES_MAX: usize = 700;

/// Words that mark something unfinished or left behind. Spelled in two parts, so that this file passes.
const LEFTOVERS: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("todo", "!"),
    concat!("unimplemented", "!"),
    concat!("dbg", "!"),
];

/// What only a file bound to one machine's package registry contains. Where packages come from is the
/// business of whoever builds, never of the tree.
const REGISTRY_MARKS: [&str; 8] = [
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("registry.", "npmjs.org"),
    concat!("files.", "pythonhosted.org"),
    concat!("proxy.", "golang.org"),
    concat!("replace-", "with"),
    concat!("index-", "url"),
    concat!("arti", "factory"),
];

/// Every finding in the file `name` (its path from the root, with `/`), as lines for a person.
pub fn findings(name: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    if name.ends_with(".rs") && !is_test_file(name) && !text.starts_with("//!") {
        findings.push(format!("{name}:1: start with //! and say what this module is for and does not know"));
    }
    if is_source(name) {
        let lines = text.lines().count();
        if lines > LINES_MAX {
            findings.push(format!("{name}:{lines}: more than {LINES_MAX} lines; split it by idea"));
        }
    }
    for (number, line) in (1..).zip(text.lines()) {
        if line.ends_with([' ', '\t', '\r']) {
            findings.push(format!("{name}:{number}: trailing white space"));
        }
        if let Some(word) = LEFTOVERS.iter().find(|word| is_source(name) && has_word(line, word)) {
            findings.push(format!("{name}:{number}: {word}; finish it, or open an issue"));
        }
        if let Some(mark) = REGISTRY_MARKS.iter().find(|mark| line.contains(**mark)) {
            findings.push(format!("{name}:{number}: {mark}; the tree names no package registry's host"));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        findings.push(format!("{name}: no newline at the end"));
    }
    findings
}

/// Whether the file is a test of its crate, not a module of it. The top folder `tests` is a crate itself.
fn is_test_file(name: &str) -> bool {
    let inside = name.strip_prefix("tests/").unwrap_or(name);
    let mut parts: Vec<&str> = inside.split('/').collect();
    let file = parts.pop().unwrap_or_default();
    parts.contains(&"tests") || file == "tests.rs" || file.ends_with("_tests.rs")
}

fn is_source(name: &str) -> bool {
    [".rs", ".sh", ".py", ".js", ".mjs", ".ts"].iter().any(|ending| name.ends_with(ending))
}

/// Whether `word` is in `line` with neither a letter nor a digit beside it.
fn has_word(line: &str, word: &str) -> bool {
    let is_edge = |neighbour: Option<char>| !neighbour.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        is_edge(line[..at].chars().next_back()) && is_edge(line[at + word.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, text: &str, expected: &[&str]) {
        let findings = findings(name, text);
        assert_eq!(findings.len(), expected.len(), "{findings:?}");
        for (finding, part) in findings.iter().zip(expected) {
            assert!(finding.contains(part), "{finding} does not say {part}");
        }
    }

    #[test]
    fn a_module_says_what_it_is_for() {
        check("crates/types/src/key.rs", "//! Keys.\n", &[]);
        check("crates/types/src/key.rs", "/// Keys.\n", &["start with //!"]);
        check("tests/src/lib.rs", "use std::fs;\n", &["start with //!"]);
    }

    #[test]
    fn a_test_file_needs_no_head() {
        check("crates/types/tests/keys.rs", "use std::fs;\n", &[]);
        check("crates/types/src/key/tests.rs", "use std::fs;\n", &[]);
        check("tests/tests/doors.rs", "use std::fs;\n", &[]);
    }

    #[test]
    fn a_long_source_file_is_found_and_a_long_page_is_not() {
        let long = "//! Long.\n".repeat(LINES_MAX + 1);
        check("a/src/long.rs", &long, &["701: more than 700 lines"]);
        check("docs/long.md", &long, &[]);
    }

    #[test]
    fn leftovers_are_found_as_words_only() {
        check("a/src/b.rs", concat!("//! B.\n// TO", "DO: later\n"), &["b.rs:2:"]);
        check("a/src/b.rs", concat!("//! B.\nlet a = dbg", "!(1);\n"), &["b.rs:2:"]);
        check("a/src/b.rs", concat!("//! B.\nSET k v XX", "XX\n"), &[]);
    }

    #[test]
    fn trailing_white_space_is_found_in_any_text() {
        check("docs/page.md", "one \ntwo\t\nthree\n", &["page.md:1:", "page.md:2:"]);
    }

    #[test]
    fn a_registry_of_one_machine_does_not_get_in() {
        check("Cargo.lock", "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n", &[]);
        check(".cargo/config.toml", concat!("replace-", "with = \"mirror\"\n"), &["no package registry"]);
    }
}
