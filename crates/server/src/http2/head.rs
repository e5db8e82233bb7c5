//! The head of a request: what its fields must be (RFC 9113, section 8), and what they say.

use axum::http::uri::{Authority, PathAndQuery, Scheme, Uri};
use axum::http::{HeaderName, HeaderValue, Method, Request, Version};

use super::fields::Fields;

/// Fields of HTTP/1 that say something of its connection, which have no place here.
const OF_CONNECTIONS: [&[u8]; 5] =
    [b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"];

/// The head of a request that is well-formed.
#[derive(Debug)]
pub(crate) struct Head {
    method: Method,
    scheme: Scheme,
    path: String,
    authority: Option<String>,
    /// Bytes of the body, where the client says how many.
    pub(super) content_length: Option<u64>,
    fields: Fields,
}

impl Head {
    /// The head that fields make, if they are well-formed.
    pub(super) fn of(fields: Fields) -> Option<Head> {
        let (mut method, mut scheme, mut path, mut authority) = (None, None, None, None);
        let mut content_length = None;
        let mut has_begun = false;
        for (name, value) in fields.iter() {
            if let [b':', name @ ..] = name {
                // None twice, and none behind those that are not of the request itself.
                let is_first = !has_begun
                    && match name {
                        b"method" => method.replace(value).is_none(),
                        b"scheme" => scheme.replace(value).is_none(),
                        b"path" => path.replace(value).is_none(),
                        b"authority" => authority.replace(value).is_none(),
                        _ => false,
                    };
                if !is_first {
                    return None;
                }
                continue;
            }
            has_begun = true;
            if !is_good(name, value) {
                return None;
            }
            if name == b"content-length" {
                let length = std::str::from_utf8(value).ok()?.parse().ok()?;
                if content_length.replace(length).is_some_and(|before: u64| before != length) {
                    return None;
                }
            }
        }
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_owned).ok();
        let method = Method::from_bytes(method?).ok()?;
        let path = text(path?).filter(|path| path.starts_with('/') || path == "*")?;
        let authority = match authority {
            Some(authority) => Some(text(authority)?),
            None => None,
        };
        let scheme = Scheme::try_from(scheme?).ok()?;
        // A tunnel has no path, and there are none.
        (method != Method::CONNECT).then_some(Head {
            method,
            scheme,
            path,
            authority,
            content_length,
            fields,
        })
    }

    /// The method.
    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// The path, and what is asked of it.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The first field of this name, which is in lower case.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|(other, _)| *other == name.as_bytes()).map(|(_, value)| value)
    }

    /// The same as libraries have it. None where they are stricter.
    pub(crate) fn with_body<B>(self, body: B) -> Option<Request<B>> {
        let mut uri = Uri::builder().path_and_query(PathAndQuery::try_from(self.path).ok()?);
        if let Some(authority) = self.authority {
            uri = uri.scheme(self.scheme).authority(Authority::try_from(authority).ok()?);
        }
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = uri.build().ok()?;
        *request.version_mut() = Version::HTTP_2;
        for (name, value) in self.fields.iter().filter(|(name, _)| !name.starts_with(b":")) {
            let name = HeaderName::from_lowercase(name).ok()?;
            request.headers_mut().append(name, HeaderValue::from_bytes(value).ok()?);
        }
        Some(request)
    }
}

/// Whether a field may be in a request.
fn is_good(name: &[u8], value: &[u8]) -> bool {
    let is_name = !name.is_empty()
        && name.iter().all(|&byte| byte > b' ' && byte < 0x7f && byte != b':')
        && !name.iter().any(u8::is_ascii_uppercase);
    let is_value = !value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'))
        && !matches!(value, [b' ' | b'\t', ..] | [.., b' ' | b'\t']);
    is_name && is_value && !OF_CONNECTIONS.contains(&name) && (name != b"te" || value == b"trailers")
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: [(&str, &str); 4] =
        [(":method", "POST"), (":scheme", "http"), (":path", "/a?b=c"), (":authority", "host:1")];

    fn head(all: &[(&str, &str)]) -> Option<Head> {
        let mut fields = Fields::default();
        for (name, value) in all {
            fields.push(name.as_bytes(), value.as_bytes());
        }
        Head::of(fields)
    }

    fn with(more: &[(&str, &str)]) -> Option<Head> {
        head(&[&USUAL, more].concat())
    }

    #[test]
    fn a_head_says_what_its_fields_say() {
        let head = with(&[("te", "trailers"), ("content-length", "5"), ("x", "1"), ("x", "2")]).unwrap();
        assert_eq!((head.method(), head.path(), head.content_length), (&Method::POST, "/a?b=c", Some(5)));
        assert_eq!((head.get("x"), head.get("y")), (Some(&b"1"[..]), None));
        let request = head.with_body(()).unwrap();
        assert_eq!(request.uri(), "http://host:1/a?b=c");
        assert_eq!(request.headers().get_all("x").iter().count(), 2);
        assert_eq!(request.headers().len(), 4);
    }

    #[test]
    fn what_no_head_may_have_is_refused() {
        for more in [
            (":path", "/"),
            (":protocol", "websocket"),
            ("connection", "close"),
            ("te", "gzip"),
            ("UPPER", ""),
            ("", ""),
            ("a b", ""),
            ("a", "b\r\nc: d"),
            ("content-length", "-1"),
            ("content-length", "x"),
        ] {
            assert!(with(&[more]).is_none(), "{more:?}");
        }
        assert!(with(&[("x", ""), (":method", "GET")]).is_none());
        assert!(with(&[("content-length", "1"), ("content-length", "2")]).is_none());
        for missing in 0..3 {
            let fields: Vec<_> = (0..4).filter(|&place| place != missing).map(|place| USUAL[place]).collect();
            assert!(head(&fields).is_none(), "{fields:?}");
        }
        assert!(head(&[(":method", "CONNECT"), (":scheme", "http"), (":path", "/")]).is_none());
        assert!(head(&[(":method", "GET"), (":scheme", "http"), (":path", "a")]).is_none());
    }
}
