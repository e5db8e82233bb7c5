//! `etcd://[NAME:PASSWORD@]HOST[:PORT][,HOST[:PORT]…][?option=…]`, and `etcds://` for TLS.
//!
//! Options: `ca`, `cert`, `key` (PEM files), `server_name`, `timeout`, `connect_timeout` (`5s`). Any of the first four
//! means TLS, as `etcds` does. Name, password and options are percent-encoded where they hold what a URL can not.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::form_urlencoded;

use crate::settings::{BadEndpoint, Credentials, Endpoint, EtcdSettings, Timeouts, TlsSettings};

/// What is written in a password's place.
const REDACTED: &str = "<redacted>";

/// Why a text does not say where an etcd is. No password is repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// Another scheme, or none.
    #[error("an etcd is named etcd://HOST:PORT[,HOST:PORT…], or etcds:// with TLS")]
    Scheme,
    /// A member that is none.
    #[error(transparent)]
    Endpoint(#[from] BadEndpoint),
    /// A path, which means nothing here.
    #[error("an etcd's URL has no path: `{0}` leads nowhere")]
    Path(String),
    /// A name without a password, or the other way round.
    #[error("who logs in to etcd is written NAME:PASSWORD@ before the hosts, percent-encoded")]
    Credentials,
    /// Somebody fed printed configuration back in.
    #[error(
        "`{REDACTED}` stands where the password was left out of printed configuration; put the real one there"
    )]
    Redacted,
    /// An option that there is not.
    #[error("etcd's URL has no option `{0}`; it has ca, cert, key, server_name, timeout, connect_timeout")]
    Option(String),
    /// An option's value that makes no sense.
    #[error("`{value}` is no {option} for etcd, which is like {example}")]
    Value {
        /// The option.
        option: &'static str,
        /// What was given.
        value: String,
        /// What could be.
        example: &'static str,
    },
    /// A certificate without a key, or the other way round.
    #[error("TLS with a certificate of one's own needs both, cert and key")]
    HalfIdentity,
}

impl FromStr for EtcdSettings {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<EtcdSettings, BadUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(BadUrl::Scheme)?;
        let encrypted = match scheme {
            "etcd" => false,
            "etcds" => true,
            _ => return Err(BadUrl::Scheme),
        };
        let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (credentials, rest) = match rest.rsplit_once('@') {
            Some((who, rest)) => (Some(credentials(who)?), rest),
            None => (None, rest),
        };
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        if !path.is_empty() {
            return Err(BadUrl::Path(format!("/{path}")));
        }
        let endpoints = hosts.split(',').map(str::parse::<Endpoint>).collect::<Result<Vec<_>, _>>()?;
        let mut settings = EtcdSettings { credentials, ..EtcdSettings::new(endpoints) };
        settings.tls = encrypted.then(TlsSettings::default);
        settings.take_options(options)?;
        Ok(settings)
    }
}

impl EtcdSettings {
    fn take_options(&mut self, options: &str) -> Result<(), BadUrl> {
        let (mut certificate, mut key) = (None, None);
        for (name, value) in form_urlencoded::parse(options.as_bytes()) {
            match &*name {
                "ca" => self.tls.get_or_insert_default().ca = Some(path("ca", &value)?),
                "cert" => certificate = Some(path("cert", &value)?),
                "key" => key = Some(path("key", &value)?),
                "server_name" => {
                    self.tls.get_or_insert_default().server_name = Some(value.into_owned());
                }
                "timeout" => self.timeouts.request = span("timeout", &value)?,
                "connect_timeout" => self.timeouts.connect = span("connect_timeout", &value)?,
                _ => return Err(BadUrl::Option(name.into_owned())),
            }
        }
        match (certificate, key) {
            (None, None) => {}
            (Some(certificate), Some(key)) => {
                self.tls.get_or_insert_default().identity = Some((certificate, key));
            }
            _ => return Err(BadUrl::HalfIdentity),
        }
        Ok(())
    }
}

fn credentials(text: &str) -> Result<Credentials, BadUrl> {
    let decoded = |text: &str| match percent_decode_str(text).decode_utf8() {
        Ok(text) if !text.is_empty() => Ok(text.into_owned()),
        _ => Err(BadUrl::Credentials),
    };
    let (name, password) = text.split_once(':').ok_or(BadUrl::Credentials)?;
    let (name, password) = (decoded(name)?, decoded(password)?);
    if password == REDACTED {
        return Err(BadUrl::Redacted);
    }
    Ok(Credentials { name, password })
}

fn path(option: &'static str, value: &str) -> Result<PathBuf, BadUrl> {
    if value.is_empty() {
        return Err(BadUrl::Value { option, value: String::new(), example: "/etc/hyrax/etcd.pem" });
    }
    Ok(value.into())
}

