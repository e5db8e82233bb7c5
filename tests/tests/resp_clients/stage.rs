//! Two servers, and programs that are run against each.

use std::net::SocketAddr;

use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Redis;
pub use hyrax_tests::programs::{fed, installed, output_of, scripts};

/// Does the same to a Redis and to a Hyrax, and answers what came of it, in this order.
pub fn on_both<T>(mut act: impl FnMut(SocketAddr) -> T) -> [T; 2] {
    let (redis, hyrax) = (Redis::start(), Hyrax::start(&[]));
    [act(redis.address()), act(hyrax.address())]
}
