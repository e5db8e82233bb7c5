//! How a call ended.

use std::borrow::Cow;
use std::fmt::Write;

use axum::http::{HeaderValue, Response, header};
use tonic::Code;

use crate::http2;

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

    /// Writes it among the fields of a refusal's head, or of the trailers of a reply.
    pub(super) fn put(&self, block: &mut Vec<u8>) {
        http2::put_field(b"grpc-status", (self.code as i32).to_string().as_bytes(), block);
        http2::put_field(b"grpc-message", escaped(&self.message).as_bytes(), block);
    }

    /// The refusal of a call that came over HTTP/1: a head alone, and the status in it.
    pub(crate) fn over_http_1<B: Default>(&self) -> Response<B> {
        let mut response = Response::new(B::default());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from(self.code as i32));
        if let Ok(message) = HeaderValue::try_from(escaped(&self.message)) {
            headers.insert("grpc-message", message);
        }
        response
    }
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
        let refusal = Status::new(Code::NotFound, "50 % of é\n").over_http_1::<()>();
        assert_eq!(refusal.headers()["grpc-status"], "5");
        assert_eq!(refusal.headers()["grpc-message"], "50 %25 of %C3%A9%0A");
    }
}
