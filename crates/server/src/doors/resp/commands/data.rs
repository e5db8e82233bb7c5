//! What Redis 7.0.15 says of its commands: its replies to `COMMAND` and `COMMAND DOCS`, one command a
//! line, as JSON: `"+ok"` is a status, `"$ok"` a byte string, `{"~":…}` a set, `{"%":…}` a map.
//!
//! A test compares the files with the real server, and writes them anew when told to.

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

static INFO: &str = include_str!("info.jsonl");
static DOCS: &str = include_str!("docs.jsonl");
static HYRAX_INFO: &str = include_str!("hyrax_info.jsonl");
static HYRAX_DOCS: &str = include_str!("hyrax_docs.jsonl");

/// A line for each command, by its name.
type Lines = BTreeMap<&'static str, &'static str>;

fn by_name(texts: [&'static str; 2]) -> Lines {
    let named = |line: &'static str| Some((line.strip_prefix("[\"$")?.split('"').next()?, line));
    texts.iter().flat_map(|text| text.lines()).filter_map(named).collect()
}

fn tree(lines: &Lines, name: &str) -> Option<Value> {
    lines.get(name).and_then(|line| serde_json::from_str(line).ok())
}

/// The full names of all subcommands (`client|list`), of commands that are here.
pub fn subcommand_names(commands: impl Iterator<Item = &'static str>) -> Vec<String> {
    let mentions_some = |name: &&str| {
        let line = [INFO, HYRAX_INFO].iter().flat_map(|text| text.lines()).find(|line| is_of(line, name));
        line.is_some_and(|line| line.contains(&format!("\"${name}|")))
    };
    let specs = commands.filter(mentions_some).map(Spec::of);
    specs.flat_map(|spec| spec.subcommands).map(|spec| spec.full_name).collect()
}

fn is_of(line: &str, name: &str) -> bool {
    line.strip_prefix("[\"$").is_some_and(|rest| rest.split('"').next() == Some(name))
}

/// What `COMMAND INFO` says of a command.
pub fn info(name: &str) -> Option<Value> {
    static LINES: LazyLock<Lines> = LazyLock::new(|| by_name([INFO, HYRAX_INFO]));
    tree(&LINES, name)
}

/// What `COMMAND DOCS` says of a command.
pub fn docs(name: &str) -> Option<Value> {
    static LINES: LazyLock<Lines> = LazyLock::new(|| by_name([DOCS, HYRAX_DOCS]));
    match tree(&LINES, name)? {
        Value::Array(mut pair) => pair.pop(),
        _ => None,
    }
}

/// What the door must know of a command before it runs.
#[derive(Debug, Default)]
pub struct Spec {
    /// Its name, as in `client|list`.
    pub full_name: String,
    /// Its place among the metrics' names, once it has one.
    pub number: usize,
    /// How many words, its name among them: exactly, or at least when negative.
    pub arity: i64,
    /// Whether it may be run before a login.
    pub no_auth: bool,
    /// Whether it may not be run in a transaction.
    pub no_multi: bool,
    /// Whether it is for those who administer.
    pub is_admin: bool,
    /// Its subcommands.
    pub subcommands: Vec<Spec>,
}

impl Spec {
    /// What is known of a command.
    pub fn of(name: &str) -> Spec {
        info(name).as_ref().and_then(Spec::read).unwrap_or_default()
    }

    fn read(info: &Value) -> Option<Spec> {
        let flags = elements(info.get(2)?);
        let has = |flag: &str| flags.iter().any(|held| held.as_str() == Some(flag));
        Some(Spec {
            full_name: info.get(0)?.as_str()?.strip_prefix('$')?.to_owned(),
            number: usize::MAX,
            arity: info.get(1)?.as_i64()?,
            no_auth: has("+no_auth"),
            no_multi: has("+no_multi"),
            is_admin: has("+admin"),
            subcommands: elements(info.get(9)?).iter().filter_map(Spec::read).collect(),
        })
    }

    /// What is known of a subcommand.
    pub fn subcommand(&self, word: &[u8]) -> Option<&Spec> {
        self.subcommands.iter().find(|spec| {
            let name = spec.full_name.split('|').nth(1).unwrap_or_default();
            word.eq_ignore_ascii_case(name.as_bytes())
        })
    }
}

/// The elements of an array or a set.
pub fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(elements) => elements,
        Value::Object(fields) => fields.get("~").map_or(&[], elements),
        _ => &[],
    }
}
