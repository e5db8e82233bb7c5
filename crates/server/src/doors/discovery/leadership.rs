//! Which server of those over one engine leads: where they are several, they elect one, for as long as it lives.

use std::str;
use std::sync::Arc;
use std::time::Duration;

use hyrax_coordination::{Coordination, Unavailable};
use hyrax_recipes::{Election, NodeLease, Owner, QueueError};
use hyrax_types::RESERVED_PREFIX;
use tokio::task::JoinSet;

/// How long to wait before standing again, where the place was lost or the engine did not let this server stand.
const AGAIN: Duration = Duration::from_secs(1);

/// How it is known who leads.
pub(super) enum Leadership {
    /// This server has its engine for itself.
    Alone(u64),
    /// All servers of an engine stand for an election, and each proclaims its member's number in decimal digits.
    Elected(Election),
}

impl Leadership {
    /// Stands for the election in `background`, for ever, on `lease`.
    pub(super) fn elected(
        engine: Arc<dyn Coordination>,
        lease: Arc<NodeLease>,
        member: u64,
        background: &mut JoinSet<()>,
    ) -> Leadership {
        let election = Election::new(engine, &[RESERVED_PREFIX, b"leader"].concat());
        background.spawn(stand(election.clone(), lease, member));
        Leadership::Elected(election)
    }

    /// The member that leads; none in the moment between two leaders.
    pub(super) async fn leader(&self) -> Result<Option<u64>, Unavailable> {
        let election = match self {
            Leadership::Alone(member) => return Ok(Some(*member)),
            Leadership::Elected(election) => election,
        };
        match election.leader().await {
            Ok((place, _)) => Ok(place.and_then(|place| str::from_utf8(&place.value).ok()?.parse().ok())),
            Err(QueueError::Unavailable(unavailable)) => Err(unavailable),
            Err(error) => Err(Unavailable::because(error.to_string())),
        }
    }
}

/// Stands again each time that the lease was lost, and the place with it.
async fn stand(election: Election, lease: Arc<NodeLease>, member: u64) {
    loop {
        let owner = Owner::lease(lease.id());
        match election.campaign(owner, member.to_string().into()).await {
            Ok(leadership) => leadership.lost().await,
            Err(error) => tracing::debug!(%error, "not standing to lead"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}
