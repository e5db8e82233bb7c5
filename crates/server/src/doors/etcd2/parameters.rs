//! What a request of `/v2/keys` asks for, and what etcd says where that makes no sense. What is looked at first
//! is told first.

use axum::http::Method;
use bytes::Bytes;
use hyrax_recipes::tree::{Condition, Ending};

use super::error::{Code, Refusal};
use super::form::Form;

const NS_PER_S: i64 = 1_000_000_000;

/// The parameters, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) value: Bytes,
    pub(super) directory: bool,
    pub(super) recursive: bool,
    pub(super) wait: bool,
    pub(super) stream: bool,
    pub(super) since: u64,
    pub(super) exists: Option<bool>,
    pub(super) condition: Condition,
    pub(super) ending: Ending,
    pub(super) quiet: bool,
}

impl Parameters {
    /// Those of a form, at `now_ns`. `sorted` and `quorum` are understood, but change nothing: what is listed is
    /// always sorted, and what is read is what was written last.
    pub(super) fn parse(form: &Form<'_>, method: &Method, now_ns: i64) -> Result<Parameters, Refusal> {
        let index = |name: &str| number(form, name).map_err(|()| wrong(Code::INDEX_NAN, name));
        let flag = |name: &str| boolean(form, name).map_err(|()| wrong(Code::INVALID_FIELD, name));
        let previous_index = index("prevIndex")?;
        let since = index("waitIndex")?;
        let recursive = flag("recursive")?;
        flag("sorted")?;
        let wait = flag("wait")?;
        let directory = flag("dir")?;
        flag("quorum")?;
        let stream = flag("stream")?;
        if wait && method != Method::GET {
            let cause = "\"wait\" can only be used with GET requests";
            return Err(Refusal::new(Code::INVALID_FIELD, cause));
        }
        let previous_value = form.first("prevValue");
        if previous_value == Some(b"") {
            return Err(Refusal::new(Code::PREV_VALUE_REQUIRED, *b"\"prevValue\" cannot be empty"));
        }
        let quiet = flag("noValueOnSuccess")?;
        let ttl_s = match form.text("ttl") {
            b"" => None,
            _ => Some(number(form, "ttl").map_err(|()| wrong(Code::TTL_NAN, "ttl"))?),
        };
        let plain = |name| {
            let is_given = form.first(name).is_some();
            let flag = boolean(form, name)
                .map_err(|()| Refusal::new(Code::INVALID_FIELD, format!("invalid value for {name}")))?;
            Ok::<_, Refusal>(is_given.then_some(flag))
        };
        let exists = plain("prevExist")?;
        let refresh = plain("refresh")? == Some(true);
        let value = Bytes::copy_from_slice(form.text("value"));
        if refresh && !value.is_empty() {
            return Err(Refusal::new(Code::REFRESH_VALUE, *b"A value was provided on a refresh"));
        }
        if refresh && ttl_s.is_none() {
            return Err(Refusal::new(Code::REFRESH_TTL_REQUIRED, *b"No TTL value set"));
        }
        Ok(Parameters {
            value,
            directory,
            recursive,
            wait,
            stream,
            since,
            exists,
            condition: Condition {
                value: Bytes::copy_from_slice(previous_value.unwrap_or_default()),
                index: previous_index,
            },
            ending: Ending { at_ns: ttl_s.map(|ttl_s| end_ns(now_ns, ttl_s)), refresh },
            quiet,
        })
    }

    /// Whether there is anything to compare.
    pub(super) fn compares(&self) -> bool {
        self.condition != Condition::default()
    }
}

/// When so many seconds are over. As in etcd, too many of them come round to the past.
pub(super) fn end_ns(now_ns: i64, ttl_s: u64) -> i64 {
    now_ns.wrapping_add((ttl_s as i64).wrapping_mul(NS_PER_S))
}

fn wrong(code: Code, name: &str) -> Refusal {
    Refusal::new(code, format!("invalid value for \"{name}\""))
}

/// A whole number without sign; zero where none is given.
fn number(form: &Form<'_>, name: &str) -> Result<u64, ()> {
    match form.first(name) {
        None => Ok(0),
        Some(digits) if digits.iter().all(u8::is_ascii_digit) => {
            std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(())
        }
        Some(_) => Err(()),
    }
}

/// A truth value in one of Go's spellings; false where none is given.
fn boolean(form: &Form<'_>, name: &str) -> Result<bool, ()> {
    match form.first(name) {
        None | Some(b"0" | b"f" | b"F" | b"false" | b"FALSE" | b"False") => Ok(false),
        Some(b"1" | b"t" | b"T" | b"true" | b"TRUE" | b"True") => Ok(true),
        Some(_) => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Parameters, Refusal> {
        Parameters::parse(&Form::parse(query.as_bytes(), b"").unwrap(), &Method::PUT, 0)
    }

    #[test]
    fn what_is_wrong_is_told_as_etcd_tells_it() {
        let check =
            |query, code, cause: &str| assert_eq!(parse(query), Err(Refusal::new(code, cause)), "{query}");
        check("prevIndex=x&waitIndex=y", Code::INDEX_NAN, "invalid value for \"prevIndex\"");
        check("prevIndex=", Code::INDEX_NAN, "invalid value for \"prevIndex\"");
        check("waitIndex=%2B1", Code::INDEX_NAN, "invalid value for \"waitIndex\"");
        check("recursive=yes", Code::INVALID_FIELD, "invalid value for \"recursive\"");
        check("wait=1", Code::INVALID_FIELD, "\"wait\" can only be used with GET requests");
        check("prevValue=", Code::PREV_VALUE_REQUIRED, "\"prevValue\" cannot be empty");
        check("ttl=-1", Code::TTL_NAN, "invalid value for \"ttl\"");
        check("prevExist=", Code::INVALID_FIELD, "invalid value for prevExist");
        check("refresh=1&ttl=1&value=x", Code::REFRESH_VALUE, "A value was provided on a refresh");
        check("refresh=1&value=", Code::REFRESH_TTL_REQUIRED, "No TTL value set");
    }

    #[test]
    fn what_is_given_is_taken() {
        let given = parse("value=v&ttl=5&prevExist=false&prevIndex=7&dir=T&refresh=0").unwrap();
        assert_eq!((given.value, given.directory), ("v".into(), true));
        assert_eq!((given.exists, given.condition.index), (Some(false), 7));
        assert_eq!(given.ending, Ending { at_ns: Some(5_000_000_000), refresh: false });
        assert_eq!(parse("ttl=").unwrap().ending.at_ns, None);
        assert_eq!(parse("ttl=18446744073709551615").unwrap().ending.at_ns, Some(-1_000_000_000));
    }
}
