//! What a server says when it is ready: where it listens, and what works there, to be tried.

use hyrax_server::config::{Config, Door, ListenAddress};

/// What is printed when ready: a line for each listener, and what to try.
pub fn text(config: &Config, addresses: &[ListenAddress]) -> String {
    let mut text = String::new();
    for address in addresses {
        text.push_str(&format!("listening on {address}\n"));
    }
    for (what, how) in suggestions(config, addresses) {
        text.push_str(&format!("  {what:<22} {how}\n"));
    }
    text
}

/// What works, and how: on the first port that opens the door, else on a Unix socket that does.
fn suggestions(config: &Config, addresses: &[ListenAddress]) -> Vec<(&'static str, String)> {
    let opening = |door| {
        let listeners = config.listen.iter().zip(addresses);
        listeners.filter(move |(listener, _)| listener.doors.contains(door)).map(|(_, address)| address)
    };
    let port = |address: &&ListenAddress| matches!(address, ListenAddress::Tcp { .. });
    let mut tries = Vec::new();
    if let Some(address) = opening(Door::Line).find(port).or_else(|| opening(Door::Line).next()) {
        tries.extend(in_lines(config, address));
    }
    if let Some(address) = opening(Door::Resp).find(port).or_else(|| opening(Door::Resp).next()) {
        tries.push(("as with Redis", with_redis_cli(config, address)));
    }
    if let Some(address) = opening(Door::Grpc).find(port) {
        tries.push(("as with etcd", with_etcdctl(config, address)));
    }
    if let Some(address) = opening(Door::Http).find(port) {
        tries.extend(over_http(config, address));
    }
    tries
}

/// What to try on a listener that opens the line door.
fn in_lines(config: &Config, address: &ListenAddress) -> Vec<(&'static str, String)> {
    let secure = config.tls.cert.is_some() && matches!(address, ListenAddress::Tcp { .. });
    // The certificate itself, as one that its own key signed is trusted by nobody else.
    let option = match (url(address), &config.tls.cert) {
        (url, Some(cert)) if secure => format!(" --url tls://{url} --ca {}", cert.display()),
        (url, _) if url == "127.0.0.1:2379" => String::new(),
        (url, _) => format!(" --url {url}"),
    };
    let proof = match (config.secrets.is_empty(), config.operators.is_empty()) {
        (false, _) => " --secret SECRET",
        (true, false) => " --user NAME:PASSWORD",
        (true, true) => "",
    };
    let to_read = if config.anonymous_read { "" } else { proof };
    let mut tries = vec![
        ("watch a key", format!("hyrax mon{option}{to_read} foo")),
        ("change it", format!("hyrax cmd{option}{proof} set foo bar")),
    ];
    let peer = match address {
        ListenAddress::Tcp { host, port } => format!("{} {port}", reachable(host)),
        ListenAddress::Unix(path) => format!("-U {}", path.display()),
    };
    if !secure && to_read.is_empty() {
        let line = format!("echo '{{\"cmd\":\"get\",\"key\":\"foo\"}}' | nc -q 1 {peer}");
        tries.push(("or without hyrax", line));
    }
    tries
}

/// What to try with Redis' own client.
fn with_redis_cli(config: &Config, address: &ListenAddress) -> String {
    let to = match address {
        ListenAddress::Tcp { host, port } => match reachable(host) {
            "127.0.0.1" => format!("-p {port}"),
            host => format!("-h {host} -p {port}"),
        },
        ListenAddress::Unix(path) => format!("-s {}", path.display()),
    };
    let trusting = match (&config.tls.cert, address) {
        (Some(cert), ListenAddress::Tcp { .. }) => format!(" --tls --cacert {}", cert.display()),
        _ => String::new(),
    };
    let proof = match (config.secrets.is_empty(), config.operators.is_empty()) {
        (false, _) => " -a SECRET",
        (true, false) => " --user NAME -a PASSWORD",
        (true, true) => "",
    };
    format!("redis-cli {to}{trusting}{proof} get foo")
}

/// What to try with etcd's own client.
fn with_etcdctl(config: &Config, address: &ListenAddress) -> String {
    let scheme = if config.tls.cert.is_some() { "https://" } else { "" };
    let to = match (scheme, url(address)) {
        ("", url) if url == "127.0.0.1:2379" => String::new(),
        (scheme, url) => format!(" --endpoints {scheme}{url}"),
    };
    let trusting = match &config.tls.cert {
        Some(cert) => format!(" --cacert {}", cert.display()),
        None => String::new(),
    };
    let proof = if config.operators.is_empty() { "" } else { " --user NAME:PASSWORD" };
    format!("etcdctl{to}{trusting}{proof} put foo bar")
}

