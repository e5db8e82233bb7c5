//! Tells a client that fell behind what its keys now hold.

use super::encode::JsonSink;
use super::monitors::{write_presence_reset, write_reset};
use crate::hub::{Outbox, Owed};
use crate::session::Session;
use hyrax_values::Snapshot;

/// What a client is told that is disconnected by the server.
pub const GOODBYE: &[u8] = b"{\"error\":\"the server closes this connection\"}\n";

/// Writes the current value and members of a key whose pushes were dropped. [`Outbox::commit`] has to
/// follow: until then pushes of later changes are held back.
pub async fn write(session: &Session, outbox: &Outbox, key: &[u8], owed: &Owed, out: &mut Vec<u8>) {
    if owed.subscription.has_ended() {
        return;
    }
    let subscription = &owed.subscription;
    outbox.hold();
    if owed.value {
        let mut value = Vec::new();
        let mut at = None;
        let snapshot = {
            let mut sink = JsonSink::new(&mut value);
            session.core.values.snapshot(key, subscription.kind, &mut sink, &mut |rev| {
                outbox.place_reset(key, rev);
                at = Some(rev);
            })
        };
        if let Snapshot::Later(snapshot) = snapshot {
            let (reply, rev) = snapshot.await;
            outbox.place_reset(key, rev);
            at = Some(rev);
            reply.write(&mut JsonSink::new(&mut value));
        }
        write_reset(subscription.form, key, &value, at.unwrap_or_default(), out);
    }
    if owed.presence {
        session.core.presence.snapshot(key, &mut |erev, members| {
            outbox.place_presence(subscription, erev);
            let mut names: Vec<_> = members.into_iter().map(|member| member.name).collect();
            names.sort_unstable();
            write_presence_reset(subscription.form, key, &names, erev, out);
        });
    }
}
