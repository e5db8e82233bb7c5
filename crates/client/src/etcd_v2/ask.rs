//! Requests, before they are sent: paths, queries and forms as etcd reads them.

use std::time::Duration;

use hyper::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::form_urlencoded;

/// What stands in a path as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b':')
    .remove(b'@');

/// How long is waited for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// The answer has to come whole in the time of an attempt.
    Answer,
    /// Its head has to; the body comes when something happens.
    Head,
    /// It comes when it comes.
    Unbounded,
}

/// What is asked of a server.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: String,
    pub(super) form: Option<String>,
    pub(super) patience: Patience,
}

impl Ask {
    /// Asks for what is there below `prefix`.
    pub(super) fn get(prefix: &str, path: &str) -> Ask {
        Ask::new(Method::GET, prefix, path)
    }

    pub(super) fn new(method: Method, prefix: &str, path: &str) -> Ask {
        let path = clean(path);
        let path = utf8_percent_encode(&path, PATH);
        Ask { method, target: format!("{prefix}{path}"), form: None, patience: Patience::Answer }
    }

    /// With this in the query.
    pub(super) fn query(mut self, name: &str, value: &str) -> Ask {
        self.target.push(if self.target.contains('?') { '&' } else { '?' });
        let query = form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
        self.target.push_str(&query);
        self
    }

    /// With this in the query, where it is said.
    pub(super) fn flag(self, name: &str, is_said: bool) -> Ask {
        if is_said { self.query(name, "true") } else { self }
    }

    /// With this in the form.
    pub(super) fn field(mut self, name: &str, value: &str) -> Ask {
        let form = self.form.take().unwrap_or_default();
        self.form = Some(form_urlencoded::Serializer::new(form).append_pair(name, value).finish());
        self
    }

    /// With a time to live in the form, where there is one.
    pub(super) fn ttl(self, ttl: Option<Duration>) -> Ask {
        match ttl {
            Some(ttl) => self.field("ttl", &whole_seconds(ttl).to_string()),
            None => self,
        }
    }

    pub(super) fn patience(mut self, patience: Patience) -> Ask {
        self.patience = patience;
        self
    }

    /// Whether it changes nothing, so that it may be asked twice.
    pub(super) fn is_reading(&self) -> bool {
        self.method == Method::GET
    }
}

/// Seconds, rounded up: nothing ends sooner than it was to.
pub(super) fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}

/// A path as the server understands it. Were its dots resolved on the way there, it could lead elsewhere than to a
/// key.
pub(super) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    parts.iter().flat_map(|part| ["/", part]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_a_key_whatever_it_says() {
        for (path, expected) in [
            ("/foo/bar", "/v2/keys/foo/bar"),
            ("foo", "/v2/keys/foo"),
            ("/", "/v2/keys"),
            ("", "/v2/keys"),
            ("//a///b/", "/v2/keys/a/b"),
            ("../../members", "/v2/keys/members"),
            ("a/./../b", "/v2/keys/b"),
            ("a b?c#d%e&f+g", "/v2/keys/a%20b%3Fc%23d%25e%26f%2Bg"),
            ("ключ", "/v2/keys/%D0%BA%D0%BB%D1%8E%D1%87"),
            ("..a/b..", "/v2/keys/..a/b.."),
            ("a\r\nHost: b", "/v2/keys/a%0D%0AHost:%20b"),
        ] {
            assert_eq!(Ask::get("/v2/keys", path).target, expected, "{path}");
        }
    }

    #[test]
    fn queries_and_forms_hold_any_text() {
        let ask = Ask::new(Method::PUT, "/v2/keys", "a").query("prevValue", "x y&z").flag("dir", true);
        let ask =
            ask.flag("recursive", false).field("value", "1=2&3\n").ttl(Some(Duration::from_millis(1_500)));
        assert_eq!(ask.target, "/v2/keys/a?prevValue=x+y%26z&dir=true");
        assert_eq!(ask.form.as_deref(), Some("value=1%3D2%263%0A&ttl=2"));
    }

    #[test]
    fn a_time_is_rounded_up() {
        assert_eq!(whole_seconds(Duration::ZERO), 0);
        assert_eq!(whole_seconds(Duration::from_nanos(1)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(7)), 7);
        assert_eq!(whole_seconds(Duration::MAX), u64::MAX);
    }
}
