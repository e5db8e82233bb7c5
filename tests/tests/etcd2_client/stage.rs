//! Servers to be asked, and something between them and the client that can be cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyrax_client::etcd_v2::{self, Client, Settings};
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Etcd;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

/// How long what must happen may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Does the same on a real etcd and on Hyrax.
pub async fn on_each(test: impl AsyncFn(Client)) {
    let etcd = Etcd::start();
    test(connected(etcd.address()).await).await;
    let hyrax = Hyrax::start(&[]);
    test(connected(hyrax.address()).await).await;
}

/// A client of this server.
pub async fn connected(address: SocketAddr) -> Client {
    etcd_v2::connect(&address.to_string()).await.expect("the server answers")
}

/// A client of these servers that is in a hurry.
pub fn hurried(addresses: &[SocketAddr]) -> Client {
    let endpoints = addresses.iter().map(|address| format!("http://{address}"));
    let settings = Settings::new(endpoints)
        .connect_timeout(Duration::from_millis(500))
        .attempt_timeout(Duration::from_millis(700))
        .total_timeout(Duration::from_secs(5));
    Client::new(settings).expect("the settings make sense")
}

/// What comes in time.
pub async fn soon<T>(what: impl IntoFuture<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it happens in time")
}

/// Lets connections through to a server until they are cut.
pub struct Gate {
    pub address: SocketAddr,
    target: Arc<watch::Sender<SocketAddr>>,
}

impl Gate {
    pub async fn to(server: SocketAddr) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = Arc::new(watch::Sender::new(server));
        let shared = Arc::clone(&target);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, shared.subscribe()));
            }
        });
        Gate { address, target }
    }

    /// Cuts all connections; new ones come through.
    pub fn cut(&self) {
        let server = *self.target.borrow();
        self.lead_to(server);
    }

    /// Cuts all connections; new ones come through to this server.
    pub fn lead_to(&self, server: SocketAddr) {
        self.target.send_replace(server);
    }
}

async fn carry(mut client: TcpStream, mut target: watch::Receiver<SocketAddr>) {
    let address = *target.borrow_and_update();
    let Ok(mut server) = TcpStream::connect(address).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = target.changed() => {}
    }
}
