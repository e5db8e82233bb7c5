//! A blocking client for the sockets of the discovery door: one that registers a node, or monitors.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::frames::{FRAME_WITHIN, Frame, Frames};

/// One WebSocket below `/etcd`. It answers pings while it is read.
#[derive(Debug)]
pub struct DiscoverySocket(Frames);

impl DiscoverySocket {
    /// Registers a node of a service, monitoring further ones; or panics.
    pub fn register(address: SocketAddr, service: &str, node: &str, monitor: &str) -> Self {
        let (ip, port) = node.rsplit_once(':').expect("a node is written ip:port");
        let ip = ip.trim_matches(['[', ']']);
        let path = format!("/etcd/register?service={service}&ip={ip}&port={port}&monitor={monitor}");
        DiscoverySocket(Frames::connect(address, &path))
    }

    /// Monitors services, with commas between them; or panics.
    pub fn monitor(address: SocketAddr, services: &str) -> Self {
        DiscoverySocket(Frames::connect(address, &format!("/etcd/monitor?monitor={services}")))
    }

    /// The next message, waited for.
    pub fn message(&mut self) -> Value {
        match self.0.next(FRAME_WITHIN) {
            Frame::Json(value) => value,
            Frame::TimeUp => panic!("no message came within {FRAME_WITHIN:?}"),
            Frame::Closed(frame) => panic!("the server closed the socket: {frame:?}"),
        }
    }

    /// The next message as words: `engine PUT 10.0.0.1:80 10.0.0.2:80`, or `event deploy {}`.
    pub fn told(&mut self) -> String {
        words(&self.message())
    }

    /// Everything that has come, as words, once `quiet` has passed without another message.
    pub fn told_until_quiet(&mut self, quiet: Duration) -> Vec<String> {
        let mut told = Vec::new();
        while let Frame::Json(message) = self.0.next(quiet) {
            told.push(words(&message));
        }
        told
    }

    /// Waits for the end, whatever comes before it; the code and reason that the server gave.
    pub fn ends(&mut self) -> Option<(u16, String)> {
        loop {
            match self.0.next(FRAME_WITHIN) {
                Frame::Json(_) => {}
                Frame::TimeUp => panic!("the socket is still open after {FRAME_WITHIN:?}"),
                Frame::Closed(frame) => {
                    return frame.map(|frame| (frame.code.into(), frame.reason.as_str().to_owned()));
                }
            }
        }
    }

    /// Says something, which the door does not listen to.
    pub fn say(&mut self, text: &str) {
        self.0.send(tungstenite::Message::text(text));
    }

    /// Closes it as the protocol has it.
    pub fn close(mut self) {
        self.0.close();
    }

    /// The connection under it.
    pub fn stream(&self) -> &TcpStream {
        self.0.stream()
    }
}

fn words(message: &Value) -> String {
    let (body, text) = (&message["body"], |value: &Value| value.as_str().unwrap_or_default().to_owned());
    if message["namespace"] == "event" {
        return format!("event {} {}", text(&body["event_type"]), text(&body["event_body"]));
    }
    let mut words = vec![text(&body["service"]), text(&body["key_event"])];
    let nodes = body["services"].as_array().map(Vec::as_slice).unwrap_or_default();
    words.extend(nodes.iter().map(|node| format!("{}:{}", text(&node["ip"]), node["port"])));
    words.join(" ")
}
