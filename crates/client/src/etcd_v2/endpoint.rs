//! Servers' URLs, and which of them is asked first.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;
use percent_encoding::percent_decode_str;
use url::Url;

use super::error::{Error, Result};

/// A server's URL, without a slash at its end.
pub(super) type Endpoint = Arc<str>;

/// A URL as it was given.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) endpoint: Endpoint,
    /// A name and password, where the URL has them.
    pub(super) credentials: Option<(String, String)>,
}

impl Parsed {
    pub(super) fn read(text: &str) -> Result<Parsed> {
        let text = text.trim();
        // The URL may hold a password, so that what is wrong is told without it.
        let bad = |why: &str| Error::Settings(format!("an endpoint {why}; write http://HOST:PORT"));
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&with_scheme).map_err(|error| bad(&format!("is no URL ({error})")))?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(bad("is neither http:// nor https://"));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| bad("has no host"))?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("has a query or a fragment"));
        }
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let path = url.path().trim_end_matches('/');
        let endpoint = format!("{}://{host}{port}{path}", url.scheme()).into();
        let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let credentials = (!url.username().is_empty())
            .then(|| (decoded(url.username()), decoded(url.password().unwrap_or_default())));
        Ok(Parsed { endpoint, credentials })
    }
}

/// The servers, and which of them answered last.
#[derive(Debug)]
pub(super) struct Endpoints {
    all: RwLock<Arc<[Endpoint]>>,
    preferred: AtomicUsize,
}

impl Endpoints {
    pub(super) fn new(all: Vec<Endpoint>) -> Endpoints {
        Endpoints { all: RwLock::new(all.into()), preferred: AtomicUsize::new(0) }
    }

    pub(super) fn all(&self) -> Arc<[Endpoint]> {
        Arc::clone(&self.all.read())
    }

    pub(super) fn replace(&self, all: Vec<Endpoint>) {
        *self.all.write() = all.into();
        self.preferred.store(0, Ordering::Relaxed);
    }

    /// All of them, in the order in which they are to be asked.
    pub(super) fn in_order(&self) -> Vec<Endpoint> {
        let mut all = self.all().to_vec();
        let first = self.preferred.load(Ordering::Relaxed) % all.len().max(1);
        all.rotate_left(first);
        all
    }

    /// This one is asked first from now on.
    pub(super) fn prefer(&self, endpoint: &Endpoint) {
        if let Some(at) = self.all().iter().position(|one| one == endpoint) {
            self.preferred.store(at, Ordering::Relaxed);
        }
    }

    /// The one after this is asked first from now on.
    pub(super) fn leave(&self, endpoint: &Endpoint) {
        if let Some(at) = self.all().iter().position(|one| one == endpoint) {
            self.preferred.store(at + 1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_in_all_their_forms() {
        for (text, expected) in [
            ("127.0.0.1:2379", "http://127.0.0.1:2379"),
            (" http://a:1/ ", "http://a:1"),
            ("https://a/etcd/", "https://a/etcd"),
            ("http://[::1]:2379", "http://[::1]:2379"),
            ("localhost:2379", "http://localhost:2379"),
        ] {
            let parsed = Parsed::read(text).unwrap();
            assert_eq!((&*parsed.endpoint, parsed.credentials), (expected, None), "{text}");
        }
        let parsed = Parsed::read("http://ann:hu%40sh@a:1").unwrap();
        assert_eq!(&*parsed.endpoint, "http://a:1");
        assert_eq!(parsed.credentials, Some(("ann".to_owned(), "hu@sh".to_owned())));
    }

    #[test]
    fn what_is_no_endpoint_is_refused_without_its_password() {
        for text in ["", "ftp://a", "http://", "http://a?b", "http://a#b", "http://u:hush@a:x", "http://a b"]
        {
            let error = Parsed::read(text).unwrap_err().to_string();
            assert!(error.contains("an endpoint") && !error.contains("hush"), "{text}: {error}");
        }
    }

    #[test]
    fn who_answered_is_asked_first_and_who_did_not_is_asked_last() {
        let all: Vec<Endpoint> = ["a", "b", "c"].map(Endpoint::from).to_vec();
        let endpoints = Endpoints::new(all.clone());
        let order = || endpoints.in_order().iter().map(|one| one.to_string()).collect::<String>();
        assert_eq!(order(), "abc");
        endpoints.prefer(&all[1]);
        assert_eq!(order(), "bca");
        endpoints.leave(&all[2]);
        assert_eq!(order(), "abc");
        endpoints.leave(&Endpoint::from("x"));
        assert_eq!(order(), "abc");
        assert!(Endpoints::new(Vec::new()).in_order().is_empty());
    }
}
