//! `hyrax serve`: a server in the foreground.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use hyrax_server::config::{Config, Door, ListenAddress, Settings, Sources, meant_variable};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::logging::{self, LogControl};
use crate::{open_files, server};

/// Run a server.
///
/// It runs until SIGTERM or Ctrl-C, which drain it. SIGHUP and SIGUSR1 reload secrets, operators,
/// limits and the log level.
///
/// Every setting also comes from a variable (--max-frame from HYRAX_MAX_FRAME; lists separated by
/// blanks) and, before that, from the file of --config, as --print-config writes it.
#[derive(Args, Debug)]
pub struct Serve {
    /// A TOML file of settings
    #[arg(long, env = "HYRAX_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the effective settings as TOML, secrets left out, and end
    #[arg(long)]
    print_config: bool,
    #[command(flatten)]
    settings: Settings,
}

impl Serve {
    /// Serves until told to stop.
    pub fn run(self: Box<Self>) -> Result<()> {
        let sources = Sources { file: self.config, flags: self.settings };
        let config = sources.load()?;
        if self.print_config {
            return Ok(io::stdout().write_all(config.to_toml().as_bytes())?);
        }
        config.validate()?;
        let log = logging::start(config.log)?;
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if let Some(meant) = meant_variable(&name) {
                tracing::warn!("the variable {name} is not read; was {meant} meant?");
            }
        }
        open_files::raise_limit();
        server::runtime()?.block_on(serve(sources, config, log))
    }
}

async fn serve(sources: Sources, config: Config, log: LogControl) -> Result<()> {
    let mut signals = Signals::new().context("cannot listen for signals")?;
    if config.auth_enabled() && config.allow_legacy_secrets {
        tracing::warn!("secrets that never expire are accepted; allow_legacy_secrets = false ends that");
    }
    let server = server::bind(config.clone()).await?;
    let ready = ready_text(&config, &server.addresses());
    // Nobody may be reading, which is no reason not to serve.
    let _ = io::stdout().lock().write_all(ready.as_bytes());
    let reload = |running: &Config| match reloaded(&sources, running) {
        Ok(next) => {
            server.reload(&next);
            if let Err(error) = log.set_level(next.log.level) {
                tracing::error!(%error);
            }
            next
        }
        Err(error) => {
            tracing::error!("the configuration stays as it is: {error:#}");
            running.clone()
        }
    };
    let left = server.serve(signals.until_stopped(config, reload)).await?;
    if left > 0 {
        tracing::warn!("{left} connection(s) had not ended when the time to drain was over");
    }
    Ok(())
}

/// The configuration that takes over from `running`, from the sources read anew. What cannot change
/// while running is said and left alone.
fn reloaded(sources: &Sources, running: &Config) -> Result<Config> {
    let read = sources.load()?;
    for setting in running.needing_restart(&read) {
        tracing::warn!("{setting} has changed, which takes a restart");
    }
    let mut next = running.clone();
    (next.secrets, next.operators, next.limits) = (read.secrets, read.operators, read.limits);
    next.log.level = read.log.level;
    // What results, not what was read: listeners that stay open may not lose their last secret.
    next.validate()?;
    tracing::info!("configuration reloaded");
    Ok(next)
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    user: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    /// Reloads as often as asked, and returns when asked to stop. Asked once more, the process ends
    /// without draining.
    async fn until_stopped(&mut self, mut running: Config, reload: impl Fn(&Config) -> Config) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
                _ = self.hang_up.recv() => running = reload(&running),
                _ = self.user.recv() => running = reload(&running),
            }
        }
        tracing::info!("draining; a second signal ends at once");
        tokio::spawn(async {
            let Ok(mut again) = Signals::new() else { return };
            tokio::select! {
                _ = again.terminate.recv() => {}
                _ = again.interrupt.recv() => {}
            }
            std::process::exit(1);
        });
    }
}

/// What is printed when ready: a line for each listener, and what to try.
fn ready_text(config: &Config, addresses: &[ListenAddress]) -> String {
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

    #[test]
    fn a_reload_takes_over_secrets_but_never_opens_a_reachable_server() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let sources = Sources { file: Some(file.path().to_owned()), flags: Settings::default() };
        let write = |text: &str| std::fs::write(file.path(), text).unwrap();
        let listen: hyrax_server::config::Listener = "0.0.0.0:4001".parse().unwrap();
        let running =
            Config { listen: vec![listen], secrets: vec!["old".parse().unwrap()], ..Config::default() };
        write("listen = ['0.0.0.0:4002']\nsecrets = ['new']\n[limits]\nmax_connections = 7\n");
        let next = reloaded(&sources, &running).unwrap();
        assert_eq!(next.secrets, ["new".parse().unwrap()]);
        assert_eq!(next.limits.max_connections, 7);
        assert_eq!(next.listen, running.listen, "a listener takes a restart");
        write("listen = ['127.0.0.1:4001']\n");
        let error = reloaded(&sources, &running).unwrap_err().to_string();
        assert!(error.contains("0.0.0.0:4001 can be reached"), "{error}");
    }

    fn listening(listeners: &[&str]) -> Config {
        let listen = listeners.iter().map(|listener| listener.parse().unwrap()).collect();
        Config { listen, ..Config::default() }
    }

    fn ready(config: &Config) -> String {
        let addresses: Vec<_> = config.listen.iter().map(|listener| listener.address.clone()).collect();
        ready_text(config, &addresses)
    }

    #[test]
    fn the_ready_text_names_the_listener_first() {
        let text = ready(&listening(&["127.0.0.1:4001"]));
        assert_eq!(text.lines().next(), Some("listening on 127.0.0.1:4001"));
        for part in
            ["hyrax mon --url 127.0.0.1:4001 foo", "nc -q 1 127.0.0.1 4001", "http://127.0.0.1:4001/hyrax"]
        {
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
    }
}
