//! The paths of the door.

use axum::http::Method;

use super::parameters::Reason;
use crate::doors::etcd2::unescape;

/// What there is, in the order in which it is told.
pub(crate) const ROUTES: [(&str, &str); 6] = [
    ("GET", "/etcd/register"),
    ("GET", "/etcd/monitor"),
    ("POST", "/etcd/event"),
    ("GET", "/etcd/leader"),
    ("GET", "/etcd/services"),
    ("GET", "/etcd/services/{service}"),
];

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    Register,
    Monitor,
    Event,
    Leader,
    Services,
    Nodes(String),
}

/// Why it asks for nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Misrouted {
    Nowhere,
    /// The path has something in it that can not be read.
    Malformed(Reason),
    /// The path takes these methods.
    NotFor(&'static str),
}

/// All paths with their methods, as text.
pub(super) fn list() -> String {
    ROUTES.map(|(method, path)| format!("{method} {path}")).join(", ")
}

impl Route {
    pub(super) fn of(method: &Method, path: &str) -> Result<Route, Misrouted> {
        let route = match path.strip_prefix("/etcd/").unwrap_or_default() {
            "register" => Route::Register,
            "monitor" => Route::Monitor,
            "event" => Route::Event,
            "leader" => Route::Leader,
            "services" => Route::Services,
            other => {
                let service = other.strip_prefix("services/").ok_or(Misrouted::Nowhere)?;
                let service = unescape(service.as_bytes(), false).map_err(Misrouted::Malformed)?;
                let not_utf8 = |_| Misrouted::Malformed("the service's name is not UTF-8".to_owned());
                Route::Nodes(String::from_utf8(service.into_owned()).map_err(not_utf8)?)
            }
        };
        match (&route, method) {
            (Route::Event, &Method::POST) => Ok(route),
            (Route::Event, _) => Err(Misrouted::NotFor("POST")),
            (Route::Leader | Route::Services | Route::Nodes(_), &Method::HEAD) => Ok(route),
            (_, &Method::GET) => Ok(route),
            (Route::Register | Route::Monitor, _) => Err(Misrouted::NotFor("GET")),
            _ => Err(Misrouted::NotFor("GET, HEAD")),
        }
    }

    /// Whether it changes what others see.
    pub(super) fn writes(&self) -> bool {
        matches!(self, Route::Register | Route::Event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_leads_somewhere_by_its_method_alone() {
        for (method, path) in ROUTES {
            let path = path.replace("{service}", "a%20b");
            let method: Method = method.parse().unwrap();
            assert!(Route::of(&method, &path).is_ok(), "{method} {path}");
            assert!(matches!(Route::of(&Method::PUT, &path), Err(Misrouted::NotFor(_))), "{path}");
        }
        let nodes = Route::of(&Method::GET, "/etcd/services/a%20b%2Fc");
        assert_eq!(nodes, Ok(Route::Nodes("a b/c".to_owned())));
        for path in ["/etcd/", "/etcd/Register", "/etcd/register/", "/etcd/service", "/etcd"] {
            assert_eq!(Route::of(&Method::GET, path), Err(Misrouted::Nowhere), "{path}");
        }
        for path in ["/etcd/services/%zz", "/etcd/services/%ff"] {
            assert!(matches!(Route::of(&Method::GET, path), Err(Misrouted::Malformed(_))), "{path}");
        }
    }
}
