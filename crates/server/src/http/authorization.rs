//! The `Authorization` header.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::json;
use crate::net::Authorization;

/// Who a request says it comes from; none when it does not say, and an answer when it cannot be
/// understood.
pub(super) fn of(headers: &HeaderMap) -> Result<Option<Authorization>, Box<Response>> {
    let mut values = headers.get_all(header::AUTHORIZATION).into_iter();
    let Some(value) = values.next() else { return Ok(None) };
    match parse(value) {
        Some(authorization) if values.next().is_none() => Ok(Some(authorization)),
        _ => {
            let message = "the Authorization header must be one, Basic or Bearer";
            let mut response = json::error(StatusCode::UNAUTHORIZED, message);
            let challenge = HeaderValue::from_static("Basic realm=\"hyrax\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            Err(Box::new(response))
        }
    }
}

/// The same where a bare token is as good as one with `Bearer`.
pub(super) fn or_token(headers: &HeaderMap) -> Result<Option<Authorization>, Box<Response>> {
    let mut values = headers.get_all(header::AUTHORIZATION).into_iter();
    match (values.next().map(HeaderValue::to_str), values.next()) {
        (Some(Ok(token)), None) if !token.trim().is_empty() && !token.trim().contains(' ') => {
            Ok(Some(Authorization::Bearer(token.trim().to_owned())))
        }
        _ => of(headers),
    }
}

fn parse(value: &HeaderValue) -> Option<Authorization> {
    let (scheme, credentials) = value.to_str().ok()?.split_once(' ')?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return (!credentials.is_empty()).then(|| Authorization::Bearer(credentials.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some(Authorization::Basic { name: name.to_owned(), password: password.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_and_bearer_are_understood_and_nothing_else() {
        let check = |value: &str, expected: Option<Authorization>| {
            assert_eq!(parse(&HeaderValue::from_str(value).unwrap()), expected, "{value}");
        };
        let basic = |name: &str, password: &str| Authorization::Basic {
            name: name.into(),
            password: password.into(),
        };
        check("Basic YTpiOmM=", Some(basic("a", "b:c")));
        check("basic Og==", Some(basic("", "")));
        check("Bearer a.b", Some(Authorization::Bearer("a.b".into())));
        for bad in ["", "Basic", "Basic YQ==", "Basic ?", "Basic /zo=", "Bearer ", "Digest a", "a:b"] {
            check(bad, None);
        }
    }

    #[test]
    fn a_bare_token_is_one_where_tokens_are_given_so() {
        let check = |value: &str, expected: Option<Authorization>| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            assert_eq!(or_token(&headers).ok(), Some(expected), "{value}");
        };
        check("abc.1", Some(Authorization::Bearer("abc.1".into())));
        check("Bearer abc.1", Some(Authorization::Bearer("abc.1".into())));
        check("Basic Og==", Some(Authorization::Basic { name: String::new(), password: String::new() }));
        assert_eq!(or_token(&HeaderMap::new()).ok(), Some(None));
        let two =
            [(header::AUTHORIZATION, "a".parse().unwrap()), (header::AUTHORIZATION, "b".parse().unwrap())];
        let mut headers = HeaderMap::new();
        two.into_iter().for_each(|(name, value)| _ = headers.append(name, value));
        assert!(or_token(&headers).is_err());
    }

    #[test]
    fn a_password_is_not_shown() {
        let basic = Authorization::Basic { name: "ann".into(), password: "hush".into() };
        let shown = format!("{basic:?} {:?}", Authorization::Bearer("hush".into()));
        assert!(shown.contains("ann") && !shown.contains("hush"), "{shown}");
    }
}
