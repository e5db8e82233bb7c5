//! The client: servers to ask, and answers told apart.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::ask::Ask;
use super::endpoint::Parsed;
use super::error::{Error, EtcdError, Result};
use super::node::{Response, ResponseBody};
use super::settings::Settings;
use super::transport::{Answer, Transport};

/// A client of etcd's v2 API. A clone is the same client, with the same connections.
#[derive(Clone, Debug)]
pub struct Client {
    transport: Arc<Transport>,
}

/// Connects to the first of these servers that answers: URLs, with commas between them.
///
/// ```no_run
/// # async fn example() -> Result<(), hyrax_client::etcd_v2::Error> {
/// use hyrax_client::etcd_v2;
///
/// let client = etcd_v2::connect("http://127.0.0.1:2379").await?;
/// client.set("/foo/bar", "Hello World").await?;
/// # Ok(())
/// # }
/// ```
pub async fn connect(endpoints: &str) -> Result<Client> {
    let client = Client::new(Settings::new(endpoints.split(',')))?;
    client.version().await?;
    Ok(client)
}

impl Client {
    /// A client with these settings. Nobody is asked anything yet.
    pub fn new(settings: Settings) -> Result<Client> {
        Ok(Client { transport: Arc::new(Transport::new(settings)?) })
    }

    /// The servers that are asked.
    pub fn endpoints(&self) -> Vec<String> {
        self.transport.endpoints.all().iter().map(|endpoint| endpoint.to_string()).collect()
    }

    /// Asks the cluster where its members are, and from now on those. What is published must be reachable from here.
    pub async fn sync(&self) -> Result<()> {
        let members = self.members().await?;
        let urls = members.iter().flat_map(|member| &member.client_urls);
        let endpoints: Vec<_> = urls.map(|url| Ok(Parsed::read(url)?.endpoint)).collect::<Result<_>>()?;
        if endpoints.is_empty() {
            return Err(Error::Settings("the cluster publishes no endpoint".to_owned()));
        }
        // Else the order would begin anew, with a member that may be down.
        if endpoints[..] != self.transport.endpoints.all()[..] {
            self.transport.endpoints.replace(endpoints);
        }
        Ok(())
    }

    /// Asks, and takes what is answered with success.
    pub(super) async fn ask(&self, ask: &Ask) -> Result<Answer> {
        let answer = self.transport.ask(ask).await?;
        match answer.status {
            200..300 => Ok(answer),
            _ => Err(refusal(&answer)),
        }
    }

    /// Asks about a key.
    pub(super) async fn ask_keys(&self, ask: &Ask) -> Result<Response> {
        response(&self.ask(ask).await?)
    }

    /// Asks for JSON.
    pub(super) async fn ask_json<T: DeserializeOwned>(&self, ask: &Ask) -> Result<T> {
        let answer = self.ask(ask).await?;
        serde_json::from_slice(&answer.body).map_err(|error| not_understood(&answer, &error))
    }

    /// Asks for text.
    pub(super) async fn ask_text(&self, ask: &Ask) -> Result<String> {
        let answer = self.ask(ask).await?;
        match std::str::from_utf8(&answer.body) {
            Ok(text) => Ok(text.trim_end().to_owned()),
            Err(_) => Err(answer.invalid("what should be text is not")),
        }
    }

    /// The server that answered last is not asked first any more.
    pub(super) fn leave(&self, answer: &Answer) {
        self.transport.endpoints.leave(&answer.endpoint);
    }
}

/// What is said of a key.
pub(super) fn response(answer: &Answer) -> Result<Response> {
    let body: ResponseBody =
        serde_json::from_slice(&answer.body).map_err(|error| not_understood(answer, &error))?;
    let ResponseBody { action, node, prev_node } = body;
    Ok(Response { action, node, prev_node, index: answer.index, cluster_id: answer.cluster_id.clone() })
}

fn refusal(answer: &Answer) -> Error {
    match serde_json::from_slice::<EtcdError>(&answer.body) {
        Ok(error) => Error::Etcd(error),
        Err(_) => {
            let (endpoint, message) = (answer.endpoint.to_string(), answer.shown());
            Error::Refused { endpoint, status: answer.status, message }
        }
    }
}

fn not_understood(answer: &Answer, error: &serde_json::Error) -> Error {
    answer.invalid(format!("{error} in `{}`", answer.shown()))
}
