//! Random requests of etcd v3's API to Hyrax and to a real etcd, which must answer alike.

use hyrax_tests::cases;
use hyrax_tests::etcd::differential::Campaign;
use hyrax_tests::peers::Etcd;

#[test]
fn two_real_etcds_never_differ_under_random_requests() {
    let (mut one, other) = (Etcd::start(), Etcd::start());
    let campaign = Campaign { seed: cases::seed(11), calls: cases::count(3_000) };
    let r = std::panic::catch_unwind(|| campaign.must_agree(("one", one.address()), ("other", other.address())));
    if r.is_err() { println!("{}", one.process().said()); }
    let tally = campaign.must_agree(("one", one.address()), ("other", other.address()));
    println!("{tally:?}");
    assert!(tally.calls >= 3_000 && tally.refusals > 100 && tally.events > 100, "{tally:?}");
}
