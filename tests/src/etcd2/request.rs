//! A request, as it is the same for two servers whose indexes differ.

use std::fmt;

/// What is asked for. In target and form, `{+5}` is the index that is five after the episode's beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// Path and query.
    pub target: String,
    /// The form; none where it is empty.
    pub form: String,
}

impl Request {
    /// Target and form for a server where the episode began at `base`.
    pub fn at(&self, base: u64) -> (String, String) {
        (filled(&self.target, base), filled(&self.form, base))
    }

    /// Whether it is answered only when something happens.
    pub fn waits(&self) -> bool {
        self.method == "GET" && self.target.contains("wait=true")
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target)?;
        if self.form.is_empty() { Ok(()) } else { write!(f, " -d '{}'", self.form) }
    }
}

fn filled(text: &str, base: u64) -> String {
    let mut parts = text.split("{+");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_once('}').expect("what is opened is closed");
        let after: u64 = number.parse().expect("an index is a number");
        filled.push_str(&format!("{}{rest}", base + after));
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_filled_in() {
        let request = Request { method: "GET", target: "/a?x={+0}&y={+12}".into(), form: String::new() };
        assert_eq!(request.at(100).0, "/a?x=100&y=112");
    }
}
