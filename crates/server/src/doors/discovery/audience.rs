//! Who hears what: sockets, by the services that they follow.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use hyrax_recipes::ServiceName;
use hyrax_recipes::events::Audience as To;
use parking_lot::Mutex;

use crate::hub::{News, Outbox};

/// All sockets of this server.
#[derive(Default)]
pub(super) struct Audience(Mutex<Listeners>);

#[derive(Default)]
struct Listeners {
    last: u64,
    all: HashMap<u64, Arc<Outbox>>,
    by_service: HashMap<ServiceName, HashMap<u64, Arc<Outbox>>>,
}

/// A socket that is told. Dropping it ends that.
pub(super) struct Listening {
    audience: Arc<Audience>,
    number: u64,
    services: Box<[ServiceName]>,
}

impl Audience {
    /// From now on, what happens to these services is told to `outbox`.
    pub(super) fn join(self: &Arc<Self>, services: BTreeSet<ServiceName>, outbox: &Arc<Outbox>) -> Listening {
        let mut listeners = self.0.lock();
        listeners.last += 1;
        let number = listeners.last;
        listeners.all.insert(number, Arc::clone(outbox));
        for service in &services {
            let followers = listeners.by_service.entry(service.clone()).or_default();
            followers.insert(number, Arc::clone(outbox));
        }
        Listening { audience: Arc::clone(self), number, services: services.into_iter().collect() }
    }

    /// Whether anybody follows this service.
    pub(super) fn follows(&self, service: &ServiceName) -> bool {
        self.0.lock().by_service.contains_key(service)
    }

    /// Tells those who follow this service; how many they are.
    pub(super) fn tell_followers(&self, service: &ServiceName, news: &Arc<News>) -> usize {
        let listeners = self.0.lock();
        let Some(followers) = listeners.by_service.get(service) else { return 0 };
        followers.values().for_each(|outbox| outbox.inform(news));
        followers.len()
    }

    /// Tells those to whom an event goes, each once.
    pub(super) fn tell(&self, to: &To, news: &Arc<News>) {
        let listeners = self.0.lock();
        match to {
            To::Everybody => listeners.all.values().for_each(|outbox| outbox.inform(news)),
            To::Services(services) => {
                let followers = services.iter().filter_map(|service| listeners.by_service.get(service));
                let each: HashMap<_, _> = followers.flatten().collect();
                each.into_values().for_each(|outbox| outbox.inform(news));
            }
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut listeners = self.audience.0.lock();
        listeners.all.remove(&self.number);
        for service in &self.services {
            if let Some(followers) = listeners.by_service.get_mut(service) {
                followers.remove(&self.number);
                if followers.is_empty() {
                    listeners.by_service.remove(service);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Counters;
    use crate::metrics::Metrics;

    fn names(names: &[&str]) -> BTreeSet<ServiceName> {
        names.iter().map(|name| ServiceName::new(name).unwrap()).collect()
    }

    #[test]
    fn each_is_told_once_of_what_it_follows() {
        let audience = Arc::<Audience>::default();
        let counters = Counters::new(Metrics::new(&[]));
        let [both, one] = [(); 2].map(|()| Outbox::new(None, 1_000, counters.clone()));
        let listening = (audience.join(names(&["a", "b"]), &both), audience.join(names(&["b"]), &one));
        let news = |text: &'static str| Arc::new(News { subject: None, bytes: text.into() });
        let told = |outbox: &Outbox| std::iter::from_fn(|| outbox.take_one()).collect::<Vec<_>>();
        audience.tell(&To::Services(names(&["a", "b", "c"])), &news("1\n"));
        audience.tell(&To::Services(names(&["a"])), &news("2\n"));
        audience.tell(&To::Everybody, &news("3\n"));
        assert_eq!(audience.tell_followers(&ServiceName::new("b").unwrap(), &news("4\n")), 2);
        assert_eq!(told(&both), ["1", "2", "3", "4"]);
        assert_eq!(told(&one), ["1", "3", "4"]);
        drop(listening);
        assert!(!audience.follows(&ServiceName::new("a").unwrap()));
        audience.tell(&To::Everybody, &news("5\n"));
        assert_eq!(told(&both), [""; 0]);
    }
}
