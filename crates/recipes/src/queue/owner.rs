//! Whose a seat is.

use hyrax_coordination::LeaseId;
use hyrax_types::SessionId;

/// Whose a place in a queue is. The same owner has one place in a queue, however often it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// What the place hangs on.
    pub lease: LeaseId,
    /// Which of those that share the lease; none where the lease itself is the owner.
    pub session: Option<SessionId>,
}

impl Owner {
    /// Whoever names the lease, as etcd's clients do.
    pub fn lease(lease: LeaseId) -> Owner {
        Owner { lease, session: None }
    }

    /// One of many that share a lease. It is this process' alone: no other takes a place in its name.
    pub fn session(lease: LeaseId, session: SessionId) -> Owner {
        Owner { lease, session: Some(session) }
    }

    /// Whether nobody else takes a place in its name.
    pub(super) fn is_exclusive(self) -> bool {
        self.session.is_some()
    }

    /// What names it in a key.
    pub(crate) fn suffix(self) -> String {
        // As Go prints a signed number in hexadecimal.
        let LeaseId(lease) = self.lease;
        let sign = if lease < 0 { "-" } else { "" };
        let lease = lease.unsigned_abs();
        match self.session {
            None => format!("{sign}{lease:x}"),
            Some(SessionId(session)) => format!("{sign}{lease:x}-{session:x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_written_as_etcds_clients_write_it() {
        let check = |lease, expected| assert_eq!(Owner::lease(LeaseId(lease)).suffix(), expected);
        check(0x694d_7bd1_9c0c_4b0f, "694d7bd19c0c4b0f");
        check(10, "a");
        check(-31, "-1f");
        check(i64::MIN, "-8000000000000000");
    }

    #[test]
    fn a_session_follows_its_lease() {
        assert_eq!(Owner::session(LeaseId(0x1f), SessionId(0xa0)).suffix(), "1f-a0");
    }
}
