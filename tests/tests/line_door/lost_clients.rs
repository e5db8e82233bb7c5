//! Clients that go without a goodbye are missed all the same, and it is told how they went.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use hyrax_tests::hyrax::{Hyrax, WebSocketClient, Wire, binary};
use serde_json::{Value, json};
use socket2::SockRef;

use crate::stage::Actor;

/// A client that is a process of its own: it joins the EKG `foo` as `ann` at this port and stays.
///
/// It is all in the shell: a child would keep the connection open when the shell is killed.
const JOIN_AND_STAY: &str = r#"
    exec 3<>/dev/tcp/127.0.0.1/$0
    echo '{"cmd":"eadd","key":"foo","id":"ann"}' >&3
    while read -r line <&3; do echo "$line"; done
"#;

/// Starts [`JOIN_AND_STAY`] by way of `command` and waits until it has joined.
fn join_from_a_process(mut command: Command, port: u16) -> Child {
    command.args(["bash", "-c", JOIN_AND_STAY, &port.to_string()]).stdout(Stdio::piped());
    let mut child = command.spawn().expect("bash can be started");
    let mut reply = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut reply).unwrap();
    assert_eq!(reply.trim(), r#"{"return":"OK"}"#);
    child
}

#[test]
fn a_reset_connection_is_told_as_closed() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let mut monitor = Actor::of(&hyrax, wire);
        monitor.says(json!({"cmd":"madd","key":"foo"}), json!({"return":"OK"}));
        let reset_when_dropped = |stream: &TcpStream| {
            SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
        };
        match wire {
            Wire::Tcp => {
                let mut stream = TcpStream::connect(hyrax.address()).unwrap();
                stream.write_all(b"{\"cmd\":\"eadd\",\"key\":\"foo\",\"id\":\"ann\"}\n").unwrap();
                monitor.hears(json!({"cmd":"eadd","key":"foo","id":"ann"}));
                reset_when_dropped(&stream);
            }
            Wire::WebSocket => {
                let mut socket = WebSocketClient::connect(hyrax.address());
                socket.send_text(r#"{"cmd":"eadd","key":"foo","id":"ann"}"#);
                monitor.hears(json!({"cmd":"eadd","key":"foo","id":"ann"}));
                reset_when_dropped(socket.stream());
            }
        }
        monitor.hears(json!({"cmd":"eclose","key":"foo","id":"ann","cause":"closed"}));
        monitor.says(json!({"cmd":"ecard","key":"foo"}), json!({"return":0}));
    }
}

#[test]
fn a_websocket_that_is_closed_properly_is_told_as_closed() {
    let hyrax = Hyrax::start(&[]);
    let mut monitor = Actor::of(&hyrax, Wire::WebSocket);
    monitor.says(json!({"cmd":"madd","key":"foo"}), json!({"return":"OK"}));
    let mut socket = WebSocketClient::connect(hyrax.address());
    socket.send_text(r#"{"cmd":"eadd","key":"foo","id":"ann"}"#);
    monitor.hears(json!({"cmd":"eadd","key":"foo","id":"ann"}));
    socket.close();
    monitor.hears(json!({"cmd":"eclose","key":"foo","id":"ann","cause":"closed"}));
}

#[test]
fn a_killed_client_process_is_told_as_closed() {
    let hyrax = Hyrax::start(&[]);
    let mut monitor = Actor::of(&hyrax, Wire::Tcp);
    monitor.says(json!({"cmd":"madd","key":"foo"}), json!({"return":"OK"}));
    let mut child = join_from_a_process(Command::new("env"), hyrax.address().port());
    monitor.hears(json!({"cmd":"eadd","key":"foo","id":"ann"}));
    child.kill().unwrap();
    child.wait().unwrap();
    monitor.hears(json!({"cmd":"eclose","key":"foo","id":"ann","cause":"closed"}));
}

#[test]
fn a_websocket_that_answers_no_pings_is_told_as_timed_out() {
    let hyrax = Hyrax::start(&["--half-open", "1s"]);
    let mut monitor = Actor::of(&hyrax, Wire::WebSocket);
    monitor.says(json!({"cmd":"madd","key":"foo"}), json!({"return":"OK"}));
    // A client answers pings only while it reads. The idle one over TCP is asked nothing of.
    let mut idle = hyrax.line();
    idle.request(&json!({"cmd":"eadd","key":"foo","id":"idle"}));
    monitor.hears(json!({"cmd":"eadd","key":"foo","id":"idle"}));
    let mut silent = WebSocketClient::connect(hyrax.address());
    silent.send_text(r#"{"cmd":"eadd","key":"foo","id":"silent"}"#);
    monitor.hears(json!({"cmd":"eadd","key":"foo","id":"silent"}));
    let began = Instant::now();
    monitor.hears(json!({"cmd":"eclose","key":"foo","id":"silent","cause":"timeout"}));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    // Those who read, and those who need not answer, are still there.
    monitor.hears_nothing();
    monitor.says(json!({"cmd":"emembers","key":"foo"}), json!({"return":["idle"]}));
}

/// A command that runs in a network of its own, or joins that of the process `inside`. Whoever is not root
/// becomes root of a user namespace.
fn in_own_network(inside: Option<u32>) -> Command {
    let is_root = rustix::process::geteuid().is_root();
    let mut command = Command::new(if inside.is_some() { "nsenter" } else { "unshare" });
    command.arg("--net");
    match (inside, is_root) {
        (Some(id), _) => drop(command.args(["--target", &id.to_string()])),
        (None, true) => {}
        (None, false) => drop(command.args(["--user", "--map-root-user"])),
    }
    if inside.is_some() && !is_root {
        command.args(["--user", "--preserve-credentials"]);
    }
    command
}

#[test]
fn a_half_open_connection_is_told_as_timed_out() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("line.sock");
    let mut serve = in_own_network(None);
    serve.args(["sh", "-c", r#"ip link set lo up && exec "$0" "$@""#]).arg(binary());
    serve.args(["serve", "--listen", "127.0.0.1:0", "--half-open", "2s"]);
    serve.args(["--listen", &format!("unix:{}", socket.display())]);
    let hyrax = Hyrax::start_command(serve);
    // The monitor comes by another way than the network that is about to fail.
    let mut monitor = BufReader::new(UnixStream::connect(&socket).unwrap());
    monitor.get_ref().set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    monitor.get_mut().write_all(b"{\"cmd\":\"madd\",\"key\":\"foo\"}\n").unwrap();
    let mut next = || {
        let mut line = String::new();
        monitor.read_line(&mut line).expect("a line within the time");
        serde_json::from_str::<Value>(&line).unwrap()
    };
    assert_eq!(next()["return"], "OK");
    let mut child = join_from_a_process(in_own_network(Some(hyrax.process_id())), hyrax.address().port());
    assert_eq!(next()["cmd"], "eadd");
    // It is there as long as the network is.
    sleep(Duration::from_secs(3));
    let mut cut = in_own_network(Some(hyrax.process_id()));
    assert!(cut.args(["ip", "link", "set", "lo", "down"]).status().unwrap().success());
    let began = Instant::now();
    let push = next();
    assert_eq!(
        (&push["cmd"], &push["id"], &push["cause"]),
        (&json!("eclose"), &json!("ann"), &json!("timeout"))
    );
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    child.kill().unwrap();
    child.wait().unwrap();
}
