//! `args` where it is an object: what a command does otherwise than usual.

use super::conversation::Problem;
use super::json::{JsonKind, Reader};
use super::message::Message;
use std::time::Duration;

/// What `lock` and `gjoin` take. A field that is not known is ignored.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `{"timeout": seconds}`: how long to wait.
    pub timeout: Option<Duration>,
    /// `{"heartbeat": seconds}`: how often the client is heard of at least.
    pub heartbeat: Option<Duration>,
    /// `{"subgroups": [name, …]}`
    pub subgroups: Vec<String>,
}

impl Options {
    /// Reads them. `example` is what they look like, for who sent something else.
    pub fn of(message: &Message<'_>, example: &str) -> Result<Options, Problem> {
        let Some(text) = message.options else {
            return match message.args.is_empty() {
                true => Ok(Options::default()),
                false => Err(format!("\"args\" must be an object such as {example}").into()),
            };
        };
        let mut reader = Reader::new(text);
        let mut options = Options::default();
        let mut first = true;
        while let Some(field) = reader.field(&mut first).map_err(text_of)? {
            match &*field {
                "timeout" => options.timeout = Some(seconds("timeout", &mut reader)?),
                "heartbeat" => options.heartbeat = Some(seconds("heartbeat", &mut reader)?),
                "subgroups" => options.subgroups = names("subgroups", &mut reader)?,
                _ => drop(reader.raw().map_err(text_of)?),
            }
        }
        Ok(options)
    }
}

fn seconds(field: &str, reader: &mut Reader<'_>) -> Result<Duration, Problem> {
    let kind = reader.kind().map_err(text_of)?;
    let number = reader.raw().map_err(text_of)?.parse().ok().filter(|_| kind == JsonKind::Number);
    number
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("\"{field}\" must be a number of seconds that is not negative").into())
}

fn names(field: &str, reader: &mut Reader<'_>) -> Result<Vec<String>, Problem> {
    let bad = || Problem::from(format!("\"{field}\" must be an array of strings"));
    if reader.kind().map_err(text_of)? != JsonKind::Array {
        return Err(bad());
    }
    let mut names = Vec::new();
    let mut first = true;
    while reader.next_element(&mut first).map_err(text_of)? {
        if reader.kind().map_err(text_of)? != JsonKind::String {
            return Err(bad());
        }
        names.push(reader.string().map_err(text_of)?.into_owned());
    }
    Ok(names)
}

fn text_of(bad: super::json::BadJson) -> Problem {
    bad.to_string().into()
}
