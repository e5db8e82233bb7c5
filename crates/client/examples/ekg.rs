//! EKGs: who is there, as long as their connection lives.
//!
//! `cargo run -p hyrax-client --example ekg -- hyrax://127.0.0.1:2379`

use hyrax_client::Client;
use hyrax_client::live::EkgChange;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "hyrax://127.0.0.1:2379".to_owned());
    let watcher = Client::connect(&address).await?;
    let mut monitor = watcher.ekg("room").monitor();
    println!("{:?}", monitor.next().await);
    // Somebody else, elsewhere.
    let ann = Client::connect(&address).await?;
    let entry = ann.ekg("room").join("ann").await?;
    println!("{:?}; in it are {:?}", monitor.next().await, watcher.ekg("room").members().await?);
    entry.leave().await?;
    match monitor.next().await {
        Some(Ok(EkgChange::Removed { id })) => println!("{id:?} left"),
        other => println!("{other:?}"),
    }
    Ok(())
}
