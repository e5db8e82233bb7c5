//! Elections: one leader at a time, and whoever wants to know who.

use std::fmt;
use std::sync::Arc;

use hyrax_coordination::{KeyValue, LeaseId, Value};
use hyrax_recipes::election::{self, Observation};
use hyrax_recipes::{NodeLease, Owner, QueueError};
use hyrax_types::Revision;
use thiserror::Error;

use crate::connection::{Connection, NoLease, next_session};

/// How often a campaign begins anew because the process' lease was lost meanwhile.
const LEASES_TRIED_MAX: usize = 3;

/// Why an election was not won, or is not known.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ElectionError {
    /// This process could not have a lease.
    #[error(transparent)]
    NoLease(#[from] NoLease),
    /// The candidate's place was not had, or lost.
    #[error(transparent)]
    Election(#[from] QueueError),
}

/// The election of a name.
#[derive(Clone)]
pub struct Election {
    connection: Connection,
    name: Vec<u8>,
}

/// Who leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// What it proclaims.
    pub value: Value,
    /// Its fencing token.
    pub token: Revision,
}

impl Leader {
    fn of(kv: &KeyValue) -> Leader {
        Leader { value: kv.value.clone(), token: kv.create_revision }
    }
}

impl Election {
    pub(crate) fn new(connection: Connection, name: &[u8]) -> Election {
        Election { connection, name: name.to_vec() }
    }

    /// Stands for the election and waits to win it, however long that takes. `value` is what the leader proclaims,
    /// such as where it is. Each call is a candidate of its own.
    ///
    /// Cancel-safe: dropping the future withdraws the candidate.
    pub async fn campaign(&self, value: impl Into<Value>) -> Result<Leadership, ElectionError> {
        let value = value.into();
        let node = self.connection.lease().await?;
        let session = next_session();
        let election = self.recipe();
        let mut tried = 0;
        loop {
            let lease = node.id();
            let owner = Owner::session(lease, session);
            match election.campaign(owner, value.clone()).await {
                Err(QueueError::LeaseNotFound) if tried < LEASES_TRIED_MAX => {
                    tried += 1;
                    node.replaced(lease).await.map_err(QueueError::from)?;
                }
                Err(QueueError::Lost) if tried < LEASES_TRIED_MAX => tried += 1,
                led => return Ok(Leadership { leadership: led?, node: Arc::clone(node), lease }),
            }
        }
    }

    /// Who leads now.
    pub async fn leader(&self) -> Result<Option<Leader>, ElectionError> {
        let (leader, _) = self.recipe().leader().await?;
        Ok(leader.map(|kv| Leader::of(&kv)))
    }

    /// Follows who leads: how it stands, then every leader, proclamation and vacancy.
    pub fn observe(&self) -> Observer {
        Observer { observation: self.recipe().observe() }
    }

    fn recipe(&self) -> election::Election {
        election::Election::new(self.connection.coordination(), &self.name)
    }
}

/// An election that is won. Dropping it resigns, in the background.
///
/// It may be lost before, as a [lock](crate::LockGuard) may; [`Leadership::lost`] tells so.
#[must_use = "the leadership ends when this is dropped"]
pub struct Leadership {
    leadership: election::Leadership,
    node: Arc<NodeLease>,
    lease: LeaseId,
}

impl Leadership {
    /// The fencing token: whoever leads later has a greater one.
    pub fn token(&self) -> Revision {
        self.leadership.token()
    }

    /// Proclaims something else. Fails where the leadership is lost.
    pub async fn proclaim(&self, value: impl Into<Value>) -> Result<(), ElectionError> {
        self.leadership.proclaim(value.into()).await?;
        Ok(())
    }

    /// Waits until the leadership is lost. Cancel-safe; the future does not keep it.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + use<> {
        let (lost, ended) = (self.leadership.lost(), self.node.ended(self.lease));
        async move {
            tokio::select! {
                () = lost => {}
                () = ended => {}
            }
        }
    }

    /// Makes way for the next candidate; whether this was still the leader. Dropped half way, it resigns in the
    /// background.
    pub async fn resign(self) -> Result<bool, ElectionError> {
        Ok(self.leadership.resign().await?)
    }
}

impl fmt::Debug for Leadership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leadership").field("token", &self.token()).finish_non_exhaustive()
    }
}

/// Who leads from here on.
pub struct Observer {
    observation: Observation,
}

impl Observer {
    /// How it stands at first, and then every leader, proclamation and vacancy, each once. Cancel-safe. An engine that
    /// does not answer is asked again; the error says that it has been stopped.
    pub async fn next(&mut self) -> Result<Option<Leader>, ElectionError> {
        let observed = self.observation.next().await?;
        Ok(observed.leader.map(|kv| Leader::of(&kv)))
    }
}
