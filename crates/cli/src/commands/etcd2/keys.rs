//! Reading and writing of keys and directories.

use std::io::{self, Read, Write};
use std::time::Duration;

use clap::Args;
use hyrax_client::etcd_v2::{self, Client, Compare, Node};

use super::failure::{Failure, Outcome};
use super::print::Form;

/// Longest value read from standard input: what no server takes.
const INPUT_BYTES_MAX: u64 = 64 << 20;

/// Words of a command line, some of which may be missing, and more than needed of which are not read.
#[derive(Args, Clone, Debug)]
struct Words {
    #[arg(value_name = "KEY", allow_negative_numbers = true)]
    key: Option<String>,
    #[arg(hide = true, allow_negative_numbers = true)]
    more: Vec<String>,
}

impl Words {
    fn key(&self) -> Outcome<&str> {
        self.key.as_deref().ok_or_else(|| Failure::arguments("key required"))
    }
}

/// A key, and a value that may come from standard input.
#[derive(Args, Clone, Debug)]
struct KeyAndValue {
    #[arg(value_name = "KEY", allow_negative_numbers = true)]
    key: Option<String>,
    /// Read from standard input if it is not given
    #[arg(value_name = "VALUE", allow_negative_numbers = true)]
    value: Option<String>,
    #[arg(hide = true, allow_negative_numbers = true)]
    more: Vec<String>,
}

impl KeyAndValue {
    fn both(&self) -> Outcome<(&str, String)> {
        let key = self.key.as_deref().ok_or_else(|| Failure::arguments("key required"))?;
        let value =
            self.value.clone().or_else(from_input).ok_or_else(|| Failure::arguments("value required"))?;
        Ok((key, value))
    }
}

fn from_input() -> Option<String> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(INPUT_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned()).filter(|text| !text.is_empty())
}

/// When it ends.
#[derive(Args, Clone, Debug)]
struct TimeToLive {
    /// It ends after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0, allow_negative_numbers = true)]
    ttl: i64,
}

impl TimeToLive {
    fn time(&self) -> Option<Duration> {
        u64::try_from(self.ttl).ok().filter(|&seconds| seconds > 0).map(Duration::from_secs)
    }
}

/// What is compared before a change, where it is.
fn compare(value: &str, index: i64) -> Option<Compare> {
    // Go's client takes any number as it is.
    let index = (index != 0).then_some(index as u64);
    match (value, index) {
        ("", None) => None,
        ("", Some(index)) => Some(Compare::index(index)),
        (value, None) => Some(Compare::value(value)),
        (value, Some(index)) => Some(Compare::value(value).and_index(index)),
    }
}

/// Print the value of a key
#[derive(Args, Debug)]
pub(super) struct Get {
    #[command(flatten)]
    words: Words,
    /// In the order of names
    #[arg(long)]
    sort: bool,
    /// What the cluster agreed on last
    #[arg(long, short)]
    quorum: bool,
}

impl Get {
    pub(super) async fn run(&self, client: &Client, form: &Form) -> Outcome {
        let mut get = client.get(self.words.key()?);
        get = if self.sort { get.sorted() } else { get };
        get = if self.quorum { get.quorum() } else { get };
        let response = get.await?;
        if response.node.dir {
            return Err(Failure::said(format!("{}: is a directory", response.node.key)));
        }
        Ok(form.print(&response)?)
    }
}

/// Set a key
///
/// A value that begins with `-` comes after `--`: `set -- KEY VALUE`.
#[derive(Args, Debug)]
pub(super) struct Set {
    #[command(flatten)]
    words: KeyAndValue,
    #[command(flatten)]
    ttl: TimeToLive,
    /// Only if the key holds this value
    #[arg(long, value_name = "VALUE", default_value = "", hide_default_value = true)]
    swap_with_value: String,
    /// Only if the key was changed last at this index
    #[arg(long, value_name = "INDEX", default_value_t = 0, allow_negative_numbers = true)]
    swap_with_index: i64,
}

impl Set {
    pub(super) async fn run(&self, client: &Client, form: &Form) -> Outcome {
        let (key, value) = self.words.both()?;
        let ttl = self.ttl.time();
        let response = match compare(&self.swap_with_value, self.swap_with_index) {
            Some(compare) => client.compare_and_swap(key, &value, compare).ttl(ttl).await?,
            None => client.set(key, &value).ttl(ttl).await?,
        };
        Ok(form.print(&response)?)
    }
}

