//! Random requests of etcd v3's API to Hyrax and to a real etcd, which must answer alike.

use hyrax_tests::cases;
use hyrax_tests::etcd::differential::{Campaign, Mix, Tally};
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Etcd;

/// Requests of each test.
const CALLS: usize = 4_000;

fn agrees(seed: u64, mix: Mix) -> Tally {
    let (etcd, hyrax) = (Etcd::start(), Hyrax::start(&[]));
    let campaign = Campaign { seed: cases::seed(seed), calls: cases::count(CALLS), mix };
    let tally = campaign.must_agree(("etcd", etcd.address()), ("hyrax", hyrax.address()));
    println!("{tally:?}");
    assert!(tally.refusals > CALLS / 50, "{tally:?}");
    tally
}

#[test]
fn random_reads_and_writes_are_answered_as_by_etcd() {
    agrees(1, Mix::KEYS);
}

#[test]
fn random_transactions_are_answered_as_by_etcd() {
    agrees(2, Mix::TRANSACTIONS);
}

#[test]
fn random_leases_are_answered_as_by_etcd() {
    agrees(3, Mix::LEASES);
}

#[test]
fn random_watches_see_what_those_of_etcd_see() {
    let tally = agrees(4, Mix::WATCHES);
    assert!(tally.events > CALLS / 4, "{tally:?}");
}

#[test]
fn a_durable_server_answers_random_requests_as_etcd_does() {
    let data = tempfile::tempdir().expect("a temporary folder can be made");
    let data = data.path().join("data");
    let hyrax = Hyrax::start(&["--data-dir", data.to_str().expect("a temporary folder's name is text")]);
    let etcd = Etcd::start();
    let campaign = Campaign { seed: cases::seed(5), calls: cases::count(2_000), mix: Mix::TRANSACTIONS };
    campaign.must_agree(("etcd", etcd.address()), ("hyrax", hyrax.address()));
}

#[test]
fn two_real_etcds_never_differ_under_random_requests() {
    let (one, other) = (Etcd::start(), Etcd::start());
    let campaign = Campaign { seed: cases::seed(6), calls: cases::count(1_000), mix: Mix::WATCHES };
    campaign.must_agree(("one", one.address()), ("other", other.address()));
}

#[test]
fn a_difference_is_found_and_told_by_few_requests() {
    let (whole, limited) = (Etcd::start(), Etcd::start_with(&["--max-txn-ops", "2"]));
    let campaign = Campaign { seed: 7, calls: 1_000, mix: Mix::TRANSACTIONS };
    let found = campaign.run(("whole", whole.address()), ("limited", limited.address()));
    let finding = found.expect_err("one takes fewer operations than the other");
    assert_eq!(finding.calls.len(), 1, "{finding}");
    assert!(finding.what.contains("too many operations in txn request"), "{finding}");
}
