//! How values are shown to people.

use std::fmt::Write;

use serde_json::Value;

/// A returned value over as many lines as it takes: a string as it is, a list numbered as `redis-cli`
/// numbers it, an object as `name: value`.
pub fn lines(value: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, value, "");
    text
}

/// A value on one line, quoted only where it would not be understood otherwise, and with nothing that
/// a terminal would act on.
pub fn inline(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        other => escape(&other.to_string()),
    }
}

/// `text` without anything that a terminal would act on, but for line breaks and tabs.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' | '\t' => escaped.push(char),
            _ if char.is_control() => escaped.extend(char.escape_default()),
            _ => escaped.push(char),
        }
    }
    escaped
}

fn is_plain(text: &str) -> bool {
    let plain = |char: char| !char.is_control() && !char.is_whitespace() && !matches!(char, '"' | '(' | ')');
    !text.is_empty() && text.chars().all(plain)
}

/// Writes a value whose first line has begun, and whose other lines are to begin with `indent`.
fn write_value(text: &mut String, value: &Value, indent: &str) {
    match value {
        Value::Null => text.push_str("(nil)"),
        Value::String(string) => text.push_str(string),
        Value::Bool(_) | Value::Number(_) => text.push_str(&value.to_string()),
        Value::Array(items) if items.is_empty() => text.push_str("(empty)"),
        Value::Object(fields) if fields.is_empty() => text.push_str("(empty)"),
        Value::Array(items) => {
            let width = items.len().to_string().len();
            let deeper = format!("{indent}{:width$}  ", "");
            for (at, item) in items.iter().enumerate() {
                begin_line(text, at, indent);
                // Writing to a `String` does not fail.
                let _ = write!(text, "{:width$}) ", at + 1);
                write_value(text, item, &deeper);
            }
        }
        Value::Object(fields) => {
            let deeper = format!("{indent}   ");
            for (at, (name, item)) in fields.iter().enumerate() {
                begin_line(text, at, indent);
                let _ = match is_long(item) {
                    true => write!(text, "{name}:\n{deeper}"),
                    false => write!(text, "{name}: "),
                };
                write_value(text, item, &deeper);
            }
        }
    }
}

/// Whether a value takes lines of its own beneath its name.
fn is_long(value: &Value) -> bool {
    match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => false,
    }
}

fn begin_line(text: &mut String, at: usize, indent: &str) {
    if at > 0 {
        text.push('\n');
        text.push_str(indent);
    }
}

/// One push on one line: `foo set bar (gopher, rev 7)`.
pub fn push(push: &Value) -> String {
    let command = push["cmd"].as_str().unwrap_or("?");
    let key = inline(push.get("key").unwrap_or(&Value::Null));
    let mut line = match command {
        "mreset" => format!("{key} is now {}", inline(&push["value"])),
        "ereset" => format!("{key} is now {}", inline(&push["members"])),
        _ => format!("{key} {}", escape(command)),
    };
    for arg in push["args"].as_array().into_iter().flatten() {
        line.push(' ');
        line.push_str(&inline(arg));
    }
    let mut notes: Vec<String> =
        ["id", "cause"].iter().filter_map(|name| push.get(*name)).map(inline).collect();
    for name in ["rev", "erev"] {
        notes.extend(push.get(name).map(|rev| format!("{name} {rev}")));
    }
    if !notes.is_empty() {
        let _ = write!(line, " ({})", notes.join(", "));
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_shown_for_people() {
        let check = |value: Value, shown: &str| assert_eq!(lines(&value), shown);
        check(json!("two\nlines"), "two\nlines");
        check(json!(null), "(nil)");
        check(json!(7), "7");
        check(json!([]), "(empty)");
        check(json!(["a", null, 3]), "1) a\n2) (nil)\n3) 3");
        check(json!({"a": "1", "b": ["x", "y"], "c": {}}), "a: 1\nb:\n   1) x\n   2) y\nc: (empty)");
    }

    #[test]
    fn nested_lists_are_shown_as_redis_cli_does() {
        let check = |value: Value, shown: &str| assert_eq!(lines(&value), shown);
        check(json!([["a", 1], ["b", 2]]), "1) 1) a\n   2) 1\n2) 1) b\n   2) 2");
        check(json!([[["x"], []]]), "1) 1) 1) x\n   2) (empty)");
        check(json!([{"a": 1, "b": 2}]), "1) a: 1\n   b: 2");
        let mut long = vec![json!("x"); 9];
        long.push(json!(["y", "z"]));
        let shown = lines(&json!(long));
        assert!(shown.starts_with(" 1) x\n 2) x\n"), "{shown}");
        assert!(shown.ends_with("\n 9) x\n10) 1) y\n    2) z"), "{shown}");
    }

    #[test]
    fn pushes_take_one_line_each() {
        let check = |value: Value, shown: &str| assert_eq!(push(&value), shown);
        check(
            json!({"cmd":"set","key":"foo","args":["bar"],"id":"gopher","rev":7}),
            "foo set bar (gopher, rev 7)",
        );
        check(json!({"cmd":"set","key":"foo","args":["a b",""]}), r#"foo set "a b" """#);
        check(
            json!({"cmd":"eclose","key":"room","id":"ann","cause":"timeout","erev":3}),
            "room eclose (ann, timeout, erev 3)",
        );
        check(json!({"cmd":"mreset","key":"foo","value":["a"],"rev":9}), r#"foo is now ["a"] (rev 9)"#);
        check(json!({}), "null ?");
    }

    #[test]
    fn nothing_shown_commands_the_terminal() {
        assert_eq!(escape("a\x1b[2Jb\n"), "a\\u{1b}[2Jb\n");
        let line = push(&json!({"cmd":"set\u{1b}c","key":"\u{9b}2J","args":["\u{1b}]0;x\u{7}"]}));
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}
