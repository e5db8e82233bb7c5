//! A wire that can be cut, and led elsewhere.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

/// A proxy in front of a server.
pub struct Proxy {
    address: SocketAddr,
    target: Arc<Mutex<Option<SocketAddr>>>,
    cut: broadcast::Sender<()>,
}

impl Proxy {
    /// Leads to `target`.
    pub async fn start(target: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = Arc::new(Mutex::new(Some(target)));
        let cut = broadcast::Sender::new(1);
        tokio::spawn(carry(listener, Arc::clone(&target), cut.clone()));
        Proxy { address, target, cut }
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts every connection; new ones are made.
    pub fn cut(&self) {
        // There may be none.
        _ = self.cut.send(());
    }

    /// Cuts every connection, and makes no more.
    pub fn block(&self) {
        *self.target.lock().unwrap() = None;
        self.cut();
    }

    /// Leads there from now on.
    pub fn lead_to(&self, target: SocketAddr) {
        *self.target.lock().unwrap() = Some(target);
    }
}

async fn carry(listener: TcpListener, target: Arc<Mutex<Option<SocketAddr>>>, cut: broadcast::Sender<()>) {
    loop {
        let (mut inward, _) = listener.accept().await.unwrap();
        let Some(target) = *target.lock().unwrap() else { continue };
        let mut cut = cut.subscribe();
        tokio::spawn(async move {
            let Ok(mut outward) = TcpStream::connect(target).await else { return };
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut inward, &mut outward) => {}
                _ = cut.recv() => {}
            }
        });
    }
}
