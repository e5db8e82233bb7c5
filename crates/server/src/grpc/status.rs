//! How a call ended.

use std::borrow::Cow;
use std::fmt::Write;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tonic::Code;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Why a call failed: gRPC's number, and words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Status {
    /// gRPC's number.
    pub code: Code,
    /// The words.
    pub message: Cow<'static, str>,
}

impl Status {
    /// A failure in these words.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Status {
        Status { code, message: message.into() }
    }

    /// A failure whose words are known beforehand.
    pub const fn fixed(code: Code, message: &'static str) -> Status {
        Status { code, message: Cow::Borrowed(message) }
    }

    /// The client waited as long as it would.
    pub const DEADLINE_EXCEEDED: Status = Status::fixed(Code::DeadlineExceeded, "context deadline exceeded");

    /// Writes it among the headers of a refusal, or the trailers of a reply.
    pub(super) fn put(&self, headers: &mut HeaderMap) {
        headers.insert(STATUS, HeaderValue::from(self.code as i32));
        if let Ok(message) = HeaderValue::try_from(escaped(&self.message)) {
            headers.insert(MESSAGE, message);
        }
    }
}

/// The trailers of a call that went well.
pub(super) fn well() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(STATUS, HeaderValue::from_static("0"));
    trailers
}

/// The words with everything percent-encoded that a header can not hold.
fn escaped(message: &str) -> String {
    let mut escaped = String::with_capacity(message.len());
    for byte in message.bytes() {
        match byte {
            b'%' => escaped.push_str("%25"),
            b' '..=b'~' => escaped.push(char::from(byte)),
            // Writing to a string does not fail.
            _ => _ = write!(escaped, "%{byte:02X}"),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_escaped_where_a_header_can_not_hold_them() {
        let mut headers = HeaderMap::new();
        Status::new(Code::NotFound, "50 % of é\n").put(&mut headers);
        assert_eq!(headers["grpc-status"], "5");
        assert_eq!(headers["grpc-message"], "50 %25 of %C3%A9%0A");
    }
}
