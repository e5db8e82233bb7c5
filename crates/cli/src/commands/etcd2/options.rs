//! Which servers, as whom, and how to print: flags and variables of etcdctl's.

use std::convert::Infallible;
use std::env;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use humantime::parse_duration;
use hyrax_client::etcd_v2::{Client, Error, Settings, Tls};
use ratatui::crossterm::terminal;

use super::failure::{Failure, Outcome, is_connection_error};
use super::print::Form;

/// Where an etcd is by default.
const DEFAULT_ENDPOINTS: &str = "http://127.0.0.1:2379,http://127.0.0.1:4001";

/// Longest password read from a terminal.
const PASSWORD_BYTES_MAX: usize = 1_024;

/// Which servers, as whom, and how to print.
#[derive(Args, Clone, Debug)]
pub(super) struct Options {
    /// The servers, with commas between them. HYRAX_URL is another way to name one
    #[arg(long, global = true, value_name = "URL,…", visible_aliases = ["endpoint", "peers"], short_alias = 'C')]
    endpoints: Option<String>,
    /// Ask only these servers, and not those that they say are in the cluster
    #[arg(long, global = true)]
    no_sync: bool,
    /// simple, extended or json
    #[arg(long, short = 'o', global = true, value_name = "FORM", default_value = "simple")]
    output: String,
    /// The name and password to ask with; the password is asked for if it is not given
    #[arg(long, short = 'u', global = true, value_name = "NAME[:PASSWORD]")]
    username: Option<Credentials>,
    /// The authorities that https:// servers' certificates may come from, instead of the system's: PEM
    #[arg(long, global = true, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The certificate to show to https:// servers: PEM
    #[arg(long, global = true, value_name = "FILE", requires = "key_file")]
    cert_file: Option<PathBuf>,
    /// Its key: PEM
    #[arg(long, global = true, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// How long one server may take for an answer
    #[arg(long, global = true, value_name = "TIME", default_value = "2s", value_parser = parse_duration)]
    timeout: Duration,
    /// How long a command may take, but a watch; 0s is for ever
    #[arg(long, global = true, value_name = "TIME", default_value = "5s", value_parser = parse_duration)]
    total_timeout: Duration,
}

impl Options {
    pub(super) fn form(&self) -> Form {
        Form::named(&self.output)
    }

    /// None is for ever.
    pub(super) fn total_timeout(&self) -> Option<Duration> {
        Some(self.total_timeout).filter(|timeout| !timeout.is_zero())
    }

    /// A client, and unless it is not to, one that knows the whole cluster.
    pub(super) async fn client(&self) -> Outcome<Client> {
        let client = Client::new(self.settings()?).map_err(|error| Failure::said(error.to_string()))?;
        if self.no_sync {
            return Ok(client);
        }
        match client.sync().await {
            Err(error) if is_connection_error(&error) => Err(Failure::connection(&error)),
            Err(error @ Error::Settings(_)) => Err(error.into()),
            // Who does not say where the members are may still know keys.
            _ => Ok(client),
        }
    }

    fn settings(&self) -> Outcome<Settings> {
        let endpoints = self.endpoints();
        let mut settings = Settings::new(endpoints.split(',')).tls(self.tls()?);
        settings = settings.connect_timeout(self.timeout).attempt_timeout(self.timeout);
        settings = settings.total_timeout(self.total_timeout().unwrap_or(Duration::MAX));
        let username = self
            .username
            .clone()
            .or_else(|| variable("ETCDCTL_USERNAME").map(|text| Credentials::read(&text)));
        match username {
            Some(Credentials { name, password }) => {
                let password = match password {
                    Some(password) => password,
                    None => ask_password()?,
                };
                Ok(settings.credentials(name, password.0))
            }
            None => Ok(settings),
        }
    }

    fn endpoints(&self) -> String {
        let named = self.endpoints.clone().filter(|endpoints| !endpoints.is_empty());
        named
            .or_else(|| variable("ETCDCTL_ENDPOINTS"))
            .or_else(|| variable("ETCDCTL_ENDPOINT"))
            .or_else(|| variable("ETCDCTL_PEERS"))
            .or_else(|| variable("HYRAX_URL").map(|url| url.replace("tls://", "https://")))
            .unwrap_or_else(|| DEFAULT_ENDPOINTS.to_owned())
    }

    fn tls(&self) -> Outcome<Tls> {
        let file = |flag: &Option<PathBuf>, name| flag.clone().or_else(|| variable(name).map(PathBuf::from));
        let mut tls = Tls::default();
        let bad = |error: Error| Failure::said(error.to_string());
        if let Some(authorities) = file(&self.ca_file, "ETCDCTL_CA_FILE") {
            tls = tls.trust_file(authorities).map_err(bad)?;
        }
        let certificate = file(&self.cert_file, "ETCDCTL_CERT_FILE");
        if let Some((certificate, key)) = certificate.zip(file(&self.key_file, "ETCDCTL_KEY_FILE")) {
            tls = tls.identity_files(certificate, key).map_err(bad)?;
        }
        Ok(tls)
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// A name, and a password if it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Credentials {
    name: String,
    password: Option<Password>,
}

/// A password, which is not shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Credentials {
    /// `NAME` or `NAME:PASSWORD`.
    fn read(text: &str) -> Credentials {
        match text.split_once(':') {
            Some((name, password)) => {
                Credentials { name: name.to_owned(), password: Some(Password(password.to_owned())) }
            }
            None => Credentials { name: text.to_owned(), password: None },
        }
    }
}

impl FromStr for Credentials {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Credentials, Infallible> {
        Ok(Credentials::read(text))
    }
}

/// Asks for a password on the terminal, without showing it.
fn ask_password() -> io::Result<Password> {
    eprint!("Password: ");
    io::stderr().flush()?;
    // Where there is no terminal, whoever feeds the input sees it anyway.
    let is_hidden = terminal::enable_raw_mode().is_ok();
    let read = read_line(&mut io::stdin().lock());
    if is_hidden {
        terminal::disable_raw_mode()?;
        eprintln!();
    }
    read.map(Password)
}

/// A line, as it is typed where the terminal does nothing with it.
fn read_line(input: &mut impl Read) -> io::Result<String> {
    const INTERRUPT: u8 = 3;
    const BACKSPACE: [u8; 2] = [8, 127];
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < PASSWORD_BYTES_MAX && input.read(&mut byte)? == 1 {
        match byte[0] {
            b'\r' | b'\n' => break,
            INTERRUPT => return Err(io::ErrorKind::Interrupted.into()),
            typed if BACKSPACE.contains(&typed) => _ = line.pop(),
            typed => line.push(typed),
        }
    }
    String::from_utf8(line).map_err(|_| io::Error::other("a password is text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_read_as_typed_and_never_shown() {
        let read = |text: &[u8]| read_line(&mut &text[..]).unwrap();
        assert_eq!(read(b"hush\rmore"), "hush");
        assert_eq!(read(b"hux\x7fsh\n"), "hush");
        assert_eq!(read(b""), "");
        assert!(read_line(&mut &b"hu\x03"[..]).is_err());
        let credentials = Credentials::read("ann:hu:sh");
        assert_eq!(credentials.password, Some(Password("hu:sh".to_owned())));
        assert!(!format!("{credentials:?}").contains("hu:sh"));
        assert_eq!(Credentials::read("ann").password, None);
    }
}
