//! Assignments: each id is exactly one live member's.
//!
//! `cargo run -p hyrax-client --example assignments -- embedded:`, or `hyrax://…`, or `etcd://…`

use hyrax_client::{AssignmentEvent, GroupOptions, connect};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "embedded:".to_owned());
    let connection = connect(&address).await?;
    let group = connection.group(GroupOptions::named("shards")).await?;
    let partitions = ["0", "1", "2", "3"];
    group.join("ann").await?;
    let mut ann = group.assignments("partitions", partitions).await?;
    for _ in partitions {
        println!("ann: {:?}", ann.next().await);
    }
    // Somebody comes, who is to have half of them.
    group.join("bob").await?;
    let mut bob = group.assignments_as("bob", "partitions", partitions).await?;
    for _ in 0..2 {
        if let Some(AssignmentEvent::Revoked(revocation)) = ann.next().await {
            println!("ann stops working on {}", revocation.id());
            // Only now it can be bob's.
            drop(revocation);
        }
        println!("bob: {:?}", bob.next().await);
    }
    println!("ann has {:?}, and bob {:?}", ann.assigned().keys(), bob.assigned().keys());
    Ok(())
}
