//! Checks that the examples in a page of documentation are what really happens.
//!
//! In a page, a block of ```` ```console ```` is one terminal: `$` begins a command line, `>` a line typed
//! into what runs, `^C` ends it, `...` stands for further lines, and all else is what is printed. A second
//! word after `console` names the terminal, so that several blocks can be one; in the terminal `server`, a
//! command line starts the server that the following blocks talk to. A block of ```` ```js ```` is a browser's
//! console: each message sent, and in the comment beside it the one that comes back.
//!
//! Ports, revisions and other long numbers differ from run to run and are not compared.

mod block;
mod browser;
mod check;
mod terminal;

pub use check::check_examples;

use std::fs;
use std::path::PathBuf;

/// The text of a page, named by its path from the workspace's folder.
pub fn page(name: &str) -> String {
    let path = root().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// The workspace's folder.
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
