//! What every engine must do. An engine passes when [`run`] returns.
//!
//! ```
//! # use std::sync::Arc;
//! # use hyrax_coordination::{Coordination, Embedded, conformance, embedded::EmbeddedSettings};
//! # use hyrax_types::SystemClock;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let engine = Embedded::start(Arc::new(SystemClock), EmbeddedSettings::default());
//! conformance::kv(&engine).await;
//! # }
//! ```

mod keys;
mod lease;
mod random;
mod request;
mod watching;

use std::sync::Arc;

use crate::{Coordination, DeleteRangeRequest, Key, KeyRange};

pub use request::{Reply, Request, requests};

/// Runs the whole suite over one engine, which nobody else may use meanwhile. It deletes every key
/// and lease that it finds.
///
/// # Panics
/// When the engine does not do what the trait says, naming the case.
pub async fn run(engine: Arc<dyn Coordination>) {
    kv(&*engine).await;
    leases(&*engine).await;
    watches(&*engine).await;
    random::agrees_with_the_model(&*engine).await;
}

/// Ranges, puts, deletions, transactions, compaction.
///
/// # Panics
/// When the engine does not do what the trait says.
pub async fn kv(engine: &dyn Coordination) {
    clear(engine).await;
    keys::a_revision_is_taken_by_what_writes_and_by_nothing_else(engine).await;
    clear(engine).await;
    keys::a_put_answers_and_keeps_what_it_is_told_to(engine).await;
    clear(engine).await;
    keys::a_range_is_cut_and_ordered_as_asked(engine).await;
    clear(engine).await;
    keys::the_past_can_be_read_until_it_is_compacted(engine).await;
    clear(engine).await;
    keys::a_txn_compares_before_and_reads_within(engine).await;
    clear(engine).await;
    keys::what_can_not_be_done_says_why_and_does_nothing(engine).await;
}

/// Leases.
///
/// # Panics
/// When the engine does not do what the trait says.
pub async fn leases(engine: &dyn Coordination) {
    clear(engine).await;
    lease::a_revoked_lease_takes_its_keys_in_one_revision(engine).await;
    clear(engine).await;
    lease::a_key_hangs_on_the_lease_of_its_last_put(engine).await;
    clear(engine).await;
    lease::a_lease_ends_when_nobody_renews_it(engine).await;
    clear(engine).await;
    lease::what_is_wrong_with_a_lease_is_said(engine).await;
}

/// Watches.
///
/// # Panics
/// When the engine does not do what the trait says.
pub async fn watches(engine: &dyn Coordination) {
    clear(engine).await;
    watching::a_watch_sees_what_happens_from_now_from_then_and_from_later(engine).await;
    clear(engine).await;
    watching::a_watch_sees_its_keys_and_kinds_only(engine).await;
    clear(engine).await;
    watching::a_revision_is_never_split(engine).await;
    clear(engine).await;
    watching::a_watch_that_is_not_read_misses_nothing(engine).await;
    clear(engine).await;
    watching::a_watch_of_the_forgotten_says_so(engine).await;
    clear(engine).await;
    watching::progress_is_told_when_asked_for(engine).await;
}

async fn clear(engine: &dyn Coordination) {
    for id in engine.leases().await.expect("leases").leases {
        engine.lease_revoke(id).await.expect("revoke");
    }
    engine.delete_range(DeleteRangeRequest::new(KeyRange::all())).await.expect("delete all");
}

fn key(name: &str) -> Key {
    Key::copy_from_slice(name.as_bytes())
}
