//! `CONFIG`: how the server is set.

use super::super::commands::bad_subcommand;
use super::super::dialogue::{Conversation, Flow};
use super::super::help::write_help;
use super::settings::{Change, Setting};
use hyrax_values::{Error, ReplySink, glob_matches};

/// `CONFIG subcommand …`.
pub fn run(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    match &argv[1].to_ascii_lowercase()[..] {
        b"get" => get(conversation, &argv[2..], out),
        b"help" => write_help(conversation, argv[0], HELP, out),
        b"resetstat" => {
            let core = &conversation.session.core;
            core.counted_before.begin_anew(&core.metrics);
            core.errors.reset();
            core.values.reset_statistics();
            conversation.reply(out).status("OK");
        }
        b"rewrite" => return Err(Error::text("ERR The server is running without a config file")),
        b"set" => set(conversation, &argv[2..], out)?,
        _ => return Err(bad_subcommand("config", argv[1])),
    }
    Ok(Flow::Done)
}

/// `CONFIG GET pattern …`: each once. One that is asked for by its name is shown as it was spelled.
fn get(conversation: &Conversation, asked: &[&[u8]], out: &mut Vec<u8>) {
    let is_pattern = |word: &[u8]| word.iter().any(|byte| b"[*?".contains(byte));
    let mut found: Vec<(&[u8], Setting)> = Vec::new();
    for word in asked {
        let matches = |setting: &Setting| match is_pattern(word) {
            true => glob_matches(&word.to_ascii_lowercase(), setting.name().as_bytes()),
            false => word.eq_ignore_ascii_case(setting.name().as_bytes()),
        };
        for setting in Setting::all().into_iter().filter(matches) {
            if found.iter().all(|(_, other)| other.name() != setting.name()) {
                let spelled = if is_pattern(word) { setting.name().as_bytes() } else { word };
                found.push((spelled, setting));
            }
        }
    }
    let mut reply = conversation.reply(out);
    reply.map(found.len());
    for (name, setting) in found {
        reply.bulk(name);
        reply.bulk(setting.get(conversation).as_bytes());
    }
}

/// `CONFIG SET parameter value …`: all of them, or none.
fn set(conversation: &Conversation, words: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Error> {
    if !words.len().is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    let mut named: Vec<(Setting, &[u8])> = Vec::new();
    for pair in words.chunks_exact(2) {
        let (name, value) = (pair[0], pair[1]);
        let setting = Setting::named(name).ok_or_else(|| unknown(name))?;
        if named.iter().any(|(other, _)| other.name() == setting.name()) {
            return Err(refused(&String::from_utf8_lossy(name), "duplicate parameter"));
        }
        named.push((setting, value));
    }
    let mut changes: Vec<Change> = Vec::new();
    for (setting, value) in named {
        changes.push(setting.read(value, conversation).map_err(|problem| refused(setting.name(), &problem))?);
    }
    changes.into_iter().for_each(|change| change(conversation));
    conversation.reply(out).status("OK");
    Ok(())
}

fn unknown(name: &[u8]) -> Error {
    let name = String::from_utf8_lossy(name);
    Error::Other(format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'").into())
}

fn refused(name: &str, problem: &str) -> Error {
    Error::Other(format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {problem}").into())
}

const HELP: &[&str] = &[
    "GET <pattern>",
    "    Return parameters matching the glob-like <pattern> and their values.",
    "SET <directive> <value>",
    "    Set the configuration <directive> to <value>.",
    "RESETSTAT",
    "    Reset statistics reported by the INFO command.",
    "REWRITE",
    "    Rewrite the configuration file.",
];
