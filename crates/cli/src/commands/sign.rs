//! `hyrax sign`: secrets for somebody else's commands.

use std::io::{self, Write};

use anyhow::Result;
use clap::{Args, Subcommand};
use hyrax_client::signing;
use hyrax_server::config::{Secret, Span};
use serde_json::json;

use crate::request::unix_seconds;

/// Make a secret for somebody else's command, without showing them the server's.
#[derive(Debug, Subcommand)]
pub enum Sign {
    /// One command on one key, until it expires (both dialects)
    V2(V2),
    /// One command on one key, for ever (flat dialect, HMAC-SHA1)
    Flat(Flat),
    /// A whole domain, or one name in its EKGs, for ever (domain dialect, SHA-512)
    Domain(Domain),
}

/// What every form needs.
#[derive(Args, Debug)]
struct Maker {
    /// The server's secret
    #[arg(long, env = "HYRAX_SECRET", value_name = "SECRET", hide_env_values = true)]
    secret: Secret,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

impl Maker {
    fn key(&self) -> &[u8] {
        self.secret.expose().as_bytes()
    }
}

/// One command on one key, until it expires.
#[derive(Args, Debug)]
pub struct V2 {
    #[command(flatten)]
    maker: Maker,
    /// How long it is good for
    #[arg(long, value_name = "TIME", default_value = "1h")]
    expires: Span,
    /// The command, in any case
    command: String,
    /// The key it changes, in its flat form (`domain:id`)
    key: String,
    /// The id it is sent with, or the EKG name; nothing where there is none
    #[arg(default_value = "", hide_default_value = true)]
    id: String,
}

/// One command on one key, for ever.
#[derive(Args, Debug)]
pub struct Flat {
    #[command(flatten)]
    maker: Maker,
    /// The command, just as it will be sent
    command: String,
    /// The key it changes
    key: String,
    /// The id it is sent with; nothing where there is none
    #[arg(default_value = "", hide_default_value = true)]
    id: String,
}

/// A whole domain, or one name in its EKGs, for ever.
#[derive(Args, Debug)]
pub struct Domain {
    #[command(flatten)]
    maker: Maker,
    /// The domain
    domain: String,
    /// The name, for EKG commands
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
}

impl Sign {
    /// Prints the secret.
    pub fn run(self) -> Result<()> {
        let (maker, secret, expiry) = match &self {
            Sign::V2(V2 { maker, expires, command, key, id }) => {
                let expiry = unix_seconds().saturating_add(expires.0.as_secs());
                let made =
                    signing::v2(maker.key(), command.as_bytes(), key.as_bytes(), id.as_bytes(), expiry);
                (maker, made, Some(expiry))
            }
            Sign::Flat(Flat { maker, command, key, id }) => {
                let made =
                    signing::flat_hmac_sha1(maker.key(), command.as_bytes(), key.as_bytes(), id.as_bytes());
                (maker, made, None)
            }
            Sign::Domain(Domain { maker, domain, name }) => {
                (maker, signing::domain_sha512(domain.as_bytes(), name.as_bytes(), maker.key()), None)
            }
        };
        let mut stdout = io::stdout().lock();
        if !maker.json {
            return Ok(writeln!(stdout, "{secret}")?);
        }
        let mut object = json!({ "secret": secret });
        if let Some(expiry) = expiry {
            object["expires"] = json!(expiry);
        }
        Ok(writeln!(stdout, "{object}")?)
    }
}
