//! Staying subscribed: a connection that is set up again, and resumes, whenever it is lost.

use std::convert::Infallible;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::connection::Connection;
use crate::notice::tell;
use crate::reply::inline;
use crate::request::ClientOptions;

/// First and longest wait before another attempt. Short first, as most servers only restart.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Something that wants to stay subscribed.
pub trait Follower {
    /// The requests that subscribe, from where it left off.
    fn requests(&self) -> Vec<Value>;
    /// Takes the reply to the request of this position.
    fn replied(&mut self, position: usize, reply: Value) -> Result<()>;
    /// Takes a push.
    fn pushed(&mut self, push: Value) -> Result<()>;
}

/// Follows for ever. Fails when the first connection does, or when the server refuses a request or
/// the follower an answer; a lost connection is made again, and standard error says so.
pub fn follow(client: &ClientOptions, follower: &mut impl Follower) -> Result<Infallible> {
    let mut connection = client.open()?;
    loop {
        let lost = one_connection(&mut connection, client, follower)?;
        tell(format_args!("{lost}; connecting again"));
        connection = reconnect(client);
        tell(format_args!("connected to {} again", client.server.url));
    }
}

/// Follows over one connection until it is lost, and says how.
fn one_connection(
    connection: &mut Connection,
    client: &ClientOptions,
    follower: &mut impl Follower,
) -> Result<String> {
    let mut requests: Vec<Value> = client.login().into_iter().collect();
    let logins = requests.len();
    requests.extend(follower.requests());
    for request in &requests {
        if let Err(error) = connection.send(request) {
            return Ok(format!("{error:#}"));
        }
    }
    let mut replies = 0;
    loop {
        let value = match connection.receive() {
            Ok(Some(value)) => value,
            Ok(None) => return Ok("the server closed the connection".to_owned()),
            Err(error) => return Ok(format!("{error:#}")),
        };
        if value.get("cmd").is_some() {
            follower.pushed(value)?;
        } else if let Some(request) = requests.get(replies) {
            // The error of a reply is the server's word on the request: trying again would not help.
            if let Some(error) = value.get("error") {
                bail!("the server refused {}: {}", request["cmd"], inline(error));
            }
            if let Some(position) = replies.checked_sub(logins) {
                follower.replied(position, value)?;
            }
            replies += 1;
        }
    }
}

fn reconnect(client: &ClientOptions) -> Connection {
    let mut wait = FIRST_WAIT;
    loop {
        // Not all clients of a restarted server at the same moment.
        thread::sleep(wait.mul_f64(0.5 + fastrand::f64()));
        match client.open() {
            Ok(connection) => return connection,
            Err(_) => wait = (wait * 2).min(LONGEST_WAIT),
        }
    }
}
