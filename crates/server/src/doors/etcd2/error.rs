//! Refusals, in etcd's numbers and words.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use hyrax_recipes::tree::{Fault, PathError, TreeError};

use super::json;
use super::plain::{ETCD_INDEX, JSON};

/// A number of etcd's, and what it says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code(u16, &'static str);

impl Code {
    pub(super) const UNAUTHORIZED: Code = Code(110, "The request requires user authentication");
    pub(super) const PREV_VALUE_REQUIRED: Code = Code(201, "PrevValue is Required in POST form");
    pub(super) const TTL_NAN: Code = Code(202, "The given TTL in POST form is not a number");
    pub(super) const INDEX_NAN: Code = Code(203, "The given index in POST form is not a number");
    pub(super) const TIMEOUT_NAN: Code = Code(205, "The given timeout in POST form is not a number");
    pub(super) const NAME_REQUIRED: Code = Code(206, "Name is required in POST form");
    pub(super) const INDEX_OR_VALUE_REQUIRED: Code = Code(207, "Index or value is required");
    pub(super) const INDEX_VALUE_MUTEX: Code = Code(208, "Index and value cannot both be specified");
    pub(super) const INVALID_FIELD: Code = Code(209, "Invalid field");
    pub(super) const INVALID_FORM: Code = Code(210, "Invalid POST form");
    pub(super) const REFRESH_VALUE: Code = Code(211, "Value provided on refresh");
    pub(super) const REFRESH_TTL_REQUIRED: Code = Code(212, "A TTL must be provided on refresh");
    pub(super) const KEY_NOT_FOUND: Code = Code(100, "Key not found");
    const RAFT_INTERNAL: Code = Code(300, "Raft Internal Error");

    fn of(fault: Fault) -> Code {
        match fault {
            Fault::KeyNotFound => Code::KEY_NOT_FOUND,
            Fault::TestFailed => Code(101, "Compare failed"),
            Fault::NotFile => Code(102, "Not a file"),
            Fault::NotDir => Code(104, "Not a directory"),
            Fault::NodeExist => Code(105, "Key already exists"),
            Fault::RootReadOnly => Code(107, "Root is read only"),
            Fault::DirNotEmpty => Code(108, "Directory not empty"),
            Fault::EventIndexCleared => Code(401, "The event in requested index is outdated and cleared"),
        }
    }

    fn status(self) -> StatusCode {
        match self.0 {
            100 => StatusCode::NOT_FOUND,
            101 | 105 => StatusCode::PRECONDITION_FAILED,
            102 | 108 => StatusCode::FORBIDDEN,
            110 => StatusCode::UNAUTHORIZED,
            300 | 301 => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    code: Code,
    cause: Vec<u8>,
    index: u64,
    status: StatusCode,
}

impl Refusal {
    /// What is wrong with a request, whatever there is.
    pub(super) fn new(code: Code, cause: impl Into<Vec<u8>>) -> Refusal {
        Refusal { code, cause: cause.into(), index: 0, status: code.status() }
    }

    pub(super) fn unauthorized() -> Refusal {
        Refusal::new(Code::UNAUTHORIZED, *b"Insufficient credentials")
    }

    /// A body that is too long; etcd has no status of its own for it.
    pub(super) fn too_large(cause: String) -> Refusal {
        Refusal { status: StatusCode::PAYLOAD_TOO_LARGE, ..Refusal::new(Code::INVALID_FORM, cause) }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The index at which it was refused.
    pub(super) fn index(&self) -> u64 {
        self.index
    }

    pub(super) fn body(&self) -> Vec<u8> {
        let mut body = format!("{{\"errorCode\":{},\"message\":", self.code.0).into_bytes();
        json::string(&mut body, self.code.1.as_bytes());
        if !self.cause.is_empty() {
            body.extend_from_slice(b",\"cause\":");
            json::string(&mut body, &self.cause);
        }
        body.extend_from_slice(format!(",\"index\":{}}}\n", self.index).as_bytes());
        body
    }

    pub(super) fn response(&self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body()));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, JSON);
        response.headers_mut().insert(ETCD_INDEX, HeaderValue::from(self.index));
        response
    }
}

impl From<TreeError> for Refusal {
    fn from(error: TreeError) -> Refusal {
        match error {
            TreeError::Refused { fault, cause, index } => {
                Refusal { index, ..Refusal::new(Code::of(fault), cause) }
            }
            TreeError::Path(error) => error.into(),
            TreeError::Unavailable(_) | TreeError::Engine(_) => {
                Refusal::new(Code::RAFT_INTERNAL, error.to_string())
            }
        }
    }
}

impl From<PathError> for Refusal {
    fn from(error: PathError) -> Refusal {
        Refusal::new(Code::INVALID_FIELD, error.to_string())
    }
}