/// What to try on a port that opens the HTTP door.
fn over_http(config: &Config, address: &ListenAddress) -> Vec<(&'static str, String)> {
    let scheme = if config.tls.cert.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}", url(address));
    let curl = match &config.tls.cert {
        Some(cert) => format!("curl --cacert {}", cert.display()),
        None => "curl".to_owned(),
    };
    let mut tries = Vec::new();
    if config.anonymous_read || !config.auth_enabled() {
        tries.push(("over HTTP", format!("{curl} {url}/hyrax -d '{{\"cmd\":\"get\",\"key\":\"foo\"}}'")));
    }
    tries.push(("health and metrics", format!("{curl} {url}/health {url}/metrics")));
    tries
}

/// What `--url` takes, to connect from this machine.
fn url(address: &ListenAddress) -> String {
    match address {
        ListenAddress::Tcp { host, port } => match reachable(host) {
            host if host.contains(':') => format!("[{host}]:{port}"),
            host => format!("{host}:{port}"),
        },
        ListenAddress::Unix(_) => address.to_string(),
    }
}

/// An address to connect to, where the one listened on stands for all of the machine's.
fn reachable(host: &str) -> &str {
    match host {
        "0.0.0.0" => "127.0.0.1",
        "::" => "::1",
        host => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening(listeners: &[&str]) -> Config {
        let listen = listeners.iter().map(|listener| listener.parse().unwrap()).collect();
        Config { listen, ..Config::default() }
    }

    fn ready(config: &Config) -> String {
        let addresses: Vec<_> = config.listen.iter().map(|listener| listener.address.clone()).collect();
        text(config, &addresses)
    }

    #[test]
    fn the_ready_text_names_the_listener_first() {
        let text = ready(&listening(&["127.0.0.1:4001"]));
        assert_eq!(text.lines().next(), Some("listening on 127.0.0.1:4001"));
        for part in [
            "hyrax mon --url 127.0.0.1:4001 foo",
            "nc -q 1 127.0.0.1 4001",
            "redis-cli -p 4001 get",
            "etcdctl --endpoints 127.0.0.1:4001 put",
            "http://127.0.0.1:4001/hyrax",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn only_what_works_is_suggested() {
        let text = ready(&listening(&["unix:/tmp/h.sock"]));
        assert!(text.contains("nc -q 1 -U /tmp/h.sock") && !text.contains("curl"), "{text}");
        let text = ready(&listening(&["0.0.0.0:4001?doors=http"]));
        assert!(text.contains("http://127.0.0.1:4001/health") && !text.contains("nc "), "{text}");
        let mut config = listening(&["127.0.0.1:2379?doors=line"]);
        config.secrets = vec!["turtles".parse().unwrap()];
        let text = ready(&config);
        assert!(text.contains("hyrax cmd --secret SECRET set") && !text.contains("turtles"), "{text}");
        assert!(!text.contains("curl") && !text.contains("--url"), "{text}");
    }

    #[test]
    fn the_best_listener_is_suggested() {
        let text = ready(&listening(&["unix:/tmp/h.sock", "127.0.0.1:4001?doors=line", "[::]:4002"]));
        assert!(text.contains("hyrax cmd --url 127.0.0.1:4001 set"), "{text}");
        assert!(text.contains("curl http://[::1]:4002/health"), "{text}");
        let text = ready(&listening(&["127.0.0.1:4001?doors=http", "unix:/tmp/h.sock"]));
        assert!(text.contains("hyrax cmd --url unix:/tmp/h.sock set"), "{text}");
        assert!(text.contains("curl http://127.0.0.1:4001/health"), "{text}");
    }

    #[test]
    fn what_needs_a_proof_is_suggested_with_one() {
        let mut config = listening(&["127.0.0.1:4001"]);
        config.operators = vec!["ann:hush".parse().unwrap()];
        config.anonymous_read = false;
        let text = ready(&config);
        assert!(text.contains("hyrax mon --url 127.0.0.1:4001 --user NAME:PASSWORD foo"), "{text}");
        assert!(!text.contains("nc ") && !text.contains("/hyrax") && !text.contains("hush"), "{text}");
    }

    #[test]
    fn a_server_with_a_certificate_is_tried_over_tls() {
        let mut config = listening(&["127.0.0.1:2379"]);
        config.tls.cert = Some("cert.pem".into());
        let text = ready(&config);
        assert!(text.contains("hyrax mon --url tls://127.0.0.1:2379 --ca cert.pem foo"), "{text}");
        assert!(text.contains("https://127.0.0.1:2379/health") && !text.contains("nc "), "{text}");
        assert!(text.contains("etcdctl --endpoints https://127.0.0.1:2379 --cacert cert.pem put"), "{text}");
    }
}
