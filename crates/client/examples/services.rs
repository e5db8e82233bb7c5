//! Services: who offers what where, and custom events to them.
//!
//! `cargo run -p hyrax-client --example services -- embedded:`, or `hyrax://…`, or `etcd://…`

use hyrax_client::connect;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "embedded:".to_owned());
    let connection = connect(&address).await?;
    let services = connection.services();
    let mut feed = services.monitor(&["web"]).await?;
    let mut events = connection.events().follow().await?;
    let node = services.register("web", "10.0.0.7", 8080).await?;
    println!("{:?}", feed.next().await?);
    println!("the node for user 1 is {:?}", services.node_for("web", b"user:1").await?);
    connection.events().send(&["web"], "deploy", "version 7").await?;
    println!("{:?}", events.next().await?);
    node.deregister().await;
    println!("{:?}", feed.next().await?);
    Ok(())
}
