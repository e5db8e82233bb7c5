//! `/v2/stats`.

use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use hyrax_recipes::tree::Outcome;

use super::plain::{self, JSON};
use super::{Etcd2, json};

const NS_PER_S: i64 = 1_000_000_000;

impl Etcd2 {
    pub(super) fn stats(&self, method: &Method, stats: impl Fn(&Etcd2) -> Vec<u8>) -> Response<Body> {
        match *method {
            Method::GET => plain::answer(StatusCode::OK, JSON, stats(self)),
            _ => plain::method_not_allowed("GET"),
        }
    }

    /// How often what was done.
    pub(super) fn store_stats(&self) -> Vec<u8> {
        let counts = self.tree.counts();
        let both = |name: &str, outcome: &Outcome| {
            format!("\"{name}Success\":{},\"{name}Fail\":{}", outcome.successes(), outcome.failures())
        };
        format!(
            "{{{},{},{},{},{},{},{},\"expireCount\":{},\"watchers\":{}}}",
            both("gets", &counts.gets),
            both("sets", &counts.sets),
            both("delete", &counts.deletes),
            both("update", &counts.updates),
            both("create", &counts.creates),
            both("compareAndSwap", &counts.swaps),
            both("compareAndDelete", &counts.compared_deletes),
            counts.expired.successes(),
            self.tree.waiting(),
        )
        .into_bytes()
    }

    /// This node: it leads itself, since it started, and there is nobody to send anything to.
    pub(super) fn self_stats(&self) -> Vec<u8> {
        let id = self.member_id();
        let mut started = Vec::new();
        json::time(&mut started, self.started_ns);
        let started = String::from_utf8_lossy(&started);
        let uptime = uptime(self.tree.now_ns() - self.started_ns);
        let mut out = b"{\"name\":".to_vec();
        json::string(&mut out, self.core.node_name.as_bytes());
        out.extend_from_slice(
            format!(
                ",\"id\":\"{id}\",\"state\":\"StateLeader\",\"startTime\":\"{started}\",\
                 \"leaderInfo\":{{\"leader\":\"{id}\",\"uptime\":\"{uptime}\",\"startTime\":\"{started}\"}},\
                 \"recvAppendRequestCnt\":0,\"sendAppendRequestCnt\":0}}"
            )
            .as_bytes(),
        );
        out
    }

    /// Those who follow: nobody.
    pub(super) fn leader_stats(&self) -> Vec<u8> {
        format!("{{\"leader\":\"{}\",\"followers\":{{}}}}", self.member_id()).into_bytes()
    }
}

/// A time as Go shows it: `1h2m3.4s`.
fn uptime(ns: i64) -> String {
    let ns = ns.max(0);
    let (seconds, ns) = (ns / NS_PER_S, ns % NS_PER_S);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let fraction = format!(".{ns:09}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    match (hours, minutes) {
        (0, 0) => format!("{seconds}{fraction}s"),
        (0, _) => format!("{minutes}m{seconds}{fraction}s"),
        _ => format!("{hours}h{minutes}m{seconds}{fraction}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uptime_is_as_go_shows_it() {
        let check = |ns, expected| assert_eq!(uptime(ns), expected);
        check(4_352_061_843, "4.352061843s");
        check(60 * NS_PER_S, "1m0s");
        check(3_723 * NS_PER_S + NS_PER_S / 2, "1h2m3.5s");
        check(-1, "0s");
    }
}
