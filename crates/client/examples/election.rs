//! An election: one leader at a time, and everybody knows who.
//!
//! `cargo run -p hyrax-client --example election -- embedded:`, or `hyrax://…`, or `etcd://…`

use hyrax_client::connect;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "embedded:".to_owned());
    let connection = connect(&address).await?;
    let election = connection.election("scheduler");
    let mut observer = election.observe();
    println!("leader: {:?}", observer.next().await?);
    let led = election.campaign("here, port 80").await?;
    println!("leader: {:?}", observer.next().await?);
    led.proclaim("here, port 81").await?;
    println!("leader: {:?}", observer.next().await?);
    led.resign().await?;
    println!("leader: {:?}", observer.next().await?);
    Ok(())
}
