//! What the binary does where no server is needed, and against servers that a test plays.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::{Value, json};

/// The binary, without any of the variables that whoever runs the tests may have set.
fn hyrax(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hyrax"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HYRAX_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Checks that the command failed with a message that holds every part.
fn check_failure(output: &Output, parts: &[&str]) {
    let message = text(&output.stderr);
    assert!(!output.status.success(), "{message}");
    for part in parts {
        assert!(message.contains(part), "{message}\nlacks {part}");
    }
}

/// A server that answers the first connection by `play`.
fn played(play: impl FnOnce(BufReader<TcpStream>) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || play(BufReader::new(listener.accept().unwrap().0)));
    address
}

fn request(connection: &mut BufReader<TcpStream>) -> Value {
    let mut line = String::new();
    connection.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

fn answer(connection: &mut BufReader<TcpStream>, value: &Value) {
    writeln!(connection.get_mut(), "{value}").unwrap();
}

#[test]
fn printed_configuration_merges_file_variables_and_flags() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        "listen = ['127.0.0.1:1']\nsecrets = ['turtles']\n[limits]\nmax_frame = '2MiB'\n",
    )
    .unwrap();
    let path = file.path().to_str().unwrap();
    let mut command = hyrax(&["--config", path, "--print-config", "--log-level", "debug"]);
    let output = command.env("HYRAX_LISTEN", "127.0.0.1:2 unix:/tmp/h.sock").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    assert!(!printed.contains("turtles"), "{printed}");
    let table: toml::Table = printed.parse().unwrap();
    assert_eq!(table["listen"].as_array().unwrap().len(), 2, "a variable overrides the file");
    assert_eq!(table["limits"]["max_frame"].as_str(), Some("2MiB"));
    assert_eq!(table["log"]["level"].as_str(), Some("debug"));
}

#[test]
fn a_server_that_anybody_could_reach_and_change_does_not_start() {
    let output = hyrax(&["serve", "--listen", "0.0.0.0:0"]).output().unwrap();
    check_failure(&output, &["0.0.0.0:0", "127.0.0.1", "--secret", "--operator", "--insecure"]);
}

#[test]
fn bad_settings_are_named() {
    check_failure(&hyrax(&["serve", "--config", "/nowhere/h.toml"]).output().unwrap(), &["/nowhere/h.toml"]);
    check_failure(
        &hyrax(&["--tls-cert", "/nowhere/c.pem"]).output().unwrap(),
        &["/nowhere/c.pem", "--tls-key"],
    );
    check_failure(&hyrax(&["--sudo", "10.0.0.0/33"]).output().unwrap(), &["--sudo", "10.0.0.0/33"]);
    check_failure(&hyrax(&["--listen", "127.0.0.1:1?doors=smtp"]).output().unwrap(), &["smtp", "resp"]);
    let mut command = hyrax(&[]);
    check_failure(&command.env("HYRAX_MAX_FRAME", "big").output().unwrap(), &["HYRAX_MAX_FRAME", "`big`"]);
}

#[test]
fn a_server_that_is_not_there_is_said_to_be_startable() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for arguments in
        [&["cmd", "ping"][..], &["mon", "foo"], &["ekg", "join", "room", "ann"], &["ekg", "members", "room"]]
    {
        let output = hyrax(arguments).env("HYRAX_URL", &address).output().unwrap();
        check_failure(&output, &[&address, "hyrax serve", "--url"]);
    }
}

#[test]
fn signing_makes_what_the_documents_say() {
    let made = |arguments: &[&str]| {
        let output = hyrax(arguments).env("HYRAX_SECRET", "turtles").output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    // From: printf setfoogopher | openssl dgst -sha1 -hmac turtles
    assert_eq!(made(&["sign", "flat", "set", "foo", "gopher"]), "3460582e7804384a681706d1c9971a5cd14a949e\n");
    // From: printf tdturtles | sha512sum
    assert_eq!(
        made(&["sign", "domain", "td"]),
        "b53b812b0a802efaa797cc9eca8128cdb59eee4fcfa248e425bede61f29e5590f6d23d984636f1b767bec9d74df7753fc5f0d90636a7d6e3235f454815f1cd35\n"
    );
    assert_ne!(made(&["sign", "domain", "td"]), made(&["sign", "domain", "td", "--name", "joseph"]));
    let v2: Value =
        serde_json::from_str(&made(&["sign", "v2", "--expires", "60s", "--json", "SET", "foo"])).unwrap();
    let expires = v2["expires"].as_u64().unwrap();
    let secret = v2["secret"].as_str().unwrap();
    assert!(hyrax_client::signing::verify_v2(secret, b"turtles", b"set", b"foo", b"", expires), "{secret}");
    check_failure(&hyrax(&["sign", "flat", "set", "foo"]).output().unwrap(), &["--secret"]);
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = hyrax(&["completions", shell]).output().unwrap();
        assert!(output.status.success() && text(&output.stdout).contains("print-config"), "{shell}");
    }
}

