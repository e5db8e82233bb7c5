//! What is printed of a response, as etcdctl prints it.

use std::io::{self, Write};

use hyrax_client::etcd_v2::{Action, Node, Response};

/// How to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Simple,
    Extended,
    Json,
    /// One that there is not. etcdctl does what was asked, and says so instead of printing.
    Unknown(String),
}

impl Form {
    pub(super) fn named(name: &str) -> Form {
        match name {
            "simple" => Form::Simple,
            "extended" => Form::Extended,
            "json" => Form::Json,
            other => Form::Unknown(other.to_owned()),
        }
    }

    /// Prints a response about a key.
    pub(super) fn print(&self, response: &Response) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        match self {
            Form::Simple => writeln!(stdout, "{}", simple(response)),
            Form::Extended => stdout.write_all(extended(response).as_bytes()),
            Form::Json => writeln!(stdout, "{}", json(response)),
            Form::Unknown(name) => writeln!(io::stderr(), "Unsupported output format: {name}"),
        }
    }
}

fn simple(response: &Response) -> String {
    match response.action {
        Action::Delete => format!("PrevNode.Value: {}", previous(response).unwrap_or_default()),
        _ => value(&response.node).to_owned(),
    }
}

fn extended(response: &Response) -> String {
    let Response { node, index, .. } = response;
    let mut lines = format!(
        "Key: {}\nCreated-Index: {}\nModified-Index: {}\n",
        node.key, node.created_index, node.modified_index
    );
    if let Some(previous) = previous(response) {
        lines.push_str(&format!("PrevNode.Value: {previous}\n"));
    }
    lines.push_str(&format!("TTL: {}\nIndex: {index}\n", node.ttl.unwrap_or(0)));
    if response.action != Action::Delete {
        lines.push_str(&format!("\n{}\n", value(node)));
    }
    lines
}

fn value(node: &Node) -> &str {
    node.value.as_deref().unwrap_or_default()
}

fn previous(response: &Response) -> Option<&str> {
    response.prev_node.as_ref().map(value)
}

/// The JSON that Go makes of a response.
fn json(response: &Response) -> String {
    let mut out = format!("{{\"action\":{},\"node\":", string(response.action.as_str()));
    write_node(&mut out, &response.node);
    out.push_str(",\"prevNode\":");
    match &response.prev_node {
        Some(node) => write_node(&mut out, node),
        None => out.push_str("null"),
    }
    out.push('}');
    out
}

/// Nodes come no deeper than JSON is read.
fn write_node(out: &mut String, node: &Node) {
    out.push_str(&format!("{{\"key\":{}", string(&node.key)));
    if node.dir {
        out.push_str(",\"dir\":true");
    }
    out.push_str(&format!(",\"value\":{},\"nodes\":", string(value(node))));
    if node.nodes.is_empty() {
        out.push_str("null");
    } else {
        for (number, node) in node.nodes.iter().enumerate() {
            out.push(if number == 0 { '[' } else { ',' });
            write_node(out, node);
        }
        out.push(']');
    }
    out.push_str(&format!(
        ",\"createdIndex\":{},\"modifiedIndex\":{}",
        node.created_index, node.modified_index
    ));
    if let Some(expiration) = &node.expiration {
        out.push_str(&format!(",\"expiration\":{}", string(expiration)));
    }
    if let Some(ttl) = node.ttl.filter(|&ttl| ttl != 0) {
        out.push_str(&format!(",\"ttl\":{ttl}"));
    }
    out.push('}');
}

/// A string as Go's JSON has it, safe inside HTML.
fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..' ' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_written_as_go_does() {
        assert_eq!(string("a\\b\"<\u{8}\n\u{2028}é"), r#""a\\b\"\u003c\u0008\n\u2028é""#);
    }
}
