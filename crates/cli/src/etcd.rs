//! A client's connection to the etcd v3 door, or to an etcd: gRPC, over whatever leads there.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use hyper_util::rt::TokioIo;
use hyrax_etcd::etcdserverpb::AuthenticateRequest;
use hyrax_etcd::etcdserverpb::auth_client::AuthClient;
use hyrax_server::config::Operator;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tower::service_fn;

use crate::address::Address;
use crate::connection::unreachable_server;
use crate::request::ServerOptions;
use crate::tls::{self, Trust};

/// How long a server may take to answer before it is taken for dead.
pub const ANSWER_MAX: Duration = Duration::from_secs(30);

/// An open connection, and who speaks.
pub struct Etcd {
    /// Where the calls go.
    pub channel: Channel,
    address: Address,
    /// What was given for a name and password.
    token: Option<MetadataValue<Ascii>>,
}

impl Etcd {
    /// Connects, and logs in if somebody is to be.
    pub async fn enter(server: &ServerOptions) -> Result<Etcd> {
        let address = server.url.clone();
        let channel = connect(&address, server).await?;
        let mut etcd = Etcd { channel, address, token: None };
        if let Some(Operator { name, password }) = &server.user {
            let request =
                AuthenticateRequest { name: name.to_string(), password: password.expose().to_owned() };
            let mut client = AuthClient::new(etcd.channel.clone());
            let answer = timeout(ANSWER_MAX, client.authenticate(request)).await;
            let answer = answer.map_err(|_| etcd.silent())?;
            let token = answer.map_err(|status| etcd.explain(&status))?.into_inner().token;
            etcd.token = Some(token.parse().context("the server gave a token that can not be sent")?);
        }
        Ok(etcd)
    }

    /// A request in the name of who logged in.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("token", token.clone());
        }
        request
    }

    /// What a refusal means to somebody at a shell.
    pub fn explain(&self, status: &Status) -> anyhow::Error {
        let advice = match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => "; log in as an operator with --user",
            Code::InvalidArgument if status.message().contains("user name is empty") => {
                "; log in as an operator with --user"
            }
            _ => "",
        };
        anyhow!("{}: {}{advice}", self.address, status.message())
    }

    /// The server does not answer.
    pub fn silent(&self) -> anyhow::Error {
        anyhow!("{} does not answer", self.address)
    }
}

async fn connect(address: &Address, server: &ServerOptions) -> Result<Channel> {
    let channel = match address {
        // Else whoever names an authority, and forgets `tls://`, would send in the clear.
        Address::Tcp(_) | Address::Unix(_) if server.ca.is_some() => {
            bail!("--ca is for servers at tls://HOST:PORT, which {address} is not");
        }
        Address::Tcp(host) => {
            let stream = connect_tcp(host, address).await?;
            over(host, stream).await
        }
        Address::Tls(host) => {
            let trust = tls::trust(server.ca.as_deref())?;
            let stream = connect_tcp(host, address).await?;
            let stream = connect_tls(host, stream, &trust).await;
            over(host, stream.with_context(|| format!("cannot connect to {address}"))?).await
        }
        Address::Unix(path) => {
            let stream =
                UnixStream::connect(path).await.map_err(|error| unreachable_server(address, &error))?;
            over("localhost", stream).await
        }
    };
    channel.map_err(|error| anyhow!("what listens on {address} does not answer as etcd does: {error}"))
}

async fn connect_tcp(host: &str, address: &Address) -> Result<TcpStream> {
    let connected = timeout(ANSWER_MAX, TcpStream::connect(host)).await;
    let connected = connected.map_err(|_| anyhow!("{address} does not answer"))?;
    let stream = connected.map_err(|error| unreachable_server(address, &error))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn connect_tls(
    host: &str,
    stream: TcpStream,
    trust: &Trust,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let name = tls::server_name(host)?;
    let connector = TlsConnector::from(Arc::new(trust.config(&[b"h2"])?));
    let shown = name.to_str().into_owned();
    let connected = timeout(ANSWER_MAX, connector.connect(name, stream)).await;
    let connected = connected.map_err(|_| anyhow!("it does not answer over TLS"))?;
    connected.map_err(|error| tls::explain(trust, &error, &shown))
}

/// A channel over a stream that leads to `host`. When the stream ends, so does the channel.
async fn over<S>(host: &str, stream: S) -> Result<Channel, tonic::transport::Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let mut stream = Some(TokioIo::new(stream));
    let endpoint = Endpoint::from_shared(format!("http://{host}"))?;
    let connector = service_fn(move |_| {
        let stream = stream.take().ok_or_else(|| std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        std::future::ready(stream)
    });
    endpoint.connect_timeout(ANSWER_MAX).connect_with_connector(connector).await
}
