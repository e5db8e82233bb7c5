//! The stage of the line door's examples with two nodes: who comes first is at one, who comes next at the other.

// Its own stage, of one node, is the line door's.
#[allow(dead_code)]
#[path = "../line_door/stage.rs"]
mod one_node;

use hyrax_tests::hyrax::{Hyrax, Wire};
use hyrax_tests::peers::{Etcd, Redis};
use std::cell::Cell;

pub use one_node::{Actor, SECRET, ekg_push, mon_push};

/// Two nodes that share values in Redis and coordination in etcd.
pub struct Stage {
    nodes: [Hyrax; 2],
    next: Cell<usize>,
    _engines: (Redis, Etcd),
}

impl Stage {
    /// Plays `example`.
    pub fn everywhere(example: impl Fn(&Stage)) {
        let engines = (Redis::start(), Etcd::start());
        let values = format!("redis://{}", engines.0.address());
        let coordination = format!("etcd://{}", engines.1.address());
        let node = || Hyrax::start(&["--values", &values, "--coordination", &coordination]);
        example(&Stage { nodes: [node(), node()], next: Cell::new(0), _engines: engines });
    }

    /// A new connection, to the other node than the one before.
    pub fn client(&self) -> Actor {
        let number = self.next.replace(self.next.get() + 1);
        Actor::of(&self.nodes[number % 2], Wire::Tcp)
    }
}
