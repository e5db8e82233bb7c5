//! A cluster of real etcds.

use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use super::etcd::is_healthy;
use super::ports::on_free_ports;
use super::process::Process;

/// How many members there are: the fewest that can lose one.
const MEMBERS: usize = 3;

/// Three members of this test's own, on loopback ports.
#[derive(Debug)]
pub struct EtcdCluster {
    members: Vec<Process>,
    /// For clients of each member, then for its peers.
    ports: [u16; 2 * MEMBERS],
    folder: TempDir,
}

impl EtcdCluster {
    /// Starts them and waits until each says that it is healthy.
    pub fn start() -> EtcdCluster {
        on_free_ports(|ports| {
            let folder = tempfile::tempdir().expect("a temporary folder can be made");
            let members = (0..MEMBERS).map(|member| launch(&folder, &ports, member)).collect();
            let mut cluster = EtcdCluster { members, ports, folder };
            for member in 0..MEMBERS {
                cluster.wait_for(member)?;
            }
            Ok(cluster)
        })
    }

    /// Where the clients of each member connect.
    pub fn addresses(&self) -> [SocketAddr; MEMBERS] {
        std::array::from_fn(|member| SocketAddr::from(([127, 0, 0, 1], self.ports[member])))
    }

    /// A member's process, to be killed or paused.
    pub fn process(&mut self, member: usize) -> &mut Process {
        &mut self.members[member]
    }

    /// Starts a member that was killed, on what it kept.
    pub fn start_again(&mut self, member: usize) {
        self.members[member] = launch(&self.folder, &self.ports, member);
    }

    /// Waits until a member says that it is healthy.
    pub fn wait_for(&mut self, member: usize) -> Result<(), String> {
        let address = self.addresses()[member];
        self.members[member].wait_until(|| is_healthy(address).unwrap_or(false))
    }
}

fn launch(folder: &TempDir, ports: &[u16; 2 * MEMBERS], member: usize) -> Process {
    let url = |port: usize| format!("http://127.0.0.1:{}", ports[port]);
    let peer = |member: usize| format!("m{member}={}", url(MEMBERS + member));
    let cluster: Vec<_> = (0..MEMBERS).map(peer).collect();
    let mut command = Command::new("etcd");
    command.args(["--name", &format!("m{member}"), "--logger", "zap", "--enable-v2=true", "--data-dir"]);
    command.arg(folder.path().join(format!("data{member}")));
    let (client, peer) = (url(member), url(MEMBERS + member));
    command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
    command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
    command.args(["--initial-cluster", &cluster.join(",")]);
    Process::start(command, &folder.path().join(format!("log{member}")))
}
