//! Sockets that can be polled and used without waiting.

use crate::hub::Socket;
use socket2::SockRef;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::task::{Context, Poll};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

/// A socket that can be polled and used without waiting.
pub trait PlainSocket: Socket + Sized {
    /// Polls for bytes to read.
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Polls for room to write.
    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Reads what is there.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Reads what is there, up to what there is room for after what `bytes` hold.
    fn try_read_into(&self, bytes: &mut Vec<u8>) -> io::Result<usize>;
    /// Waits until the connection is broken. An orderly end by the client is not noticed.
    fn broken(&self) -> impl Future<Output = ()> + Send;
    /// Tells the client that nothing more will come.
    fn end_writing(&self) -> io::Result<()>;
}

macro_rules! plain_socket {
    ($socket:ty) => {
        impl Socket for $socket {
            fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
                // Most often there is room: it need not be looked up first whether there is.
                match (&*SockRef::from(self)).write(bytes) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        <$socket>::try_write(self, bytes)
                    }
                    written => written,
                }
            }
        }

        impl PlainSocket for $socket {
            fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_read_ready(context)
            }

            fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_write_ready(context)
            }

            fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
                let mut all = None;
                let read = self.try_io(Interest::READABLE, || {
                    let length = (&*SockRef::from(self)).read(buffer)?;
                    if 0 < length && length < buffer.len() {
                        // There was no more. Saying so at once spares the read that would find it out.
                        all = Some(length);
                        return Err(io::ErrorKind::WouldBlock.into());
                    }
                    Ok(length)
                });
                all.map_or(read, Ok)
            }

            fn try_read_into(&self, bytes: &mut Vec<u8>) -> io::Result<usize> {
                self.try_read_buf(bytes)
            }

            async fn broken(&self) {
                // Whatever is answered, the connection is of no more use.
                let _ = self.ready(Interest::ERROR).await;
            }

            fn end_writing(&self) -> io::Result<()> {
                SockRef::from(self).shutdown(Shutdown::Write)
            }
        }
    };
}

plain_socket!(TcpStream);
plain_socket!(UnixStream);