fn span(option: &'static str, value: &str) -> Result<Duration, BadUrl> {
    match humantime::parse_duration(value) {
        Ok(span) if !span.is_zero() => Ok(span),
        _ => Err(BadUrl::Value { option, value: value.to_owned(), example: "5s or 500ms" }),
    }
}

/// The URL, the password left out.
impl fmt::Display for EtcdSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls.is_some() { "etcds://" } else { "etcd://" })?;
        if let Some(credentials) = &self.credentials {
            write!(f, "{}:{REDACTED}@", utf8_percent_encode(&credentials.name, NON_ALPHANUMERIC))?;
        }
        for (at, endpoint) in self.endpoints.iter().enumerate() {
            write!(f, "{}{endpoint}", if at == 0 { "" } else { "," })?;
        }
        let mut options = form_urlencoded::Serializer::new(String::new());
        if let Some(tls) = &self.tls {
            let mut file = |name, path: &PathBuf| _ = options.append_pair(name, &path.to_string_lossy());
            if let Some(ca) = &tls.ca {
                file("ca", ca);
            }
            if let Some((certificate, key)) = &tls.identity {
                file("cert", certificate);
                file("key", key);
            }
            if let Some(name) = &tls.server_name {
                options.append_pair("server_name", name);
            }
        }
        let usual = Timeouts::default();
        for (name, span, usual) in [
            ("timeout", self.timeouts.request, usual.request),
            ("connect_timeout", self.timeouts.connect, usual.connect),
        ] {
            if span != usual {
                options.append_pair(name, &humantime::format_duration(span).to_string());
            }
        }
        let options = options.finish();
        if options.is_empty() { Ok(()) } else { write!(f, "?{options}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> EtcdSettings {
        url.parse().unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    #[test]
    fn a_url_names_members_who_asks_and_how() {
        let settings = parsed("etcd://a,[::1]:22379,c:1");
        let shown: Vec<_> = settings.endpoints.iter().map(Endpoint::to_string).collect();
        assert_eq!(shown, ["a:2379", "[::1]:22379", "c:1"]);
        assert_eq!((settings.tls, settings.credentials), (None, None));
        let settings = parsed("etcd://ro%40ot:p%3Aw%2F%40@a/?timeout=700ms&connect_timeout=1s");
        let credentials = settings.credentials.unwrap();
        assert_eq!((&*credentials.name, &*credentials.password), ("ro@ot", "p:w/@"));
        assert_eq!(settings.timeouts.request, Duration::from_millis(700));
        let tls = parsed("etcds://a").tls.unwrap();
        assert_eq!(tls, TlsSettings::default());
        let tls = parsed("etcd://a?ca=%2Fca.pem&cert=c.pem&key=k.pem&server_name=etcd.local").tls.unwrap();
        assert_eq!(tls.ca, Some("/ca.pem".into()));
        assert_eq!(tls.identity, Some(("c.pem".into(), "k.pem".into())));
        assert_eq!(tls.server_name.as_deref(), Some("etcd.local"));
    }

    #[test]
    fn what_is_written_reads_back_but_for_the_password() {
        for url in [
            "etcd://a:2379",
            "etcds://a:1,[::1]:2?ca=%2Fca.pem&cert=c.pem&key=k.pem&server_name=x&timeout=1s&connect_timeout=5ms",
        ] {
            assert_eq!(parsed(url).to_string(), url);
        }
        let settings = parsed("etcd://root:hunter2@a");
        let shown = format!("{settings} {settings:?}");
        assert!(shown.contains("root:<redacted>@a:2379") && !shown.contains("hunter2"), "{shown}");
        assert_eq!(settings.to_string().parse::<EtcdSettings>(), Err(BadUrl::Redacted));
    }

    #[test]
    fn what_is_no_url_says_why_and_shows_no_password() {
        for (url, expected) in [
            ("", "etcd://HOST"),
            ("http://a", "etcd://HOST"),
            ("etcd://", "`` is not HOST"),
            ("etcd://a,,b", "`` is not HOST"),
            ("etcd://a/prefix", "no path: `/prefix`"),
            ("etcd://root@a", "NAME:PASSWORD@"),
            ("etcd://:hunter2@a", "NAME:PASSWORD@"),
            ("etcd://root:hunter2@", "`` is not HOST"),
            ("etcd://a?color=red", "no option `color`"),
            ("etcd://a?timeout=soon", "`soon` is no timeout"),
            ("etcd://a?timeout=0s", "`0s` is no timeout"),
            ("etcd://a?cert=c.pem", "both, cert and key"),
        ] {
            let error = url.parse::<EtcdSettings>().unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{url}: {error}");
        }
    }
}
