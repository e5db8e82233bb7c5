//! A real Redis Cluster.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::ports::on_free_ports;
use super::redis::Redis;
use crate::resp::{Resp, RespClient, words};

/// How many slots there are.
const SLOTS: usize = 16_384;

/// How long the servers may take to agree.
const AGREES_WITHIN: Duration = Duration::from_secs(30);

/// Three primaries of this test's own, on loopback ports, that have the slots among them.
#[derive(Debug)]
pub struct RedisCluster {
    servers: Vec<Redis>,
}

impl RedisCluster {
    /// Starts one and waits until every server says that it is up.
    pub fn start() -> Self {
        on_free_ports(|[a, b, c, bus_a, bus_b, bus_c]| {
            let ports = [(a, bus_a), (b, bus_b), (c, bus_c)];
            let start = |(port, bus): (u16, u16)| {
                let bus = bus.to_string();
                let arguments = ["--cluster-enabled", "yes", "--cluster-port", &bus];
                Redis::start_on(port, &[&arguments[..], &["--cluster-node-timeout", "2000"]].concat())
            };
            let servers = ports.into_iter().map(start).collect::<Result<Vec<_>, _>>()?;
            let cluster = RedisCluster { servers };
            cluster.spread_slots();
            for (port, bus) in &ports[1..] {
                cluster.run(0, &format!("CLUSTER MEET 127.0.0.1 {port} {bus}"));
            }
            cluster.wait_until_it_is_up();
            Ok(cluster)
        })
    }

    fn spread_slots(&self) {
        let count = self.servers.len();
        for number in 0..count {
            let (first, last) = (SLOTS * number / count, SLOTS * (number + 1) / count - 1);
            self.run(number, &format!("CLUSTER ADDSLOTSRANGE {first} {last}"));
        }
    }

    /// Waits until every server knows of all the slots and of the others.
    pub fn wait_until_it_is_up(&self) {
        let began = Instant::now();
        let knows_all = |number: usize| {
            let Resp::Bulk(info) = self.run(number, "CLUSTER INFO") else { return false };
            let info = String::from_utf8_lossy(&info).into_owned();
            ["cluster_state:ok", "cluster_slots_ok:16384", "cluster_known_nodes:3"]
                .iter()
                .all(|line| info.contains(line))
        };
        while !(0..self.servers.len()).all(knows_all) {
            assert!(began.elapsed() < AGREES_WITHIN, "the servers of a cluster do not agree");
            sleep(Duration::from_millis(20));
        }
    }

    /// Its URL for `--values`.
    pub fn url(&self) -> String {
        let addresses: Vec<_> = self.servers.iter().map(|server| server.address().to_string()).collect();
        format!("redis-cluster://{}", addresses.join(","))
    }

    /// Its servers.
    pub fn servers(&mut self) -> &mut [Redis] {
        &mut self.servers
    }

    /// A connection to one of them.
    pub fn client(&self, number: usize) -> RespClient {
        self.servers[number].client()
    }

    /// Runs a command at one of them; panics when it is refused.
    pub fn run(&self, number: usize, line: &str) -> Resp {
        let reply = self.client(number).run(&words(line));
        assert!(!reply.is_error(), "{line}: {reply:?}");
        reply
    }

    fn id(&self, number: usize) -> String {
        let Resp::Bulk(id) = self.run(number, "CLUSTER MYID") else { panic!("a server has an id") };
        String::from_utf8_lossy(&id).into_owned()
    }

    /// The slot of a key, as the servers see it.
    pub fn slot(&self, key: &str) -> i64 {
        let Resp::Integer(slot) = self.run(0, &format!("CLUSTER KEYSLOT {key}")) else { panic!("a slot") };
        slot
    }

    /// Which server has a slot.
    pub fn owner(&self, slot: i64) -> usize {
        let count = self.servers.len();
        (0..count)
            .find(|number| {
                let Resp::Bulk(nodes) = self.run(*number, "CLUSTER NODES") else { return false };
                let nodes = String::from_utf8_lossy(&nodes).into_owned();
                let own = nodes.lines().find(|line| line.contains("myself")).unwrap_or_default().to_owned();
                own.split(' ').skip(8).any(|range| {
                    let (first, last) = range.split_once('-').unwrap_or((range, range));
                    let (first, last) = (first.parse::<i64>(), last.parse::<i64>());
                    matches!((first, last), (Ok(first), Ok(last)) if first <= slot && slot <= last)
                })
            })
            .expect("every slot has an owner")
    }

    /// Moves a slot with its keys to another server, as `redis-cli --cluster reshard` does.
    pub fn move_slot(&self, slot: i64, to: usize) {
        let from = self.owner(slot);
        let (from_id, to_id) = (self.id(from), self.id(to));
        self.run(to, &format!("CLUSTER SETSLOT {slot} IMPORTING {from_id}"));
        self.run(from, &format!("CLUSTER SETSLOT {slot} MIGRATING {to_id}"));
        let target = self.servers[to].address();
        let mut source = self.client(from);
        loop {
            let keys = source.run(&words(&format!("CLUSTER GETKEYSINSLOT {slot} 100")));
            let keys: Vec<Vec<u8>> = keys
                .elements()
                .unwrap_or_default()
                .iter()
                .filter_map(|key| if let Resp::Bulk(key) = key { Some(key.to_vec()) } else { None })
                .collect();
            if keys.is_empty() {
                break;
            }
            let mut migrate = words(&format!("MIGRATE {} {} x 0 5000 KEYS", target.ip(), target.port()));
            migrate[3] = Vec::new();
            migrate.extend(keys);
            let reply = source.run(&migrate);
            assert!(!reply.is_error(), "{reply:?}");
        }
        for number in [to, from].into_iter().chain(0..self.servers.len()) {
            self.run(number, &format!("CLUSTER SETSLOT {slot} NODE {to_id}"));
        }
    }
}