#[test]
fn cmd_sends_the_flat_dialect_and_prints_the_return() {
    let address = played(|mut connection| {
        let sent = request(&mut connection);
        assert_eq!(
            (&sent["cmd"], &sent["key"], &sent["args"]),
            (&json!("hset"), &json!("foo"), &json!(["-a", "1"]))
        );
        assert_eq!(sent["id"], "gopher");
        let secret = sent["secret"].as_str().unwrap();
        assert!(hyrax_client::signing::verify_v2(secret, b"turtles", b"hset", b"foo", b"gopher", 0));
        answer(&mut connection, &json!({"cmd": "set", "key": "a push before it"}));
        answer(&mut connection, &json!({"return": ["x", null]}));
    });
    let arguments =
        ["cmd", "--url", &address, "--id", "gopher", "--secret", "turtles", "hset", "foo", "-a", "1"];
    let output = hyrax(&arguments).output().unwrap();
    assert_eq!(text(&output.stdout), "1) x\n2) (nil)\n", "{}", text(&output.stderr));
}

#[test]
fn a_unix_socket_is_as_good_as_a_port() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("h.sock");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        let mut connection = BufReader::new(listener.accept().unwrap().0);
        connection.read_line(&mut String::new()).unwrap();
        connection.get_mut().write_all(b"{\"return\":\"PONG\"}\n").unwrap();
    });
    let output =
        hyrax(&["cmd", "--url", &format!("unix:{}", path.display()), "--json", "ping"]).output().unwrap();
    assert_eq!(text(&output.stdout), "{\"return\":\"PONG\"}\n", "{}", text(&output.stderr));
}

#[test]
fn an_error_reply_fails_the_command() {
    let address = played(|mut connection| {
        request(&mut connection);
        answer(&mut connection, &json!({"error": "auth failed"}));
    });
    check_failure(&hyrax(&["cmd", "--url", &address, "set", "a", "b"]).output().unwrap(), &["auth failed"]);
}

#[test]
fn mon_resumes_after_a_lost_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut command = hyrax(&["mon", "--url", &address, "--json", "foo"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let accept = || BufReader::new(listener.accept().unwrap().0);

    let mut first = accept();
    assert_eq!(request(&mut first), json!({"cmd": "madd", "key": "foo"}));
    answer(&mut first, &json!({"return": "OK", "rev": 5}));
    answer(&mut first, &json!({"cmd": "set", "key": "foo", "args": ["a"], "rev": 6}));
    drop(first);
    let mut second = accept();
    assert_eq!(request(&mut second), json!({"cmd": "madd", "key": "foo", "since": 6}));
    answer(&mut second, &json!({"return": "reset", "rev": 9, "value": "b"}));
    answer(&mut second, &json!({"cmd": "set", "key": "foo", "args": ["c"], "rev": 10}));

    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut line = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(line()["rev"], 6);
    assert_eq!(line(), json!({"cmd": "mreset", "key": "foo", "value": "b", "rev": 9}));
    assert_eq!(line()["rev"], 10);
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(text(&output.stderr).contains("connecting again"), "{}", text(&output.stderr));
}

#[test]
fn mon_ends_quietly_when_nobody_reads_it_any_more() {
    let address = played(|mut connection| {
        request(&mut connection);
        answer(&mut connection, &json!({"return": "OK", "rev": 1}));
        // Until the other side is gone.
        while writeln!(connection.get_mut(), "{}", json!({"cmd": "set", "key": "foo", "args": ["a"]})).is_ok()
        {
        }
    });
    let mut child = hyrax(&["mon", "--url", &address, "foo"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
