//! An answer, written as the library writes one.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::StatusCode;

/// Where an answer is written, at the end of those before it.
pub(crate) struct Reply<'a> {
    out: &'a mut Vec<u8>,
}

/// An answer whose fields are being written.
pub(crate) struct Head<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Reply<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Reply<'a> {
        Reply { out }
    }

    /// Begins an answer of this status.
    pub(crate) fn begin(self, status: StatusCode) -> Head<'a> {
        let out = self.out;
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(status.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
        out.extend_from_slice(b"\r\n");
        Head { out }
    }
}

impl Head<'_> {
    /// Adds a field. Name and value are the server's own.
    pub(crate) fn field(&mut self, name: &str, value: &str) {
        self.name(name);
        self.out.extend_from_slice(value.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    /// Adds a field that is a number.
    pub(crate) fn number(&mut self, name: &str, value: u64) {
        self.field(name, itoa::Buffer::new().format(value));
    }

    /// Ends it with its body, and what has to be said of that.
    pub(crate) fn end(mut self, body: &[u8]) {
        self.number("content-length", body.len() as u64);
        self.name("date");
        add_date(self.out);
        self.out.extend_from_slice(b"\r\n\r\n");
        self.out.extend_from_slice(body);
    }

    fn name(&mut self, name: &str) {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
    }
}

thread_local! {
    /// The second that a date was made last for, and the date.
    static DATE: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
}

/// Adds the date. It is made once a second.
fn add_date(out: &mut Vec<u8>) {
    let now = SystemTime::now();
    let now_s = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    DATE.with_borrow_mut(|(second, date)| {
        if *second != now_s {
            (*second, *date) = (now_s, httpdate::fmt_http_date(now));
        }
        out.extend_from_slice(date.as_bytes());
    });
}
