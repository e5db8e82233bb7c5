//! The command line as a whole: what subcommands there are.

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use crate::commands::bench::Bench;
use crate::commands::cmd::Cmd;
use crate::commands::completions::Completions;
use crate::commands::demo::Demo;
use crate::commands::ekg::Ekg;
use crate::commands::elect::Elect;
use crate::commands::etcd2::Etcd2;
use crate::commands::event::Event;
use crate::commands::group::Group;
use crate::commands::import::Import;
use crate::commands::lock::Lock;
use crate::commands::mon::Mon;
use crate::commands::register::Register;
use crate::commands::serve::Serve;
use crate::commands::services::Services;
use crate::commands::sign::Sign;
use crate::commands::snapshot::Snapshot;

/// Live shared state: values that push their changes, presence, coordination.
///
/// Without a command it serves: `hyrax` is `hyrax serve`, `hyrax --listen ADDR` is `hyrax serve
/// --listen ADDR`.
#[derive(Debug, Parser)]
#[command(name = "hyrax", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do. A command is described where it is defined, but for those that have commands of their
/// own.
#[derive(Debug, Subcommand)]
pub enum Command {
    Serve(Box<Serve>),
    Cmd(Cmd),
    Mon(Mon),
    /// Be present, or see who is
    #[command(subcommand)]
    Ekg(Ekg),
    /// Make a secret for somebody else's command
    #[command(subcommand)]
    Sign(Sign),
    Lock(Lock),
    Elect(Elect),
    /// Belong to a group, or see who does
    #[command(subcommand)]
    Group(Group),
    Register(Register),
    Services(Services),
    Event(Event),
    /// Back up what a server coordinates, or go back to a backup
    #[command(subcommand)]
    Snapshot(Snapshot),
    Etcd2(Etcd2),
    /// Copy another store's content into a server
    #[command(subcommand)]
    Import(Import),
    Demo(Demo),
    Bench(Box<Bench>),
    Completions(Completions),
}

/// Says what is wrong with a command line, and ends.
pub fn refuse(error: &clap::Error) -> ! {
    // Its scripts know by this number that no server can be reached.
    let is_etcdctls = std::env::args_os().nth(1).is_some_and(|command| command == "etcd2");
    if is_etcdctls && error.use_stderr() {
        // A closed standard error is no reason to end otherwise.
        _ = error.print();
        std::process::exit(1);
    }
    error.exit()
}

