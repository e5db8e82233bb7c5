//! The faults, at random instants, while clients go on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use super::victim::Victim;
use crate::differential::Random;
use crate::etcd::EtcdClient;

/// Between two faults.
const CALM_MS: (i64, i64) = (20, 300);
/// How long a pause is.
const PAUSE_MS: (i64, i64) = (20, 300);
/// How long a client waits before it tries again to connect.
const RETRY_AFTER: Duration = Duration::from_millis(5);

/// What can happen to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is killed and started again.
    Kill,
    /// It is stopped for a moment.
    Pause,
}

/// Whether the storm is still on, as its clients ask.
#[derive(Clone, Debug)]
pub struct Storm {
    address: SocketAddr,
    over: Arc<AtomicBool>,
}

impl Storm {
    /// Has `faults` of the given kinds happen to `victim`, and the clients work meanwhile that `clients` makes for
    /// them. The clients are to end when the storm is over. Answers what they answer, and the victim.
    pub async fn rage<V: Victim, C: Future>(
        mut victim: V,
        seed: u64,
        faults: usize,
        kinds: &[Fault],
        clients: impl FnOnce(Storm) -> C,
    ) -> (V, C::Output) {
        let storm = Storm { address: victim.address(), over: Arc::default() };
        let mut random = Random::new(seed);
        let kinds = kinds.to_vec();
        let (over, work) = (storm.over.clone(), clients(storm));
        let faults = tokio::task::spawn_blocking(move || {
            let mut random_sleep = |(low, high)| {
                std::thread::sleep(Duration::from_millis(random.between(low, high) as u64));
                random.number()
            };
            for _ in 0..faults {
                let number = random_sleep(CALM_MS) as usize;
                match kinds[number % kinds.len()] {
                    Fault::Kill => victim.kill_and_start(),
                    Fault::Pause => {
                        victim.pause();
                        random_sleep(PAUSE_MS);
                        victim.resume();
                    }
                }
            }
            random_sleep(CALM_MS);
            over.store(true, Ordering::SeqCst);
            victim
        });
        let (victim, output) = tokio::join!(faults, work);
        (victim.expect("the victim starts again"), output)
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Where the victim listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new connection to the victim, as soon as it takes one.
    pub async fn connect(&self) -> EtcdClient {
        loop {
            match EtcdClient::try_connect(self.address).await {
                Ok(client) => return client,
                Err(_) => sleep(RETRY_AFTER).await,
            }
        }
    }

    /// Waits a moment before the next try.
    pub async fn retry(&self) {
        sleep(RETRY_AFTER).await;
    }
}
