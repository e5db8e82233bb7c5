//! The gateway's JSON: messages by protobuf's mapping with etcd's own field names, and failures.

use axum::http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_json::{Deserializer, Value, json};
use tonic::Code;

use super::Refusal;

/// The message that a body begins with; what follows is not looked at, and nothing is the empty message.
pub(super) fn message<Q: DeserializeOwned + Default>(body: &[u8], code: Code) -> Result<Q, Refusal> {
    let value = match Deserializer::from_slice(body).into_iter::<Value>().next() {
        None => return Ok(Q::default()),
        Some(value) => value.map_err(|error| malformed(&error, code))?,
    };
    let kind = match value {
        Value::Null => return Ok(Q::default()),
        Value::Object(_) => {
            let value = without_nulls(value);
            return Q::deserialize(value).map_err(|error| Refusal::new(code, error.to_string()));
        }
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "bool",
    };
    let message = format!("json: cannot unmarshal {kind} into Go value of type map[string]json.RawMessage");
    Err(Refusal::new(code, message))
}

fn malformed(error: &serde_json::Error, code: Code) -> Refusal {
    match error.classify() {
        // etcd's words, as clients may wait for the rest.
        Category::Eof => Refusal::new(code, "unexpected EOF"),
        _ => Refusal::new(code, error.to_string()),
    }
}

/// A field that is null is one that was not sent. The depth is bounded by what read the value.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, without_nulls(value)))
                .collect(),
        ),
        Value::Array(elements) => Value::Array(elements.into_iter().map(without_nulls).collect()),
        plain => plain,
    }
}

/// A message's text.
pub(super) fn text(message: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(message).map_err(|error| Refusal::new(Code::Internal, error.to_string()))
}

/// One line of a stream.
pub(super) fn line(message: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    #[derive(Serialize)]
    struct Line<'a, R> {
        result: &'a R,
    }
    let mut line = text(&Line { result: message })?;
    line.push(b'\n');
    Ok(line)
}

/// A failure as the body of an answer.
pub(super) fn refusal(refusal: &Refusal) -> Vec<u8> {
    #[derive(Serialize)]
    struct Failure<'a> {
        error: &'a str,
        message: &'a str,
        code: i32,
    }
    let (error, message) = (&refusal.message[..], &refusal.message[..]);
    // Strings and a number can be written.
    serde_json::to_vec(&Failure { error, message, code: refusal.code as i32 }).unwrap_or_default()
}

/// A failure as the last line of a stream.
pub(super) fn last_line(refusal: &Refusal) -> Vec<u8> {
    let status = status_of(refusal.code);
    let failure = json!({ "error": {
        "grpc_code": refusal.code as i32,
        "http_code": status.as_u16(),
        "message": refusal.message,
        "http_status": status.canonical_reason().unwrap_or_default(),
    }});
    format!("{failure}\n").into_bytes()
}

/// The status of an answer that fails with this code.
pub(super) fn status_of(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::Cancelled => StatusCode::REQUEST_TIMEOUT,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use hyrax_etcd::etcdserverpb as pb;

    use super::*;

    fn range(body: &str) -> Result<pb::RangeRequest, Refusal> {
        message(body.as_bytes(), Code::InvalidArgument)
    }

    #[test]
    fn either_spelling_is_read_numbers_as_either_and_what_is_unknown_is_passed_over() {
        let expected =
            pb::RangeRequest { key: "foo".into(), limit: 5, keys_only: true, ..Default::default() };
        for body in [
            r#"{"key":"Zm9v","limit":"5","keys_only":true}"#,
            r#"{"key":"Zm9v","limit":5,"keysOnly":true,"later":{"a":[1]},"revision":null}"#,
            " {\"key\":\"Zm9v\",\"limit\":5,\"keysOnly\":true} and more",
        ] {
            assert_eq!(range(body), Ok(expected.clone()), "{body}");
        }
    }

    #[test]
    fn nothing_is_the_empty_message_and_what_is_no_message_is_refused() {
        for body in ["", "  ", "null", "{}"] {
            assert_eq!(range(body), Ok(pb::RangeRequest::default()), "{body:?}");
        }
        for body in
            ["{", "[]", "5", "\"x\"", "{\"key\":5}", "{\"key\":\"!!\"}", "{\"limit\":\"x\"}", "nul", "\u{0}"]
        {
            assert_eq!(range(body).map_err(|refusal| refusal.code), Err(Code::InvalidArgument), "{body}");
        }
        assert_eq!(range("{").unwrap_err().message, "unexpected EOF");
        assert!(range(&"[".repeat(100_000)).is_err(), "nesting is bounded");
    }

    #[test]
    fn a_failure_says_the_same_twice_and_its_code() {
        let text = String::from_utf8(refusal(&Refusal::new(Code::Unknown, "\"leader\" field"))).unwrap();
        assert_eq!(text, r#"{"error":"\"leader\" field","message":"\"leader\" field","code":2}"#);
    }
}
