//! A group: members who come and go, their locks, and what they remember.
//!
//! `cargo run -p hyrax-client --example group -- embedded:`, or `hyrax://…`, or `etcd://…`

use hyrax_client::{GroupOptions, connect};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "embedded:".to_owned());
    let connection = connect(&address).await?;
    let group = connection.group(GroupOptions::named("workers")).await?;
    let mut events = group.events().await?;
    group.join("ann").await?;
    let event = events.next().await?;
    println!("came: {:?}", event.joined.iter().map(|member| &member.id).collect::<Vec<_>>());
    if let Some(token) = group.lock("jobs").await? {
        println!("{:?} has the lock, with token {token}", group.members().await?[0].id);
    }
    group.ephemeral_set("status", "busy").await?;
    group.persistent_set("runs", "1").await?;
    // With the member go its lock and its ephemeral keys.
    group.leave("ann").await;
    let event = events.next().await?;
    println!(
        "left: {:?}",
        event.left.iter().map(|(member, cause)| (&member.id, cause.word())).collect::<Vec<_>>()
    );
    println!("{:?} {:?}", group.ephemeral_get("status").await?, group.persistent_get("runs").await?);
    Ok(())
}
