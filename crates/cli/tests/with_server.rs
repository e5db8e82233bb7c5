//! The commands against `hyrax serve` itself.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustls::ServerConnection;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A server of its own for each test, killed with it.
struct Served {
    child: Child,
    address: String,
}

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

impl Served {
    fn start(arguments: &[&str]) -> Served {
        Served::start_with(arguments, |command| command)
    }

    fn start_with(arguments: &[&str], prepare: impl FnOnce(&mut Command) -> &mut Command) -> Served {
        let mut command = hyrax(&["serve", "--listen", "127.0.0.1:0"]);
        prepare(command.args(arguments).stdout(Stdio::piped()));
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Served { child, address }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        hyrax(arguments).env("HYRAX_URL", &self.address).output().unwrap()
    }

    /// Checks what `hyrax cmd` prints: the return, or the error.
    fn check(&self, arguments: &[&str], expected: Result<&str, &str>) {
        let output = self.run(&[&["cmd"], arguments].concat());
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        match expected {
            Ok(printed) => assert_eq!(stdout.trim_end(), printed, "{arguments:?}: {stderr}"),
            Err(part) => {
                assert!(!output.status.success() && stderr.contains(part), "{arguments:?}: {stdout}{stderr}")
            }
        }
    }

    /// Checks that a command which reads, and may do so for ever, begins to, or is refused.
    fn check_read(&self, arguments: &[&str], expected: Result<(), &str>) {
        let mut command = hyrax(arguments);
        command.env("HYRAX_URL", &self.address).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let told: &mut dyn Read = match arguments {
            ["mon", ..] | ["ekg", "join", ..] => child.stderr.as_mut().unwrap(),
            _ if expected.is_err() => child.stderr.as_mut().unwrap(),
            _ => child.stdout.as_mut().unwrap(),
        };
        let mut line = String::new();
        BufReader::new(told).read_line(&mut line).unwrap();
        match expected {
            // Nobody is there, which `members` tells by silence.
            Ok(()) if arguments.contains(&"members") => assert!(child.wait().unwrap().success()),
            Ok(()) => assert!(
                ["monitoring", "nobody", "present"].iter().any(|word| line.contains(word)),
                "{arguments:?}: {line}"
            ),
            Err(part) => assert!(line.contains(part), "{arguments:?}: {line}"),
        }
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_value_is_set_and_got() {
    let server = Served::start(&[]);
    server.check(&["set", "foo", "bar"], Ok("OK"));
    server.check(&["get", "foo"], Ok("bar"));
    server.check(&["get", "nothing"], Ok("(nil)"));
    server.check(&["rpush", "list", "-1", "--json"], Ok("2"));
    server.check(&["lpush", "foo", "x"], Err("WRONGTYPE"));
    server.check(
        &["frobnicate", "foo"],
        Err("unknown command 'frobnicate'; `hyrax cmd help` lists the commands"),
    );
    server.check(&["frob: {x"], Err("unknown command 'frob: {x'; `hyrax cmd help` lists"));
    server.check(&["zadd", "z", "1", "a", "2", "b"], Ok("2"));
    server.check(&["zrange", "z", "0", "-1", "withscores"], Ok("1) 1) a\n   2) 1\n2) 1) b\n   2) 2"));
}

#[test]
fn writes_are_signed_in_both_forms() {
    let server = Served::start(&["--secret", "turtles"]);
    server.check(&["set", "foo", "bar"], Err("auth failed"));
    server.check(&["--secret", "tortoises", "set", "foo", "bar"], Err("auth failed"));
    server.check(&["--secret", "turtles", "--id", "gopher", "set", "foo", "v2"], Ok("OK"));
    server.check(&["--secret", "turtles", "--legacy", "--id", "gopher", "set", "foo", "legacy"], Ok("OK"));
    server.check(
        &["--secret", "turtles", "--writes", "a", "--writes", "b", "mset", "a", "1", "b", "2"],
        Ok("OK"),
    );
    server.check(&["get", "foo"], Ok("legacy"));
    let signed = server.run(&["sign", "v2", "--secret", "turtles", "set", "foo"]).stdout;
    let signed = String::from_utf8(signed).unwrap();
    server.check(&["--signed", signed.trim(), "set", "foo", "signed"], Ok("OK"));
    server.check(&["--signed", signed.trim(), "set", "other", "signed"], Err("auth failed"));
}

#[test]
fn what_is_not_open_is_read_with_a_proof_or_a_login() {
    let server = Served::start(&["--secret", "turtles", "--operator", "ann:hush", "--anonymous-read=false"]);
    let sign = |arguments: &[&str]| {
        let signed = server.run(&[&["sign", "v2", "--secret", "turtles"], arguments].concat()).stdout;
        String::from_utf8(signed).unwrap().trim().to_owned()
    };
    let (madd, emembers) = (sign(&["madd", "room"]), sign(&["emembers", "room"]));
    let secret = &["--secret", "turtles"][..];
    let legacy = &["--secret", "turtles", "--legacy"][..];
    let login = &["--user", "ann:hush"][..];
    for (reader, signed) in [
        (&["mon", "room"][..], &["--signed", &madd][..]),
        (&["mon", "room", "other"], &["--signed", &madd, "--signed", &sign(&["madd", "other"])]),
        (&["mon", "--prefix", "room"], &["--signed", &sign(&["mprefix", "room"])]),
        (&["ekg", "watch", "room"], &["--signed", &madd, "--signed", &emembers]),
        (&["ekg", "members", "room"], &["--signed", &emembers]),
    ] {
        for proof in [secret, legacy, signed, login] {
            server.check_read(&[reader, proof].concat(), Ok(()));
        }
        server.check_read(reader, Err("auth failed"));
        server.check_read(&[reader, &["--user", "ann:loud"]].concat(), Err("refused"));
    }
    server.check_read(&["ekg", "watch", "room", "--signed", &madd], Err("madd room, emembers room"));
}

#[test]
fn an_operator_logs_in_first() {
    let server = Served::start(&["--operator", "ann:hush"]);
    server.check(&["set", "foo", "bar"], Err("auth failed"));
    server.check(&["--user", "ann:hush", "set", "foo", "bar"], Ok("OK"));
    server.check(&["--user", "ann:loud", "get", "foo"], Err("the server refused to log in"));
    server.check(&["--user", "ann", "get", "foo"], Err("NAME:PASSWORD"));
    let mut from_variable = hyrax(&["cmd", "--url", &server.address, "asecrets", "foo"]);
    assert!(from_variable.env("HYRAX_USER", "ann:hush").output().unwrap().status.success());
    server.check_read(&["ekg", "join", "room", "ann", "--user", "ann:hush"], Ok(()));
}

#[test]
fn a_hang_up_reloads_secrets() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "secrets = ['old']").unwrap();
    let server = Served::start(&["--config", file.path().to_str().unwrap()]);
    server.check(&["--secret", "old", "set", "foo", "1"], Ok("OK"));
    std::fs::write(file.path(), "secrets = ['new']\n").unwrap();
    server.signal(Signal::HUP);
    let deadline = Instant::now() + Duration::from_secs(10);
    while !server.run(&["cmd", "--secret", "new", "set", "foo", "2"]).status.success() {
        assert!(Instant::now() < deadline, "the new secret is not accepted");
        std::thread::sleep(Duration::from_millis(20));
    }
    server.check(&["--secret", "old", "set", "foo", "3"], Err("auth failed"));
}

