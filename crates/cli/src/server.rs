//! Where this crate meets the server: binding it, serving, reloading. Nothing else here calls it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result, bail};
use hyrax_server::config::{Config, ListenAddress};
use hyrax_server::{Server, StartError};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::memory::Allocated;

/// A runtime for a server: a thread for each core, and two at the least, so that a long command leaves
/// one to the others.
pub fn runtime() -> Result<Runtime> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from).max(2);
    let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    runtime.context("cannot start the threads of a server")
}

/// A server that listens, in the memory of this process.
pub async fn bind(config: Config) -> Result<Server, StartError> {
    Server::bind_measured(config, Arc::new(Allocated::default())).await
}

/// A server inside this process, on threads of its own. It drains and ends with this value.
pub struct InProcess {
    address: SocketAddr,
    shutdown: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl InProcess {
    /// Starts a server on a free port of loopback.
    pub fn start() -> Result<InProcess> {
        let listener = "127.0.0.1:0".parse()?;
        let config = Config { listen: vec![listener], ..Config::default() };
        let runtime = runtime()?;
        let server = runtime.block_on(bind(config)).context("cannot start a server")?;
        let Some(ListenAddress::Tcp { host, port }) = server.addresses().first().cloned() else {
            bail!("the server listens on no port");
        };
        let address = SocketAddr::new(host.parse()?, port);
        let (shutdown, asked) = oneshot::channel();
        let serve = move || {
            let asked = async {
                // A sender that is gone asks for the same.
                let _ = asked.await;
            };
            if let Err(error) = runtime.block_on(server.serve(asked)) {
                tracing::error!(%error, "the server inside this process failed");
            }
        };
        let thread = std::thread::Builder::new().name("server".to_owned()).spawn(serve)?;
        Ok(InProcess { address, shutdown: Some(shutdown), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        if let Some(shutdown) = self.shutdown.take() {
            // It may have ended by itself; then nobody needs to be told.
            let _ = shutdown.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
