//! How soon after each other news of one service are told.
//!
//! Every message has all nodes of the service in it, and every node may listen: where thousands of both come one after
//! the other, telling each time would be gigabytes a second. So what was told at length is not told again at once; what
//! happens meanwhile is kept, of each kind the latest, and told together. Small services are never kept waiting.

use std::collections::HashMap;
use std::time::Duration;

use hyrax_recipes::ServiceName;
use hyrax_recipes::services::ServiceEvent;
use hyrax_types::limits::{
    SERVICE_NEWS_APART_MAX, SERVICE_NEWS_BYTES_PER_SECOND, SERVICE_NEWS_UNPACED_BYTES_MAX,
};
use tokio::time::Instant;

/// The services that are not told of just now.
#[derive(Default)]
pub(super) struct Pacing(HashMap<ServiceName, Paused>);

struct Paused {
    until: Instant,
    /// In the order in which they first came, each kind once.
    kept: Vec<ServiceEvent>,
}

impl Pacing {
    /// Gives an event back that is to be told now; else it is kept.
    pub(super) fn admit(&mut self, event: ServiceEvent) -> Option<ServiceEvent> {
        let Some(paused) = self.0.get_mut(&event.service) else { return Some(event) };
        match paused.kept.iter_mut().find(|kept| kept.key_event == event.key_event) {
            Some(kept) => *kept = event,
            None => paused.kept.push(event),
        }
        None
    }

    /// So many bytes were told of a service, over all who listen.
    pub(super) fn told(&mut self, service: &ServiceName, bytes: usize, now: Instant) {
        if bytes <= SERVICE_NEWS_UNPACED_BYTES_MAX {
            return;
        }
        let pause = Duration::from_secs_f64(bytes as f64 / SERVICE_NEWS_BYTES_PER_SECOND as f64);
        let until = now + pause.min(SERVICE_NEWS_APART_MAX);
        let paused = self.0.entry(service.clone()).or_insert(Paused { until, kept: Vec::new() });
        paused.until = paused.until.max(until);
    }

    /// When the next pause is over.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.0.values().map(|paused| paused.until).min()
    }

    /// The events of services whose pauses are over, with the lists that are the latest now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<ServiceEvent> {
        let over = self.0.extract_if(|_, paused| paused.until <= now);
        over.flat_map(|(_, paused)| with_latest_list(paused.kept)).collect()
    }
}

fn with_latest_list(mut events: Vec<ServiceEvent>) -> Vec<ServiceEvent> {
    if let Some(latest) = events.iter().max_by_key(|event| event.revision).cloned() {
        for event in &mut events {
            event.services = latest.services.clone();
            event.revision = latest.revision;
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use hyrax_recipes::services::KeyEvent;
    use hyrax_types::Revision;

    use super::*;

    fn event(service: &str, key_event: KeyEvent, revision: u64) -> ServiceEvent {
        let services = (1..=revision).map(|port| format!("10.0.0.1:{port}").parse().unwrap()).collect();
        ServiceEvent { key_event, service: service.parse().unwrap(), services, revision: Revision(revision) }
    }

    #[test]
    fn what_is_told_at_length_is_told_together_when_the_pause_is_over() {
        use KeyEvent::{Delete, Put};
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        let first = pacing.admit(event("big", Put, 1)).unwrap();
        pacing.told(&first.service, SERVICE_NEWS_BYTES_PER_SECOND, now);
        for (kind, revision) in [(Delete, 2), (Put, 3), (Delete, 4), (Put, 5)] {
            assert_eq!(pacing.admit(event("big", kind, revision)), None);
        }
        assert!(pacing.admit(event("small", Put, 6)).is_some(), "others are told");
        let due = pacing.next_due().unwrap();
        assert_eq!(due, now + Duration::from_secs(1));
        assert_eq!(pacing.due(due - Duration::from_millis(1)), []);
        let told = pacing.due(due);
        assert_eq!(told, [event("big", Delete, 5), event("big", Put, 5)], "with the list as it is");
        assert_eq!(pacing.next_due(), None);
        assert!(pacing.admit(event("big", Put, 6)).is_some());
    }

    #[test]
    fn small_services_are_not_kept_waiting_and_none_for_long() {
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        let service: ServiceName = "engine".parse().unwrap();
        pacing.told(&service, SERVICE_NEWS_UNPACED_BYTES_MAX, now);
        assert_eq!(pacing.next_due(), None);
        pacing.told(&service, usize::MAX, now);
        assert_eq!(pacing.next_due(), Some(now + SERVICE_NEWS_APART_MAX));
        assert_eq!(pacing.due(now + SERVICE_NEWS_APART_MAX), []);
    }
}
