//! An answer, as it is the same from two servers whose indexes differ.

use std::fmt;

use super::connection::Response;

/// Header fields whose values are compared.
const COMPARED: [&str; 5] = ["content-type", "allow", "location", "x-content-type-options", "x-etcd-index"];

/// Header fields that both have or have not, with values of their own.
const PRESENT: [&str; 3] = ["x-etcd-cluster-id", "x-raft-index", "x-raft-term"];

/// What comes before an index in a body.
const INDEXES: [&str; 3] = ["\"modifiedIndex\":", "\"createdIndex\":", "\"index\":"];

/// The digits of an in-order key.
const ORDERED_DIGITS: usize = 20;

/// What a request was answered, with indexes counted from the episode's beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status; none where nothing came.
    pub status: Option<u16>,
    /// What is compared of the head.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// Nothing came.
    pub fn waits() -> Answer {
        Answer { status: None, headers: Vec::new(), body: String::new() }
    }

    /// What came, where the episode began at `base`.
    pub fn of(response: &Response, base: u64) -> Answer {
        let compared = COMPARED.into_iter().filter_map(|name| {
            let value = response.header(name)?;
            let value = if name == "x-etcd-index" { relative(value, base) } else { value.to_owned() };
            Some((name, value))
        });
        let present = PRESENT.into_iter().filter(|name| response.header(name).is_some());
        let headers = compared.chain(present.map(|name| (name, String::new()))).collect();
        Answer { status: Some(response.status), headers, body: without_indexes(&response.text(), base) }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            None => f.write_str("nothing"),
            Some(status) => write!(f, "{status} {:?} {}", self.headers, self.body),
        }
    }
}

/// An index as what it is beyond `base`; one from before stays as it is.
fn relative(digits: &str, base: u64) -> String {
    match digits.parse::<u64>() {
        Ok(index) if index >= base => format!("+{}", index - base),
        _ => digits.to_owned(),
    }
}

/// A body whose indexes are counted from `base`. Nothing else in it may be made of digits alone where an index can
/// be.
fn without_indexes(body: &str, base: u64) -> String {
    let mut out = String::new();
    let mut rest = body;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (digits, after) = from.split_at(end);
        out.push_str(before);
        let in_cause = before.ends_with('[') || before.ends_with(" != ");
        let is_index = digits.len() == ORDERED_DIGITS
            || in_cause
            || INDEXES.iter().any(|name| before.ends_with(name) && digits != "0");
        out.push_str(&if is_index { relative(digits, base) } else { digits.to_owned() });
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_counted_from_the_beginning() {
        let check = |body, expected| assert_eq!(without_indexes(body, 100), expected);
        check("{\"modifiedIndex\":105,\"index\":0}", "{\"modifiedIndex\":+5,\"index\":0}");
        check("/a/00000000000000000101\"", "/a/+1\"");
        check("[x != y] [101 != 100]", "[x != y] [+1 != +0]");
        check("\"value\":\"105\"", "\"value\":\"105\"");
    }
}