/// Reads the command line. Where it names no command, it is `serve`'s.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let about_itself = ["-h", "--help", "-V", "--version"];
    let serves = match arguments.get(1).map(|first| first.to_string_lossy()) {
        None => true,
        Some(first) => first.starts_with('-') && !about_itself.contains(&&*first),
    };
    if serves {
        arguments.insert(arguments.len().min(1), "serve".into());
    }
    Cli::try_parse_from(arguments)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn read(line: &str) -> Result<Cli, clap::Error> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_it_serves() {
        for line in ["hyrax", "hyrax --listen 127.0.0.1:0", "hyrax --insecure", "hyrax serve --print-config"]
        {
            assert!(matches!(read(line).unwrap().command, Command::Serve(_)), "{line}");
        }
        assert_eq!(read("hyrax --help").unwrap_err().kind(), ErrorKind::DisplayHelp);
        assert_eq!(read("hyrax -V").unwrap_err().kind(), ErrorKind::DisplayVersion);
    }

    #[test]
    fn every_command_reads_its_arguments() {
        for line in [
            "hyrax cmd set foo bar",
            "hyrax cmd --json --secret s --id gopher zadd foo -1 a",
            "hyrax cmd zadd foo -1 a --not-a-flag",
            "hyrax cmd ping",
            "hyrax cmd --url tls://h:1 --ca ca.pem --user ann:hush get foo",
            "hyrax cmd --signed x --signed y mset a 1 b 2",
            "hyrax mon --secret s --legacy foo",
            "hyrax ekg watch --signed x --signed y room",
            "hyrax ekg members --secret s room",
            "hyrax mon foo bar --since 7 --json",
            "hyrax mon --prefix room:",
            "hyrax ekg join room ann --secret s",
            "hyrax ekg watch room --url unix:/tmp/h.sock",
            "hyrax ekg members room --json",
            "hyrax sign flat --secret s set foo gopher",
            "hyrax sign domain --secret s td --name joseph",
            "hyrax sign v2 --secret s --expires 1h set td:tid",
            "hyrax lock nightly -- ./backup.sh --all",
            "hyrax lock --timeout 0s --url etcd://a,b --heartbeat 1s nightly -- true",
            "hyrax elect scheduler --value here -- ./schedule.sh",
            "hyrax group join workers ann --subgroup blue --subgroup red",
            "hyrax group watch workers --json",
            "hyrax group members workers",
            "hyrax register web --ip 10.0.0.7 --port 8080 -- ./web.sh",
            "hyrax register web --ip 10.0.0.7 --port 8080",
            "hyrax services",
            "hyrax services web --watch",
            "hyrax event deploy 7 --service web --service db",
            "hyrax event deploy --broadcast",
            "hyrax snapshot save backup.db --url tls://h:1 --ca ca.pem --user ann:hush",
            "hyrax snapshot status backup.db --output json",
            "hyrax snapshot restore backup.db --data-dir data",
            "hyrax demo --plain --seconds 2",
            "hyrax bench get set --against redis-server --runs 1 --json",
            "hyrax bench --in-flight 1,64 fan-out --monitors 10",
            "hyrax etcd2 --endpoints http://a:1,http://b:2 set /foo bar --ttl 5 --swap-with-value x",
            "hyrax etcd2 -o json -C a:1 set /foo -5",
            "hyrax etcd2 set -- /foo -x",
            "hyrax etcd2 get -o extended --peers a:1 --quorum --sort /foo more words",
            "hyrax etcd2 mk --in-order /queue job",
            "hyrax etcd2 mkdir /dir --ttl 5",
            "hyrax etcd2 setdir /dir",
            "hyrax etcd2 update /foo bar --username ann:hush --no-sync",
            "hyrax etcd2 updatedir /dir --timeout 1s --total-timeout 3s",
            "hyrax etcd2 rm -r --with-value x --with-index 7 /foo",
            "hyrax etcd2 rmdir /dir",
            "hyrax etcd2 ls --recursive --sort -p /",
            "hyrax etcd2 watch --forever --after-index 7 -r /foo",
            "hyrax etcd2 exec-watch --recursive /foo -- sh -c env",
            "hyrax etcd2 exec-watch /foo ls -l",
            "hyrax import etcd2 http://old:2379",
            "hyrax import etcd2 http://ann:hush@a:1,http://b:2 --to https://new:2379 --ca ca.pem --prefix /app --also /_x",
            "hyrax completions bash",
        ] {
            read(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "hyrax frobnicate",
            "hyrax cmd",
            "hyrax mon",
            "hyrax mon --legacy foo",
            "hyrax mon --secret s --signed x foo",
            "hyrax cmd --user ann get foo",
            "hyrax ekg join room",
            "hyrax sign v2 --secret s --expires soon set foo",
            "hyrax lock nightly",
            "hyrax lock nightly true",
            "hyrax elect scheduler --",
            "hyrax register web --ip 10.0.0.7",
            "hyrax register web --ip 10.0.0.7 --port 0 -- true",
            "hyrax register web --ip 10.0.0.7 --port 65536",
            "hyrax event deploy",
            "hyrax event deploy --broadcast --service web",
            "hyrax snapshot restore backup.db",
            "hyrax snapshot status backup.db --output xml",
            "hyrax serve --listen 2379",
            "hyrax serve --sudo localhost",
            "hyrax etcd2",
            "hyrax import etcd2",
            "hyrax etcd2 frobnicate",
            "hyrax etcd2 set /foo bar --ttl soon",
            "hyrax bench frob",
            "hyrax bench get --against nonsense",
            "hyrax bench get --runs 0",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }

    #[test]
    fn every_server_variable_has_a_flag_of_its_name() {
        let command = Cli::command();
        let serve = command.find_subcommand("serve").unwrap();
        let flags: Vec<_> = serve.get_arguments().filter_map(|flag| flag.get_long()).collect();
        for variable in hyrax_server::config::variables() {
            let flag = variable.trim_start_matches("HYRAX_").to_lowercase().replace('_', "-");
            assert!(flags.contains(&flag.as_str()), "{variable} has no --{flag}");
        }
    }
}
