//! Sockets of the discovery door that stay registered: what one of them takes of the server, and how soon those who
//! monitor hear of another.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::latency::Latencies;
use super::measure::{Load, Measurement, SETTLE, resident};
use super::process::{cpu_since, cpu_time};

/// Sockets before the first look at memory, so that what a server allocates once is not counted as theirs.
const BASE: u64 = 100;
/// Nodes of a service.
const NODES: u64 = 10;
/// Sockets that hear of each registration that is timed.
const MONITORS: usize = 10;
/// Registrations that are timed.
const ROUNDS: usize = 500;
/// How often a socket says that it is there, instead of answering pings.
const ALIVE_EVERY: Duration = Duration::from_secs(5);
/// How long a frame may take.
const FRAME_MAX: Duration = Duration::from_secs(30);

/// An empty pong, and a farewell, masked by zeros as a client's frames must be.
const PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];
const CLOSE: [u8; 6] = [0x88, 0x80, 0, 0, 0, 0];

/// Sockets that are kept.
#[derive(Default)]
struct Kept {
    sockets: Vec<Socket>,
    alive_at: Option<Instant>,
}

impl Kept {
    /// Says for all of them that they are there, if it is time.
    fn stay_alive(&mut self) -> Result<()> {
        if self.alive_at.is_some_and(|at| at.elapsed() < ALIVE_EVERY) {
            return Ok(());
        }
        self.alive_at = Some(Instant::now());
        self.sockets.iter_mut().try_for_each(|socket| socket.write(&PONG))
    }
}

/// A WebSocket.
struct Socket {
    stream: TcpStream,
    /// What was read and not looked at.
    read: Vec<u8>,
}

impl Socket {
    fn open(address: SocketAddr, path: &str) -> Result<Socket> {
        let stream = TcpStream::connect(address).context("cannot connect")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(FRAME_MAX))?;
        let mut socket = Socket { stream, read: Vec::new() };
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        socket.write(head.as_bytes())?;
        loop {
            if let Some(end) = socket.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                if !socket.read.starts_with(b"HTTP/1.1 101") {
                    bail!("the server refused a socket: {}", String::from_utf8_lossy(&socket.read));
                }
                socket.read.drain(..end + 4);
                // Of ten thousand only some are read again.
                socket.read.shrink_to_fit();
                return Ok(socket);
            }
            socket.fill()?;
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).context("the server takes no more")
    }

    fn fill(&mut self) -> Result<()> {
        let mut some = [0; 4096];
        match self.stream.read(&mut some).context("the server says nothing")? {
            0 => bail!("the server closed a socket"),
            count => self.read.extend_from_slice(&some[..count]),
        }
        Ok(())
    }

    /// Reads until a text frame has `part` in it.
    fn hear(&mut self, part: &str) -> Result<()> {
        loop {
            while let Some((opcode, start, end)) = frame(&self.read) {
                let is_it = opcode == 1 && String::from_utf8_lossy(&self.read[start..end]).contains(part);
                self.read.drain(..end);
                if opcode == 9 {
                    self.write(&PONG)?;
                }
                if is_it {
                    return Ok(());
                }
            }
            self.fill()?;
        }
    }
}

/// The first whole frame: what it is, and where its payload begins and ends.
fn frame(read: &[u8]) -> Option<(u8, usize, usize)> {
    let (&first, &second) = (read.first()?, read.get(1)?);
    let (start, length) = match second & 0x7f {
        126 => (4, u64::from(u16::from_be_bytes(read.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(read.get(2..10)?.try_into().ok()?)),
        short => (2, u64::from(short)),
    };
    let end = start + usize::try_from(length).ok()?;
    (read.len() >= end).then_some((first & 0x0f, start, end))
}

impl Load<'_> {
    /// Opens that many sockets, each of which registers a node, ten to a service; then times registrations that some
    /// monitor.
    pub fn register(&self, sockets: u64) -> Result<Measurement> {
        let (address, pid) = (self.target.address, self.known_process()?);
        let mut kept = Kept::default();
        let register_up_to = |kept: &mut Kept, count: u64| -> Result<u64> {
            for number in kept.sockets.len() as u64..count {
                let [_, _, _, _, _, a, b, c] = number.to_be_bytes();
                let service = number / NODES;
                let path = format!("/etcd/register?service=bench-{service}&ip=10.{a}.{b}.{c}&port=80");
                kept.sockets.push(Socket::open(address, &path)?);
                kept.stay_alive()?;
            }
            thread::sleep(SETTLE);
            resident(pid)
        };
        let base = BASE.min(sockets / 2);
        let before = register_up_to(&mut kept, base)?;
        let (start, cpu_before) = (Instant::now(), cpu_time(pid));
        let after = register_up_to(&mut kept, sockets)?;
        let (elapsed, cpu) = (start.elapsed().saturating_sub(SETTLE), cpu_since(cpu_before, cpu_time(pid)));
        Ok(Measurement {
            operations: sockets - base,
            elapsed,
            cpu,
            p99: self.time_registrations(&mut kept)?.within(0.99),
            resident_bytes: Some(after),
            bytes_per_connection: Some(after.saturating_sub(before) as f64 / (sockets - base).max(1) as f64),
            ..Measurement::default()
        })
    }

    /// From when a socket asks to be registered until the last of those who monitor has heard of it.
    fn time_registrations(&self, kept: &mut Kept) -> Result<Latencies> {
        let address = self.target.address;
        let monitor = || Socket::open(address, "/etcd/monitor?monitor=timed");
        let mut monitors: Vec<Socket> = (0..MONITORS).map(|_| monitor()).collect::<Result<_>>()?;
        let mut latencies = Latencies::default();
        for _ in 0..ROUNDS {
            let began = Instant::now();
            let mut socket = Socket::open(address, "/etcd/register?service=timed&ip=10.0.0.1&port=80")?;
            monitors.iter_mut().try_for_each(|monitor| monitor.hear("\"PUT\""))?;
            latencies.add(began.elapsed());
            socket.write(&CLOSE)?;
            monitors.iter_mut().try_for_each(|monitor| monitor.hear("\"DELETE\""))?;
            kept.stay_alive()?;
        }
        Ok(latencies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_found_when_it_is_whole() {
        assert_eq!(frame(b"\x81\x02hi\x89"), Some((1, 2, 4)));
        assert_eq!(frame(b"\x89\x00"), Some((9, 2, 2)));
        for part in [&b""[..], b"\x81", b"\x81\x02h", b"\x81\x7e\x01", b"\x81\x7f\x00\x00"] {
            assert_eq!(frame(part), None);
        }
        let long = [&b"\x81\x7e\x01\x00"[..], &[b'x'; 256]].concat();
        assert_eq!(frame(&long), Some((1, 4, 260)));
    }
}
