//! The cluster: who is in it, who leads, what it counts.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::ask::Ask;
use super::client::Client;
use super::error::Result;

/// A member of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Member {
    /// Its number, in hexadecimal.
    #[serde(default)]
    pub id: String,
    /// Its name; empty of one that has not started yet.
    #[serde(default)]
    pub name: String,
    /// Where other members reach it.
    #[serde(default, rename = "peerURLs")]
    pub peer_urls: Vec<String>,
    /// Where clients reach it.
    #[serde(default, rename = "clientURLs")]
    pub client_urls: Vec<String>,
}

/// What a server runs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Version {
    /// Its own version.
    #[serde(rename = "etcdserver")]
    pub server: String,
    /// The version that all members have in common.
    #[serde(default, rename = "etcdcluster")]
    pub cluster: String,
}

/// How often what was done, as counted by the server that answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct StoreStats {
    pub gets_success: u64,
    pub gets_fail: u64,
    pub sets_success: u64,
    pub sets_fail: u64,
    pub delete_success: u64,
    pub delete_fail: u64,
    pub update_success: u64,
    pub update_fail: u64,
    pub create_success: u64,
    pub create_fail: u64,
    pub compare_and_swap_success: u64,
    pub compare_and_swap_fail: u64,
    pub compare_and_delete_success: u64,
    pub compare_and_delete_fail: u64,
    /// Nodes whose time ran out.
    pub expire_count: u64,
    /// Who waits for an event just now.
    pub watchers: u64,
}

/// What a server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SelfStats {
    /// Its name.
    pub name: String,
    /// Its number, in hexadecimal.
    pub id: String,
    /// `StateLeader` or `StateFollower`.
    pub state: String,
    /// Since when it runs, as RFC 3339 writes times.
    pub start_time: String,
    /// Who leads it.
    pub leader_info: LeaderInfo,
    /// Messages of the leader's that it took.
    pub recv_append_request_cnt: u64,
    /// Messages that it sent as the leader.
    pub send_append_request_cnt: u64,
}

/// Who leads a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LeaderInfo {
    /// The leader's number, in hexadecimal.
    pub leader: String,
    /// For how long, as Go writes it: `1h2m3.4s`.
    pub uptime: String,
    /// Since when, as RFC 3339 writes times.
    pub start_time: String,
}

/// What a leader says of those who follow it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct LeaderStats {
    /// The leader's number, in hexadecimal.
    pub leader: String,
    /// Each follower by its number.
    pub followers: BTreeMap<String, FollowerStats>,
}

/// What a leader says of one who follows it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct FollowerStats {
    /// How long messages to it take.
    pub latency: Latency,
    /// How many messages reached it.
    pub counts: Counts,
}

/// How long messages take, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Latency {
    pub current: f64,
    pub average: f64,
    pub standard_deviation: f64,
    pub minimum: f64,
    pub maximum: f64,
}

/// How many messages were delivered, and how many were not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Counts {
    pub fail: u64,
    pub success: u64,
}

#[derive(Deserialize)]
struct Members {
    members: Vec<Member>,
}

#[derive(Deserialize)]
struct Health {
    #[serde(deserialize_with = "truth")]
    health: bool,
}

/// etcd says `"true"`, some of its versions `true`.
fn truth<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value == "true" || value == true)
}

impl Client {
    /// Where clients reach the members of the cluster.
    pub async fn machines(&self) -> Result<Vec<String>> {
        let text = self.ask_text(&Ask::get("/v2/machines", "")).await?;
        Ok(text.split(',').map(str::trim).filter(|url| !url.is_empty()).map(str::to_owned).collect())
    }

    /// The members of the cluster.
    pub async fn members(&self) -> Result<Vec<Member>> {
        Ok(self.ask_json::<Members>(&Ask::get("/v2/members", "")).await?.members)
    }

    /// The member that leads.
    pub async fn leader(&self) -> Result<Member> {
        self.ask_json(&Ask::get("/v2/members/leader", "")).await
    }

    /// How often what was done, as counted by the server that answers.
    pub async fn store_stats(&self) -> Result<StoreStats> {
        self.ask_json(&Ask::get("/v2/stats/store", "")).await
    }

    /// What the server that answers says of itself.
    pub async fn self_stats(&self) -> Result<SelfStats> {
        self.ask_json(&Ask::get("/v2/stats/self", "")).await
    }

    /// What the leader says of those who follow it. Only the leader answers.
    pub async fn leader_stats(&self) -> Result<LeaderStats> {
        self.ask_json(&Ask::get("/v2/stats/leader", "")).await
    }

    /// What the server that answers runs.
    pub async fn version(&self) -> Result<Version> {
        self.ask_json(&Ask::get("/version", "")).await
    }

    /// Whether the server that answers is well.
    pub async fn is_healthy(&self) -> Result<bool> {
        Ok(self.ask_json::<Health>(&Ask::get("/health", "")).await?.health)
    }
}