#[test]
fn a_terminated_server_drains_and_ends_well() {
    let mut server = Served::start(&[]);
    server.signal(Signal::TERM);
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn a_closed_standard_error_ends_nothing() {
    let mut server = Served::start_with(&["--log-level", "debug"], |command| command.stderr(Stdio::piped()));
    drop(server.child.stderr.take());
    server.signal(Signal::HUP);
    let mut monitor = hyrax(&["mon", "--url", &server.address, "foo"]);
    let mut monitor = monitor.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(monitor.stderr.take());
    // Until it monitors, which it cannot tell.
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut pushes = BufReader::new(monitor.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let mut push = String::new();
        pushes.read_line(&mut push).unwrap();
        push
    });
    while !reader.is_finished() && Instant::now() < deadline {
        server.check(&["set", "foo", "bar"], Ok("OK"));
        std::thread::sleep(Duration::from_millis(20));
    }
    monitor.kill().unwrap();
    monitor.wait().unwrap();
    let push = reader.join().unwrap();
    assert!(push.starts_with("foo set bar"), "{push}");
    server.signal(Signal::TERM);
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn presence_lasts_as_long_as_the_process() {
    let server = Served::start(&[]);
    let mut watch =
        hyrax(&["ekg", "watch", "--url", &server.address, "room"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut line = || lines.next().unwrap().unwrap();
    assert_eq!(line(), "nobody is here");
    let mut join = hyrax(&["ekg", "join", "--url", &server.address, "room", "ann"]).spawn().unwrap();
    assert_eq!(line(), "ann came");
    assert_eq!(server.run(&["ekg", "members", "room"]).stdout, b"ann\n");
    join.kill().unwrap();
    join.wait().unwrap();
    assert_eq!(line(), "ann is gone (closed)");
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[test]
fn a_monitor_begins_where_it_is_told_to() {
    let server = Served::start(&[]);
    // A key is remembered from its first monitor on.
    let mut first = hyrax(&["mon", "--url", &server.address, "--json", "foo"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pushes = BufReader::new(first.stdout.take().unwrap());
    // Printed as soon as it monitors, in JSON as well.
    BufReader::new(first.stderr.take().unwrap()).read_line(&mut String::new()).unwrap();
    server.check(&["set", "foo", "1"], Ok("OK"));
    let mut push = String::new();
    pushes.read_line(&mut push).unwrap();
    let rev = serde_json::from_str::<serde_json::Value>(&push).unwrap()["rev"].to_string();
    server.check(&["set", "foo", "2"], Ok("OK"));
    let mut second = hyrax(&["mon", "--url", &server.address, "--since", &rev, "foo"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut missed = String::new();
    BufReader::new(second.stdout.take().unwrap()).read_line(&mut missed).unwrap();
    assert!(missed.starts_with("foo set 2 "), "{missed}");
    for mut child in [first, second] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn the_demo_tells_what_happens_in_the_room() {
    let output = hyrax(&["demo", "--seconds", "5"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains(" comes in\n"),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Measures something small, which must go without a fault, and answers how many cases there were.
fn cases_measured(workloads: &str) -> usize {
    let mut command = hyrax(&["bench", "--runs", "1", "--seconds", "1", "--json"]);
    command.args(["--requests", "200", "--keys", "20", "--monitors", "10"]);
    let output = command.args(workloads.split(' ')).output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["faults"], serde_json::json!([]));
    report["cases"].as_array().unwrap().len()
}

#[test]
fn the_benchmark_loses_nothing() {
    assert_eq!(cases_measured("get set fan-out spread idle ekg --pipeline 1,16"), 10);
}

#[test]
fn the_benchmark_measures_commands_through_both_doors() {
    assert_eq!(cases_measured("commands publish memory"), 8 + 5 + 3);
    assert_eq!(cases_measured("commands memory --door line"), 8 + 3);
}

#[test]
fn the_benchmark_measures_what_goes_over_etcds_api_beside_a_real_etcd() {
    assert_eq!(cases_measured("etcd --against etcd"), 3 * 3 + 2 + 2 + 1 + 4);
}

/// A certificate and its key in files, for `localhost`.
struct Certified {
    directory: tempfile::TempDir,
}

impl Certified {
    fn new(is_ca: rcgen::IsCa) -> Certified {
        let directory = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        parameters.is_ca = is_ca;
        let certificate = parameters.self_signed(&key).unwrap();
        std::fs::write(directory.path().join("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(directory.path().join("key.pem"), key.serialize_pem()).unwrap();
        Certified { directory }
    }

    fn certificate(&self) -> String {
        self.directory.path().join("cert.pem").display().to_string()
    }

    /// A server with this certificate, and its address as the certificate names it.
    fn serve(&self) -> (Served, String) {
        let key = self.directory.path().join("key.pem");
        let server = Served::start(&["--tls-cert", &self.certificate(), "--tls-key", key.to_str().unwrap()]);
        let url = format!("tls://{}", server.address.replace("127.0.0.1", "localhost"));
        (server, url)
    }
}

#[test]
fn commands_go_over_tls_to_whom_is_trusted() {
    let certified = Certified::new(rcgen::IsCa::NoCa);
    let (server, url) = certified.serve();
    let ca = certified.certificate();
    server.check(&["--url", &url, "--ca", &ca, "set", "foo", "bar"], Ok("OK"));
    let mut system = hyrax(&["cmd", "--url", &url, "get", "foo"]);
    let output = system.env("SSL_CERT_FILE", &ca).output().unwrap();
    assert_eq!(output.stdout, b"bar\n", "{}", String::from_utf8_lossy(&output.stderr));
    // Longer than a record, both ways.
    let long = "x".repeat(100_000);
    server.check(&["--url", &url, "--ca", &ca, "set", "long", &long], Ok("OK"));
    server.check(&["--url", &url, "--ca", &ca, "get", "long"], Ok(&long));

    let mut monitor = hyrax(&["mon", "--url", &url, "--ca", &ca, "foo"]);
    let mut monitor = monitor.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    BufReader::new(monitor.stderr.take().unwrap()).read_line(&mut String::new()).unwrap();
    server.check(&["set", "foo", "plain"], Ok("OK"));
    let mut push = String::new();
    BufReader::new(monitor.stdout.take().unwrap()).read_line(&mut push).unwrap();
    assert!(push.starts_with("foo set plain"), "{push}");
    monitor.kill().unwrap();
    monitor.wait().unwrap();
}

#[test]
fn an_answer_over_tls_that_does_not_come_is_not_waited_for() {
    let certified = Certified::new(rcgen::IsCa::NoCa);
    let chain = CertificateDer::from_pem_file(certified.certificate()).unwrap();
    let key = PrivateKeyDer::from_pem_file(certified.directory.path().join("key.pem")).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![chain], key);
    let config = Arc::new(config.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tls://localhost:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for silent in [true, false] {
            let mut stream = listener.accept().unwrap().0;
            let mut session = ServerConnection::new(Arc::clone(&config)).unwrap();
            while session.is_handshaking() {
                session.complete_io(&mut stream).unwrap();
            }
            if !silent {
                stream.shutdown(Shutdown::Write).unwrap();
            }
            // Until the other side is gone.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
    });
    let ca = certified.certificate();
    for problem in ["does not answer\n", "closed the connection without an answer\n"] {
        let arguments = ["cmd", "--url", &url, "--ca", &ca, "--timeout", "300ms", "ping"];
        let output = hyrax(&arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.ends_with(problem), "{stderr}");
    }
}

#[test]
fn a_server_that_is_not_trusted_is_told_why() {
    let certified = Certified::new(rcgen::IsCa::NoCa);
    let (server, url) = certified.serve();
    let (ca, other) = (certified.certificate(), Certified::new(rcgen::IsCa::NoCa));
    let check =
        |url: &str, ca: &str, part: &str| server.check(&["--url", url, "--ca", ca, "ping"], Err(part));
    server.check(&["--url", &url, "ping"], Err("--ca FILE"));
    check(&url, &other.certificate(), "none of the authorities in");
    check(&format!("tls://{}", server.address), &ca, "not for `127.0.0.1`");
    check(&url, "/nowhere/ca.pem", "/nowhere/ca.pem");
    let key = certified.directory.path().join("key.pem");
    check(&url, key.to_str().unwrap(), "no certificate could be read from");
    check(&server.address, &ca, "--ca is for servers at tls://HOST:PORT");
    check("tls://a b:1", &ca, "a b:1");

    let authority = Certified::new(rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained));
    let (_server, url) = authority.serve();
    check(&url, &authority.certificate(), "CA:FALSE");

    let plain = Served::start(&[]);
    check(&format!("tls://{}", plain.address), &ca, "it refuses TLS");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.accept().unwrap().0.write_all(b"220 welcome\r\n"));
    check(&format!("tls://{address}"), &ca, "it does not speak TLS");
}
