//! Random requests: Hyrax answers them as the real etcd does.

use hyrax_tests::cases;
use hyrax_tests::etcd2::{Campaign, Server};
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Etcd;

#[test]
fn hyrax_answers_random_requests_as_etcd_does() {
    let (etcd, hyrax) = (Etcd::start(), Hyrax::start(&[]));
    let campaign = Campaign { seed: cases::seed(5), requests: cases::count(4_000) };
    let mut reference = Server::connect("etcd", etcd.address());
    let tally = campaign.must_agree(&mut reference, &mut Server::connect("hyrax", hyrax.address()));
    assert!(tally.refusals > 500 && tally.waits < tally.requests / 20, "{tally:?}");
}

#[test]
fn two_real_etcds_never_differ() {
    let (one, other) = (Etcd::start(), Etcd::start());
    let campaign = Campaign { seed: cases::seed(6), requests: cases::count(600) };
    let mut reference = Server::connect("one", one.address());
    let tally = campaign.must_agree(&mut reference, &mut Server::connect("other", other.address()));
    assert!(tally.requests >= 600, "{tally:?}");
}
