//! The commands that are sent most, with their types. Every other goes by [`Client::command`].

use std::collections::HashMap;
use std::time::Duration;

use super::Error;
use super::client::Client;
use super::value::{Argument, FromValue};

impl Client {
    /// Whether the server answers.
    pub async fn ping(&self) -> Result<(), Error> {
        self.command("ping").query().await
    }

    /// The text under a key: `Option<String>` where there may be none.
    pub async fn get<T: FromValue>(&self, key: impl Into<Argument>) -> Result<T, Error> {
        self.command("get").key(key).query().await
    }

    /// Sets a key, whatever it held.
    pub async fn set(&self, key: impl Into<Argument>, value: impl Into<Argument>) -> Result<(), Error> {
        self.command("set").key(key).arg(value).query().await
    }

    /// Sets a key that expires after `life`.
    pub async fn set_for(
        &self,
        key: impl Into<Argument>,
        value: impl Into<Argument>,
        life: Duration,
    ) -> Result<(), Error> {
        let millis = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        self.command("set").key(key).arg(value).arg("px").arg(millis).query().await
    }

    /// Sets a key that is not there; whether it was not.
    pub async fn set_new(&self, key: impl Into<Argument>, value: impl Into<Argument>) -> Result<bool, Error> {
        self.command("setnx").key(key).arg(value).query().await
    }

    /// Deletes a key; whether it was there.
    pub async fn del(&self, key: impl Into<Argument>) -> Result<bool, Error> {
        self.command("del").key(key).query().await
    }

    /// Whether a key is there.
    pub async fn exists(&self, key: impl Into<Argument>) -> Result<bool, Error> {
        self.command("exists").key(key).query().await
    }

    /// Has a key expire after `life`; whether it was there.
    pub async fn expire(&self, key: impl Into<Argument>, life: Duration) -> Result<bool, Error> {
        let millis = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        self.command("pexpire").key(key).arg(millis).query().await
    }

    /// Adds to a number; what it is then.
    pub async fn incr_by(&self, key: impl Into<Argument>, by: i64) -> Result<i64, Error> {
        self.command("incrby").key(key).arg(by).query().await
    }

    /// Sets a field of a hash; whether it is new.
    pub async fn hset(
        &self,
        key: impl Into<Argument>,
        field: impl Into<Argument>,
        value: impl Into<Argument>,
    ) -> Result<bool, Error> {
        self.command("hset").key(key).arg(field).arg(value).query().await
    }

    /// A field of a hash.
    pub async fn hget<T: FromValue>(
        &self,
        key: impl Into<Argument>,
        field: impl Into<Argument>,
    ) -> Result<T, Error> {
        self.command("hget").key(key).arg(field).query().await
    }

    /// A whole hash.
    pub async fn hgetall(&self, key: impl Into<Argument>) -> Result<HashMap<String, String>, Error> {
        self.command("hgetall").key(key).query().await
    }

    /// Deletes a field of a hash; whether it was there.
    pub async fn hdel(&self, key: impl Into<Argument>, field: impl Into<Argument>) -> Result<bool, Error> {
        self.command("hdel").key(key).arg(field).query().await
    }

    /// Appends to a list; how long it is then.
    pub async fn rpush(&self, key: impl Into<Argument>, item: impl Into<Argument>) -> Result<u64, Error> {
        self.command("rpush").key(key).arg(item).query().await
    }

    /// Takes the first of a list: `Option<String>` where it may be empty.
    pub async fn lpop<T: FromValue>(&self, key: impl Into<Argument>) -> Result<T, Error> {
        self.command("lpop").key(key).query().await
    }

    /// A part of a list, both ends included; negative ones count from its end.
    pub async fn lrange(&self, key: impl Into<Argument>, from: i64, to: i64) -> Result<Vec<String>, Error> {
        self.command("lrange").key(key).arg(from).arg(to).query().await
    }

    /// Adds to a set; whether it is new there.
    pub async fn sadd(&self, key: impl Into<Argument>, member: impl Into<Argument>) -> Result<bool, Error> {
        self.command("sadd").key(key).arg(member).query().await
    }

    /// Removes from a set; whether it was there.
    pub async fn srem(&self, key: impl Into<Argument>, member: impl Into<Argument>) -> Result<bool, Error> {
        self.command("srem").key(key).arg(member).query().await
    }

    /// A whole set.
    pub async fn smembers(&self, key: impl Into<Argument>) -> Result<Vec<String>, Error> {
        self.command("smembers").key(key).query().await
    }

    /// Gives a member of a sorted set its score; whether it is new there.
    pub async fn zadd(
        &self,
        key: impl Into<Argument>,
        member: impl Into<Argument>,
        score: f64,
    ) -> Result<bool, Error> {
        self.command("zadd").key(key).arg(score).arg(member).query().await
    }

    /// A part of a sorted set with its scores, lowest first, both ends included; negative ones count from its end.
    pub async fn zrange(
        &self,
        key: impl Into<Argument>,
        from: i64,
        to: i64,
    ) -> Result<Vec<(String, f64)>, Error> {
        self.command("zrange").key(key).arg(from).arg(to).arg("withscores").query().await
    }
}
