//! Live values: commands with types, and a monitor that is told every change.
//!
//! `cargo run -p hyrax-client --example live -- hyrax://127.0.0.1:2379`

use hyrax_client::Client;
use hyrax_client::live::ChangeKind;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "hyrax://127.0.0.1:2379".to_owned());
    let client = Client::connect(&address).await?;
    let mut monitor = client.monitor("topic");
    client.set("topic", "tea").await?;
    client.command("append").key("topic").arg(", and milk").id("ann").send().await?;
    // The value, then two changes; or, where the monitor began later, the value with what it has of them.
    while let Some(change) = monitor.next().await {
        let change = change?;
        match change.kind {
            ChangeKind::Reset(value) => println!("it is {value:?}, at {}", change.rev),
            ChangeKind::Command { command, args, id } => {
                println!("{command} {args:?} by {id:?}, at {}", change.rev);
                if command == "append" {
                    break;
                }
            }
            other => println!("{other:?}"),
        }
    }
    println!("{}", client.get::<String>("topic").await?);
    Ok(())
}
