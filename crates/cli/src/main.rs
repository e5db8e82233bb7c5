//! The binary `hyrax`: a server, the commands that talk to one, and the benchmark.

mod address;
mod arguments;
mod bench;
mod commands;
mod connection;
mod demo;
mod etcd;
mod feed;
mod logging;
mod memory;
mod notice;
mod open_files;
mod ready;
mod reply;
mod request;
mod server;
mod tls;

use std::io;
use std::process::ExitCode;

use arguments::Command;

/// Many small long-lived allocations from many threads: the case that the system's allocator is
/// worst at.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = arguments::parse(std::env::args_os()).unwrap_or_else(|error| error.exit());
    let result = match cli.command {
        Command::Serve(serve) => serve.run(),
        Command::Cmd(cmd) => cmd.run(),
        Command::Mon(mon) => mon.run(),
        Command::Ekg(ekg) => ekg.run(),
        Command::Sign(sign) => sign.run(),
        Command::Snapshot(snapshot) => snapshot.run(),
        Command::Demo(demo) => demo.run(),
        Command::Bench(bench) => bench.run(),
        Command::Completions(completions) => completions.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has seen enough: `hyrax mon foo | head`.
        Err(error) if is_broken_output(&error) => ExitCode::SUCCESS,
        Err(error) => {
            notice::tell(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The output was closed by its reader. Sockets report the same kind of error, but always in a
/// context that says so.
fn is_broken_output(error: &anyhow::Error) -> bool {
    let kind = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.chain().len() == 1 && error.downcast_ref::<io::Error>().is_some_and(kind)
}
