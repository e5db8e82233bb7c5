//! Tells a client that fell behind what its keys now hold.

use super::push::{write_presence_reset, write_reset};
use crate::core::Core;
use crate::hub::{Outbox, Owed};
use hyrax_values::{Reply, Snapshot};

/// Queues one reset that is owed, if everything before it has been written; whether there was one.
pub async fn next(core: &Core, outbox: &Outbox) -> bool {
    let Some((key, owed)) = outbox.next_owed() else { return false };
    let mut out = Vec::new();
    if !owed.subscription.has_ended() {
        write(core, outbox, &key, &owed, &mut out).await;
    }
    outbox.commit(&out);
    true
}

/// Writes the current value and members of a key whose pushes were dropped. Pushes of later changes are
/// held back until this is committed.
async fn write(core: &Core, outbox: &Outbox, key: &[u8], owed: &Owed, out: &mut Vec<u8>) {
    let subscription = &owed.subscription;
    if owed.value {
        let mut at = None;
        let mut later = None;
        let mut value = Reply::collect(|sink| {
            let snapshot = core.values.snapshot(key, subscription.kind, sink, &mut |rev| {
                outbox.place_reset(subscription, key, rev);
                at = Some(rev);
            });
            if let Snapshot::Later(snapshot) = snapshot {
                later = Some(snapshot);
            }
        });
        if let Some(snapshot) = later {
            let (reply, rev) = snapshot.await;
            outbox.place_reset(subscription, key, rev);
            at = Some(rev);
            value = reply;
        }
        write_reset(subscription.form, key, at.unwrap_or_default(), &value, out);
    }
    if owed.presence {
        core.presence.snapshot(key, &mut |erev, members| {
            outbox.place_presence(subscription, key, erev);
            let mut names: Vec<_> = members.into_iter().map(|member| member.name).collect();
            names.sort_unstable();
            write_presence_reset(subscription.form, key, erev, &names, out);
        });
    }
}
