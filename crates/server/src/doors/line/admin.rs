//! Logging in, secrets, nodes.

use super::conversation::Problem;
use super::encode::{write_integer, write_string};
use super::envelope::Envelope;
use super::live::check_key;
use super::message::{Dialect, Message, Secrets};
use super::push::write_list;
use super::verbs::Verb;
use crate::session::Session;
use bytes::Bytes;
use hyrax_recipes::SecretsError;

/// What whoever may not administer is told.
const NOT_PERMITTED: &str = "not permitted";

/// `auth` with an operator's name and password.
pub fn authenticate(
    session: &mut Session,
    message: &Message<'_>,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    let [name, password] = &message.args[..] else {
        return Err("\"auth\" needs \"args\" with an operator's name and password".into());
    };
    let identity = session.core.authorizer.operator(name, password).ok_or("auth failed")?;
    session.identity = identity;
    envelope.word("OK", out);
    Ok(())
}

/// The commands about secrets: all keys', or one key's.
pub async fn secrets(
    session: &Session,
    verb: Verb,
    message: &Message<'_>,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    if !session.may_administer() {
        return Err(NOT_PERMITTED.into());
    }
    let authorizer = &session.core.authorizer;
    let stored = authorizer.stored();
    match verb {
        Verb::GetSecretKeys | Verb::Aglobalsecrets => {
            let secrets = authorizer.global_secrets();
            envelope.reply(out, |out| write_list(secrets.iter().map(|secret| &secret[..]), out));
        }
        Verb::AddSecretKeys | Verb::Aglobalsecretsadd => {
            let mut added = Vec::new();
            for secret in given_secrets(message)? {
                added.push(
                    !authorizer.is_configured(&secret)
                        && stored.add_global(&secret).await.map_err(problem)?,
                );
            }
            write_counted(message.dialect, &added, envelope, out);
        }
        Verb::RemSecretKeys | Verb::Aglobalsecretsrem => {
            let secrets = given_secrets(message)?;
            if secrets.iter().any(|secret| authorizer.is_configured(secret)) {
                return Err("a secret of the configuration cannot be removed at run time: change the configuration and reload".into());
            }
            let mut removed = Vec::new();
            for secret in secrets {
                removed.push(stored.remove_global(&secret).await.map_err(problem)?);
            }
            write_counted(message.dialect, &removed, envelope, out);
        }
        _ => of_key(session, verb, message, envelope, out).await?,
    }
    Ok(())
}

async fn of_key(
    session: &Session,
    verb: Verb,
    message: &Message<'_>,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    let stored = session.core.authorizer.stored();
    let key = message.key.as_deref().ok_or_else(|| format!("\"{}\" needs \"key\"", message.name))?;
    check_key(key)?;
    let key = Bytes::copy_from_slice(key);
    match verb {
        Verb::Asecrets => {
            let secrets = stored.of_key(&key);
            envelope.reply(out, |out| write_list(secrets.iter().map(|secret| &secret[..]), out));
        }
        Verb::Asecretsset => {
            stored.set_of_key(&key, &given_secrets(message)?).await.map_err(problem)?;
            envelope.word("OK", out);
        }
        _ => {
            let mut changed = Vec::new();
            for secret in given_secrets(message)? {
                let outcome = match verb {
                    Verb::Asecretsadd => stored.add_to_key(&key, &secret).await,
                    _ => stored.remove_from_key(&key, &secret).await,
                };
                changed.push(outcome.map_err(problem)?);
            }
            write_counted(message.dialect, &changed, envelope, out);
        }
    }
    Ok(())
}

/// The secrets in `args`, or in the domain dialect in a list of `{"secret":…}`.
fn given_secrets(message: &Message<'_>) -> Result<Vec<Bytes>, Problem> {
    let secrets: Vec<Bytes> = match message.dialect {
        Dialect::Flat => message.args.iter().map(|word| Bytes::copy_from_slice(word)).collect(),
        Dialect::Domain => {
            let items = message.items().map_err(|bad| bad.to_string())?;
            let given = items.iter().map(|item| match &item.secrets {
                Secrets::One(secret) => Ok(Bytes::copy_from_slice(secret.as_bytes())),
                _ => Err(Problem::from("\"payload\" must be a list of {\"secret\":\"…\"}")),
            });
            given.collect::<Result<_, _>>()?
        }
    };
    if secrets.iter().any(Bytes::is_empty) {
        return Err("a secret must not be empty: everybody would know it".into());
    }
    if secrets.is_empty() {
        let place = if message.dialect == Dialect::Flat { "args" } else { "payload" };
        return Err(format!("\"{}\" needs secrets in \"{place}\"", message.name).into());
    }
    Ok(secrets)
}

/// Writes 1 or 0 for each, or, in the flat dialect, as Redis counts: how many.
fn write_counted(dialect: Dialect, changed: &[bool], envelope: &Envelope, out: &mut Vec<u8>) {
    envelope.reply(out, |out| match dialect {
        Dialect::Flat => write_integer(changed.iter().filter(|&&changed| changed).count() as i64, out),
        Dialect::Domain => {
            let ones: Vec<&[u8]> =
                changed.iter().map(|&changed| if changed { &b"1"[..] } else { b"0" }).collect();
            out.push(b'[');
            out.extend_from_slice(&ones.join(&b','));
            out.push(b']');
        }
    });
}

/// `get-nodes`, `add-nodes`, `rem-nodes`.
pub fn nodes(session: &Session, verb: Verb, envelope: &Envelope, out: &mut Vec<u8>) -> Result<(), Problem> {
    if !session.may_administer() {
        return Err(NOT_PERMITTED.into());
    }
    if verb != Verb::GetNodes {
        return Err(
            "this server keeps its values in its own process: there is no pool whose nodes could change"
                .into(),
        );
    }
    envelope.reply(out, |out| {
        out.push(b'[');
        write_string(&session.core.node_name, out);
        out.push(b']');
    });
    Ok(())
}

fn problem(error: SecretsError) -> Problem {
    error.to_string().into()
}