/// Make a key that is not there
#[derive(Args, Debug)]
pub(super) struct Make {
    #[command(flatten)]
    words: KeyAndValue,
    #[command(flatten)]
    ttl: TimeToLive,
    /// Make one in this directory, named so that it comes after all made so before
    #[arg(long)]
    in_order: bool,
}

impl Make {
    pub(super) async fn run(&self, client: &Client, form: &Form) -> Outcome {
        let (key, value) = self.words.both()?;
        let make =
            if self.in_order { client.create_in_order(key, &value) } else { client.create(key, &value) };
        Ok(form.print(&make.ttl(self.ttl.time()).await?)?)
    }
}

/// Set a key that is there
#[derive(Args, Debug)]
pub(super) struct Update {
    #[command(flatten)]
    words: KeyAndValue,
    #[command(flatten)]
    ttl: TimeToLive,
}

impl Update {
    pub(super) async fn run(&self, client: &Client, form: &Form) -> Outcome {
        let (key, value) = self.words.both()?;
        Ok(form.print(&client.update(key, &value).ttl(self.ttl.time()).await?)?)
    }
}

/// Make a directory that is not there
#[derive(Args, Debug)]
pub(super) struct MakeDirectory {
    #[command(flatten)]
    words: Words,
    #[command(flatten)]
    ttl: TimeToLive,
}

impl MakeDirectory {
    pub(super) async fn run(&self, form: &Form, make: impl FnOnce(&str) -> etcd_v2::Write) -> Outcome {
        let response = make(self.words.key()?).ttl(self.ttl.time()).await?;
        if *form != Form::Simple {
            form.print(&response)?;
        }
        Ok(())
    }
}

/// Remove a key or a directory
#[derive(Args, Debug)]
pub(super) struct Remove {
    #[command(flatten)]
    words: Words,
    /// Also an empty directory
    #[arg(long)]
    dir: bool,
    /// With all that is below it
    #[arg(long, short)]
    recursive: bool,
    /// Only if the key holds this value
    #[arg(long, value_name = "VALUE", default_value = "", hide_default_value = true)]
    with_value: String,
    /// Only if the key was changed last at this index
    #[arg(long, value_name = "INDEX", default_value_t = 0, allow_negative_numbers = true)]
    with_index: i64,
}

impl Remove {
    pub(super) async fn run(&self, client: &Client, form: &Form) -> Outcome {
        let key = self.words.key()?;
        let mut delete = match compare(&self.with_value, self.with_index) {
            Some(compare) => client.compare_and_delete(key, compare),
            None => client.delete(key),
        };
        delete = if self.dir { delete.dir() } else { delete };
        delete = if self.recursive { delete.recursive() } else { delete };
        removed(delete, form).await
    }
}

/// Remove a key or an empty directory
#[derive(Args, Debug)]
pub(super) struct RemoveDirectory {
    #[command(flatten)]
    words: Words,
}

impl RemoveDirectory {
    pub(super) async fn run(&self, client: &Client, form: &Form) -> Outcome {
        removed(client.delete_dir(self.words.key()?), form).await
    }
}

async fn removed(delete: etcd_v2::Delete, form: &Form) -> Outcome {
    let response = delete.await?;
    if !response.node.dir || *form != Form::Simple {
        form.print(&response)?;
    }
    Ok(())
}

/// List a directory
#[derive(Args, Debug)]
pub(super) struct Ls {
    #[command(flatten)]
    words: Words,
    /// In the order of names
    #[arg(long)]
    sort: bool,
    /// With all that is below it
    #[arg(long, short)]
    recursive: bool,
    /// A slash after directories
    #[arg(short = 'p')]
    slash: bool,
    /// What the cluster agreed on last
    #[arg(long, short)]
    quorum: bool,
}

impl Ls {
    pub(super) async fn run(&self, client: &Client, form: &Form) -> Outcome {
        let mut get = client.get(self.words.key.as_deref().unwrap_or("/"));
        get = if self.sort { get.sorted() } else { get };
        get = if self.recursive { get.recursive() } else { get };
        get = if self.quorum { get.quorum() } else { get };
        let response = get.await?;
        if *form != Form::Simple {
            return Ok(form.print(&response)?);
        }
        let mut lines = String::new();
        let is_listed = |node: &&Node| !(node.dir && std::ptr::eq(*node, &response.node));
        for node in response.node.walk().filter(is_listed) {
            lines.push_str(&node.key);
            lines.push_str(if node.dir && self.slash { "/\n" } else { "\n" });
        }
        Ok(io::stdout().lock().write_all(lines.as_bytes())?)
    }
}
