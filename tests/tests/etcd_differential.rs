//! Random requests of etcd v3's API to Hyrax and to a real etcd, which must answer alike.

use hyrax_tests::cases;
use hyrax_tests::etcd::differential::Campaign;
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Etcd;

#[test]
fn hyrax_answers_random_requests_as_etcd_does() {
    let (etcd, hyrax) = (Etcd::start(), Hyrax::start(&[]));
    let campaign = Campaign { seed: cases::seed(7), calls: cases::count(20_000) };
    let tally = campaign.must_agree(("etcd", etcd.address()), ("hyrax", hyrax.address()));
    assert!(tally.refusals > 1_000 && tally.events > 1_000, "{tally:?}");
}

#[test]
fn two_real_etcds_never_differ_under_random_requests() {
    let (one, other) = (Etcd::start(), Etcd::start());
    let campaign = Campaign { seed: cases::seed(11), calls: cases::count(3_000) };
    let tally = campaign.must_agree(("one", one.address()), ("other", other.address()));
    assert!(tally.calls >= 3_000 && tally.refusals > 100 && tally.events > 100, "{tally:?}");
}
