//! The sockets that are listened on.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyrax_types::limits::LISTEN_BACKLOG;
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixStream, lookup_host};
use tokio::time::timeout;

use crate::config::{DoorSet, ListenAddress, Listener};

/// Why an address is not listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else has it.
    #[error("{0} is in use; stop what listens there, or listen elsewhere (--listen)")]
    InUse(ListenAddress),
    /// A file that is no socket is in the way.
    #[error("{} exists and is no socket; remove it, or listen elsewhere (--listen)", .0.display())]
    NotASocket(PathBuf),
    /// A name that is no address of this machine.
    #[error("{address} cannot be listened on: {error}")]
    Failed {
        /// The address.
        address: ListenAddress,
        /// What the system said.
        error: io::Error,
    },
}

/// A socket that is listened on.
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        /// Removed after the socket was closed, as fields are dropped in order.
        _file: SocketFile,
    },
}

pub(super) struct Bound {
    pub(super) socket: Socket,
    pub(super) address: ListenAddress,
    pub(super) doors: DoorSet,
}

/// Sockets that are listened on, but not yet accepted from.
pub struct Listeners(pub(super) Vec<Bound>);

impl Listeners {
    /// Listens on every address, or on none. Must be called inside a runtime.
    pub async fn bind(listeners: &[Listener]) -> Result<Listeners, BindError> {
        let mut bound = Vec::with_capacity(listeners.len());
        for listener in listeners {
            bound.push(bind(listener).await?);
        }
        Ok(Listeners(bound))
    }

    /// The addresses, with the ports that were really taken.
    pub fn addresses(&self) -> impl Iterator<Item = &ListenAddress> {
        self.0.iter().map(|bound| &bound.address)
    }
}

async fn bind(listener: &Listener) -> Result<Bound, BindError> {
    let wanted = &listener.address;
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(wanted.clone()),
        _ => BindError::Failed { address: wanted.clone(), error },
    };
    let (socket, address) = match wanted {
        ListenAddress::Tcp { host, port } => {
            let socket = bind_tcp(host, *port).await.map_err(failed)?;
            let port = socket.local_addr().map_err(failed)?.port();
            (Socket::Tcp(socket), ListenAddress::Tcp { host: host.clone(), port })
        }
        ListenAddress::Unix(path) => {
            remove_if_stale(path).await?;
            let listener = UnixListener::bind(path).map_err(failed)?;
            let file = SocketFile::new(path).map_err(failed)?;
            (Socket::Unix { listener, _file: file }, wanted.clone())
        }
    };
    Ok(Bound { socket, address, doors: listener.doors })
}

/// Listens on the first of a name's addresses that can be listened on.
async fn bind_tcp(host: &str, port: u16) -> io::Result<TcpListener> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((host, port)).await? {
        match listen_tcp(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn listen_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Else a restart would have to wait until the connections of the last run are forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(LISTEN_BACKLOG)
}

/// Removes a socket's file that a dead process left behind.
async fn remove_if_stale(path: &Path) -> Result<(), BindError> {
    let address = || ListenAddress::Unix(path.to_owned());
    match fs::symlink_metadata(path) {
        Err(_) => return Ok(()),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(BindError::NotASocket(path.to_owned()));
        }
        Ok(_) => {}
    }
    // Only a refusal shows that nobody listens. Whatever else comes, somebody may.
    match timeout(Duration::from_secs(1), UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| BindError::Failed { address: address(), error })
        }
        _ => Err(BindError::InUse(address())),
    }
}

/// The file of a Unix socket, removed when this is dropped, unless another process has put its own in
/// its place.
pub(super) struct SocketFile {
    path: PathBuf,
    device_and_inode: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<SocketFile> {
        Ok(SocketFile { path: path.to_owned(), device_and_inode: device_and_inode(path)? })
    }
}

fn device_and_inode(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if device_and_inode(&self.path).is_ok_and(|now| now == self.device_and_inode) {
            // If it cannot be removed, the next start finds it stale.
            let _ = fs::remove_file(&self.path);
        }
    }
}
