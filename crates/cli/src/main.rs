//! The binary `hyrax`: a server, the commands that talk to one, and the benchmark.

mod address;
mod arguments;
mod bench;
mod child;
mod commands;
mod connection;
mod demo;
mod engine;
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
mod signals;
mod tls;

use std::io;
use std::process::ExitCode;

use arguments::Command;

/// Many small long-lived allocations from many threads: the case that the system's allocator is
/// worst at.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    if let Some((parent, program)) = child::asked_to_stand_in() {
        return child::stand_in(parent, &program);
    }
    let cli = arguments::parse(std::env::args_os()).unwrap_or_else(|error| arguments::refuse(&error));
    let done = |()| ExitCode::SUCCESS;
    let result = match cli.command {
        Command::Serve(serve) => serve.run().map(done),
        Command::Cmd(cmd) => cmd.run().map(done),
        Command::Mon(mon) => mon.run().map(done),
        Command::Ekg(ekg) => ekg.run().map(done),
        Command::Sign(sign) => sign.run().map(done),
        Command::Lock(lock) => lock.run(),
        Command::Elect(elect) => elect.run(),
        Command::Group(group) => group.run().map(done),
        Command::Register(register) => register.run(),
        Command::Services(services) => services.run().map(done),
        Command::Event(event) => event.run().map(done),
        Command::Snapshot(snapshot) => snapshot.run().map(done),
        Command::Etcd2(etcd2) => Ok(etcd2.run()),
        Command::Import(import) => import.run().map(done),
        Command::Demo(demo) => demo.run().map(done),
        Command::Bench(bench) => bench.run().map(done),
        Command::Completions(completions) => completions.run().map(done),
    };
    match result {
        Ok(code) => code,
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
