//! Commands and replies as text, so that tests read as examples.

use crate::Reply;

/// The words of a command, separated by single spaces; `''` is the empty word.
pub(super) fn words(line: &str) -> Vec<&[u8]> {
    line.split(' ').map(|word| if word == "''" { &b""[..] } else { word.as_bytes() }).collect()
}

/// A reply as text: bulks bare, `nil`, errors by their text, containers in brackets.
pub fn show(reply: &Reply) -> String {
    let list = |items: &[Reply]| items.iter().map(show).collect::<Vec<_>>().join(" ");
    let pairs = |items: &[(Reply, Reply)]| {
        items.iter().map(|(a, b)| format!("{}={}", show(a), show(b))).collect::<Vec<_>>().join(" ")
    };
    match reply {
        Reply::Status(text) => (*text).to_owned(),
        Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Reply::Integer(value) => value.to_string(),
        Reply::Double(value) => crate::format_double(*value),
        Reply::Decimal(value) => crate::format_decimal(*value),
        Reply::Null | Reply::NullArray => "nil".to_owned(),
        Reply::Array(items) => format!("[{}]", list(items)),
        Reply::Set(items) => format!("{{{}}}", list(items)),
        Reply::Map(items) | Reply::MapOrPairs(items) => format!("{{{}}}", pairs(items)),
        Reply::Pairs(items) => format!("[{}]", pairs(items)),
        Reply::Error(error) => error.to_string(),
    }
}

/// A reply whose sets and maps are in the order of their text, as engines have them in any.
pub(super) fn in_order(reply: Reply) -> Reply {
    match reply {
        Reply::Set(mut members) => {
            members.sort_by_cached_key(show);
            Reply::Set(members)
        }
        Reply::Map(mut pairs) => {
            pairs.sort_by_cached_key(|(key, _)| show(key));
            Reply::Map(pairs)
        }
        Reply::Array(items) => Reply::Array(items.into_iter().map(in_order).collect()),
        other => other,
    }
}
