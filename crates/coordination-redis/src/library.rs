//! The functions that Redis runs, and the names of what they work on.

use hyrax_types::RESERVED_PREFIX;

/// The library, in the order in which its parts stand on each other.
pub(crate) const CODE: &str =
    concat!(include_str!("lua/state.lua"), include_str!("lua/request.lua"), include_str!("lua/upkeep.lua"));

/// One of its functions.
#[derive(Clone, Copy)]
pub(crate) struct Function(pub(crate) &'static str);

pub(crate) const BEGIN: Function = Function("hyrax1_begin");
pub(crate) const READ: Function = Function("hyrax1_read");
pub(crate) const WRITE: Function = Function("hyrax1_write");
/// As [`WRITE`], also where there is no memory left: it only gives some back.
pub(crate) const REMOVE: Function = Function("hyrax1_remove");
pub(crate) const COMPACT: Function = Function("hyrax1_compact");
pub(crate) const STATUS: Function = Function("hyrax1_status");
pub(crate) const SWEEP: Function = Function("hyrax1_sweep");
pub(crate) const LEASE_GRANT: Function = Function("hyrax1_lease_grant");
pub(crate) const LEASE_REVOKE: Function = Function("hyrax1_lease_revoke");
pub(crate) const LEASE_KEEP_ALIVE: Function = Function("hyrax1_lease_keep_alive");
pub(crate) const LEASE_TIME_TO_LIVE: Function = Function("hyrax1_lease_time_to_live");
pub(crate) const LEASES: Function = Function("hyrax1_leases");

/// What the functions answer where the namespace has vanished, of which nothing is known then.
pub(crate) const VANISHED: &str = "hyrax: this namespace holds nothing";

/// Keys of a namespace.
#[derive(Clone)]
pub(crate) struct Names {
    pub(crate) meta: Vec<u8>,
    pub(crate) log: Vec<u8>,
}

impl Names {
    pub(crate) fn new(namespace: &str) -> Names {
        let of = |name: &str| [RESERVED_PREFIX, format!("{{{namespace}}}/{name}").as_bytes()].concat();
        Names { meta: of("meta"), log: of("log") }
    }
}
