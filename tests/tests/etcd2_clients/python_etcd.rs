//! python-etcd's own tests: those that pass with a real etcd pass with Hyrax.
//!
//! They start what is called `etcd` in `PATH`, up to three at a time as members of a cluster, and kill some. Hyrax'
//! are nodes that share an etcd as their engine, which has no v2 API itself.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use hyrax_tests::hyrax::binary;
use hyrax_tests::peers::Etcd;
use hyrax_tests::programs::{installed, run, scripts};

/// A real one speaks the v2 API only where it is told to.
const ETCD: &str = "#!/bin/sh
exec etcd_itself --enable-v2=true --logger=zap --log-level=fatal \"$@\"
";

/// Takes etcd's flags. The first node of a cluster finds nothing of those before.
const HYRAX: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in
        -listen-client-urls) listen=${2#*://}; shift ;;
        -name) name=$2; shift ;;
        -cert-file=*) certificate=${1#*=} ;;
        -key-file=*) key=${1#*=} ;;
        -data-dir|-initial-*|-listen-peer-urls|-advertise-client-urls) shift ;;
        *) echo "no flag of etcd's: $1" >&2; exit 2 ;;
    esac
    shift
done
if [ "$name" = test-node-0 ]; then
    ETCDCTL_API=3 etcdctl --endpoints engine_address del "" --from-key > /dev/null
fi
set -- serve --listen "$listen" --node-name "$name" --coordination etcd://engine_address --log-level error
if [ -n "$certificate" ]; then set -- "$@" --tls-cert "$certificate" --tls-key "$key"; fi
exec hyrax_itself "$@" > /dev/null
"#;

/// Runs tests, all where none is named, with this script as `etcd`, and tells which of how many passed.
fn passing(script: &str, names: &[&str]) -> (BTreeSet<String>, usize) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let program = folder.path().join("etcd");
    fs::write(&program, script).expect("a temporary folder can be written to");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a file of ours can be changed");
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(std::iter::once(folder.path().to_owned()).chain(env::split_paths(&path)));
    let mut python = Command::new(installed("python_etcd/bin/python"));
    python.arg(scripts().join("python_etcd_suite.py")).args(names).env("PATH", path.expect("a search path"));
    let said = run(&mut python, "").stdout;
    let said = String::from_utf8_lossy(&said);
    let passed = said.lines().filter_map(|line| line.strip_suffix(" passes")).map(str::to_owned).collect();
    (passed, said.lines().count())
}

fn found(program: &str) -> String {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).map(|folder| folder.join(program));
    let found = places.into_iter().find(|place| place.is_file());
    let found = found.unwrap_or_else(|| panic!("no {program}; `cargo xtask test` installs it"));
    found.to_string_lossy().into_owned()
}

#[test]
fn what_passes_with_etcd_passes_with_hyrax() {
    let (expected, count) = passing(&ETCD.replace("etcd_itself", &found("etcd")), &[]);
    assert!(expected.len() > 130, "{} of {count} tests pass with etcd itself", expected.len());
    let engine = Etcd::start_with(&["--enable-v2=false"]);
    let script = HYRAX.replace("engine_address", &engine.address().to_string());
    let script = script.replace("hyrax_itself", &binary().to_string_lossy());
    let (mut passed, found) = passing(&script, &[]);
    assert_eq!(found, count);
    // Some count seconds while other tests run beside them: they have a second chance, alone.
    let failed: Vec<&str> =
        expected.difference(&passed).map(|name| name.trim_start_matches("etcd.tests.")).collect();
    if !failed.is_empty() {
        passed.extend(passing(&script, &failed).0);
    }
    let failed: Vec<_> = expected.difference(&passed).collect();
    assert!(failed.is_empty(), "fail with Hyrax alone: {failed:#?}");
}
