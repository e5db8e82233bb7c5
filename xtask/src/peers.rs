//! The real servers and tools that the tests compare with: found, or installed from Debian's packages.

use std::env;
use std::path::Path;

use anyhow::{Result, bail};

use crate::step::Step;

/// What the tests start or load, and the Debian package that brings it.
struct Peer {
    /// A program to be found in `PATH`, or a file; or, where it has arguments, a command that succeeds.
    program: &'static str,
    package: &'static str,
}

const PEERS: [Peer; 14] = [
    Peer { program: "redis-server", package: "redis-server" },
    Peer { program: "redis-cli", package: "redis-tools" },
    Peer { program: "etcd", package: "etcd-server" },
    Peer { program: "etcdctl", package: "etcd-client" },
    Peer { program: "python3", package: "python3" },
    Peer { program: "/usr/lib/python3/dist-packages/redis/__init__.py", package: "python3-redis" },
    Peer { program: "python3 -m ensurepip --version", package: "python3-venv" },
    Peer { program: "node", package: "nodejs" },
    Peer { program: "npm", package: "npm" },
    Peer { program: "nc", package: "netcat-openbsd" },
    Peer { program: "curl", package: "curl" },
    Peer { program: "openssl", package: "openssl" },
    Peer { program: "protoc", package: "protobuf-compiler" },
    // What protoc imports is in another package.
    Peer { program: "/usr/include/google/protobuf/any.proto", package: "libprotobuf-dev" },
];

/// Makes sure that every peer is there, installing what is missing where this user may.
pub fn ensure() -> Result<()> {
    let packages = missing_packages();
    if packages.is_empty() {
        return Ok(());
    }
    let packages = packages.join(" ");
    let Some(apt_get) = apt_get() else {
        bail!("the tests need Debian packages that are not installed; run: sudo apt-get install {packages}");
    };
    println!("Installing the peers that are missing: {packages}");
    Step::new(&format!("{apt_get} update -qq")).run("is the network there?")?;
    Step::new(&format!("{apt_get} install -qq -y --no-install-recommends {packages}"))
        .run(&format!("install these packages yourself: {packages}"))?;
    let still_missing = missing_packages();
    if !still_missing.is_empty() {
        bail!("installed, but not found: what comes with {}", still_missing.join(" "));
    }
    Ok(())
}

fn missing_packages() -> Vec<&'static str> {
    PEERS.iter().filter(|peer| !is_there(peer.program)).map(|peer| peer.package).collect()
}

fn is_there(program: &str) -> bool {
    if program.starts_with('/') {
        return Path::new(program).is_file();
    }
    if program.contains(' ') {
        return Step::new(program).succeeds();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// How this user calls `apt-get`, or nothing where that is not possible without a question.
fn apt_get() -> Option<&'static str> {
    if !Path::new("/usr/bin/apt-get").is_file() {
        return None;
    }
    if Step::new("test -w /var/lib/dpkg/lock").succeeds() {
        return Some("env DEBIAN_FRONTEND=noninteractive apt-get");
    }
    if Step::new("sudo -n true").succeeds() {
        return Some("sudo -n env DEBIAN_FRONTEND=noninteractive apt-get");
    }
    None
}
