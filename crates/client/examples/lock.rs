//! A lock: one holder at a time, and what to do when it is lost.
//!
//! `cargo run -p hyrax-client --example lock -- embedded:`, or `hyrax://…`, or `etcd://…`

use std::time::Duration;

use hyrax_client::connect;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "embedded:".to_owned());
    let connection = connect(&address).await?;
    let lock = connection.lock("jobs").note("the example");
    let held = lock.acquire().await?;
    println!("held with token {}", held.token());
    tokio::select! {
        () = tokio::time::sleep(Duration::from_millis(100)) => println!("the work is done"),
        () = held.lost() => println!("lost: whatever was being done stops here"),
    }
    assert!(lock.try_acquire().await?.is_none(), "it is held, by whomever");
    println!("released: {}", held.release().await?);
    Ok(())
}
