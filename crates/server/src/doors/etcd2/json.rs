//! Answers in JSON, byte by byte as etcd writes them.

use hyrax_recipes::tree::{Action, Kind, Node, TreeEvent};

/// `{"action":…,"node":…,"prevNode":…}`.
pub(super) fn event(event: &TreeEvent) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    begin(&mut out, event.action);
    out.extend_from_slice(b",\"node\":");
    node(&mut out, &event.node, event.now_ns);
    if let Some(previous) = &event.previous {
        out.extend_from_slice(b",\"prevNode\":");
        node(&mut out, previous, event.now_ns);
    }
    out.extend_from_slice(b"}\n");
    out
}

/// The same of what was read.
pub(super) fn found(found: &Node, now_ns: i64) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    begin(&mut out, Action::Get);
    out.extend_from_slice(b",\"node\":");
    node(&mut out, found, now_ns);
    out.extend_from_slice(b"}\n");
    out
}

/// The same without any node, for who does not want to read it.
pub(super) fn done(action: Action) -> Vec<u8> {
    let mut out = Vec::new();
    begin(&mut out, action);
    out.extend_from_slice(b"}\n");
    out
}

fn begin(out: &mut Vec<u8>, action: Action) {
    out.extend_from_slice(b"{\"action\":\"");
    out.extend_from_slice(action.name().as_bytes());
    out.push(b'"');
}

/// A node, without what is zero, empty or not there.
fn node(out: &mut Vec<u8>, node: &Node, now_ns: i64) {
    let mut fields = Fields::begin(out);
    if !node.path.is_root() {
        string(fields.name("key"), node.path.as_bytes());
    }
    if let Some(value) = &node.value {
        string(fields.name("value"), value);
    }
    if node.kind == Kind::Directory {
        fields.name("dir").extend_from_slice(b"true");
    }
    if let Some(ends_ns) = node.ends_ns {
        let out = fields.name("expiration");
        out.push(b'"');
        time(out, ends_ns);
        out.push(b'"');
        let ttl_s = node.ttl_s(now_ns);
        if ttl_s != 0 {
            number(fields.name("ttl"), ttl_s);
        }
    }
    if !node.nodes.is_empty() {
        let out = fields.name("nodes");
        // A path has so few parts that this ends.
        for (place, inner) in node.nodes.iter().enumerate() {
            out.push(if place == 0 { b'[' } else { b',' });
            self::node(out, inner, now_ns);
        }
        out.push(b']');
    }
    if node.modified != 0 {
        number(fields.name("modifiedIndex"), node.modified);
    }
    if node.created != 0 {
        number(fields.name("createdIndex"), node.created);
    }
    out.push(b'}');
}

/// The fields of an object that is being written.
struct Fields<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> Fields<'a> {
    fn begin(out: &'a mut Vec<u8>) -> Fields<'a> {
        out.push(b'{');
        Fields { out, first: true }
    }

    /// Writes a field's name. Its value comes next.
    fn name(&mut self, name: &str) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }
}

fn number(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// A string as Go's library writes it: safe within a page, and every byte that is no text as U+FFFD.
pub(super) fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    // Many at a time, without a way out between them: the compiler makes few instructions of that.
    if text.chunks(64).all(|bytes| bytes.iter().fold(true, |plain, &byte| plain & is_plain(byte))) {
        out.extend_from_slice(text);
    } else {
        for chunk in text.utf8_chunks() {
            chunk.valid().chars().for_each(|char| character(out, char));
            chunk.invalid().iter().for_each(|_| out.extend_from_slice(b"\\ufffd"));
        }
    }
    out.push(b'"');
}

/// Whether a byte stands for itself.
fn is_plain(byte: u8) -> bool {
    (0x20..0x80).contains(&byte)
        & (byte != b'"')
        & (byte != b'\\')
        & (byte != b'<')
        & (byte != b'>')
        & (byte != b'&')
}

fn character(out: &mut Vec<u8>, char: char) {
    match char {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\0'..='\x1f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
            out.extend_from_slice(format!("\\u{:04x}", char as u32).as_bytes());
        }
        char => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// A time as RFC 3339 has it, in UTC, with as many digits of a second as it needs.
pub(super) fn time(out: &mut Vec<u8>, ns: i64) {
    const NS_PER_S: i64 = 1_000_000_000;
    const S_PER_DAY: i64 = 86_400;
    let (seconds, ns) = (ns.div_euclid(NS_PER_S), ns.rem_euclid(NS_PER_S));
    let (day, second) = (seconds.div_euclid(S_PER_DAY), seconds.rem_euclid(S_PER_DAY));
    let (year, month, day) = date(day);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    out.extend_from_slice(
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}").as_bytes(),
    );
    if ns != 0 {
        let digits = format!(".{ns:09}");
        out.extend_from_slice(digits.trim_end_matches('0').as_bytes());
    }
    out.push(b'Z');
}

/// The date of a day, counted from 1970-01-01. The year is taken to begin in March, so that a leap day is its last
/// (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn date(day: i64) -> (i64, i64, i64) {
    const DAYS_TO_MARCH_0000: i64 = 719_468;
    const DAYS_PER_ERA: i64 = 146_097;
    let day = day + DAYS_TO_MARCH_0000;
    let (era, of_era) = (day.div_euclid(DAYS_PER_ERA), day.rem_euclid(DAYS_PER_ERA));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use hyrax_recipes::tree::TreePath;

    use super::*;

    #[test]
    fn strings_are_as_etcd_writes_them() {
        let check = |text: &[u8], expected: &str| {
            let mut out = Vec::new();
            string(&mut out, text);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        };
        check(b"plain", "\"plain\"");
        check(
            b"x\0\x08\x0c\x1f<&\xff\xe2\x80\xa8\x7f\n\"\\",
            "\"x\\u0000\\u0008\\u000c\\u001f\\u003c\\u0026\\ufffd\\u2028\x7f\\n\\\"\\\\\"",
        );
        check("ä\u{10348}".as_bytes(), "\"ä\u{10348}\"");
        check(b"\xe2\x80", "\"\\ufffd\\ufffd\"");
    }

    #[test]
    fn times_are_rfc_3339_with_the_digits_they_need() {
        let check = |ns, expected: &str| {
            let mut out = Vec::new();
            time(&mut out, ns);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        };
        check(0, "1970-01-01T00:00:00Z");
        check(951_782_400_000_000_000, "2000-02-29T00:00:00Z");
        check(1_795_368_648_789_525_400, "2026-11-22T17:30:48.7895254Z");
        check(-1, "1969-12-31T23:59:59.999999999Z");
        check(i64::MAX, "2262-04-11T23:47:16.854775807Z");
    }

    #[test]
    fn a_node_has_the_fields_that_say_something() {
        let root = Node::default();
        assert_eq!(found(&root, 0), b"{\"action\":\"get\",\"node\":{\"dir\":true}}\n");
        let key = Node {
            path: TreePath::clean(b"/a").unwrap(),
            kind: Kind::File,
            value: Some("".into()),
            ends_ns: Some(1_500_000_000),
            modified: 2,
            created: 1,
            ..Node::default()
        };
        let directory = Node { nodes: vec![key.clone(), key], ..Node::default() };
        let one = r#"{"key":"/a","value":"","expiration":"1970-01-01T00:00:01.5Z","ttl":2,"modifiedIndex":2,"createdIndex":1}"#;
        let expected = format!("{{\"action\":\"get\",\"node\":{{\"dir\":true,\"nodes\":[{one},{one}]}}}}\n");
        assert_eq!(String::from_utf8(found(&directory, 0)).unwrap(), expected);
    }
}
