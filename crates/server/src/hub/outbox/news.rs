//! How news come in: each is told as it happened, but of one subject the latest makes up for those before, so that
//! a client that falls behind is told less.

use super::{Failure, Item, Outbox, State};
use bytes::Bytes;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Something to be told to many, whose bytes they share.
pub struct News {
    /// What it is about, where later news of the same make up for it.
    pub subject: Option<Box<[u8]>>,
    /// A line.
    pub bytes: Bytes,
}

impl Outbox {
    /// Gives news to the client. Who falls too far behind loses what later news make up for, and then the connection.
    pub fn inform(&self, news: &Arc<News>) {
        let mut state = self.state.lock();
        if state.failure.is_some() {
            return;
        }
        let (size, max) = (news.bytes.len(), self.bytes_max.load(Ordering::Relaxed));
        // What is too large alone still may pass, as all share it.
        let fits = |state: &State| state.bytes == 0 || state.bytes + size <= max;
        if !fits(&state) {
            self.drop_outdated(&mut state, news.subject.as_deref());
        }
        if !fits(&state) {
            tracing::info!(
                waiting = state.bytes,
                queue_bytes = max,
                "a client that does not read its news fast enough is disconnected"
            );
            self.fail(&mut state, Failure::Overwhelmed);
            drop(state);
            return self.call_attention();
        }
        state.bytes += size;
        self.counters.queued.fetch_add(size, Ordering::Relaxed);
        self.counters.metrics.pushes(1, 0, 0);
        let item = Item::News(news.clone());
        if let Some(held) = &mut state.held {
            held.push(item);
            return;
        }
        state.queue.push_back(item);
        let flushes = state.schedule();
        drop(state);
        if flushes {
            self.flush();
        }
    }

    /// Drops what is queued of subjects that later news are of, `coming` among them.
    fn drop_outdated(&self, state: &mut State, coming: Option<&[u8]>) {
        let partly_written = state.written > 0;
        let queued: Vec<Item> = std::mem::take(&mut state.queue).into();
        let mut newer: HashSet<&[u8]> = coming.into_iter().collect();
        let mut keeps = vec![true; queued.len()];
        for (position, item) in queued.iter().enumerate().rev() {
            if let Item::News(news) = item
                && let Some(subject) = news.subject.as_deref()
                && !(partly_written && position == 0)
            {
                keeps[position] = newer.insert(subject);
            }
        }
        let dropped = |(item, keeps): (&Item, &bool)| if *keeps { 0 } else { item.bytes().len() };
        let dropped: usize = queued.iter().zip(&keeps).map(dropped).sum();
        let folded = keeps.iter().filter(|keeps| !**keeps).count();
        let kept = queued.into_iter().zip(keeps).filter(|(_, keeps)| *keeps);
        state.queue = kept.map(|(item, _)| item).collect::<VecDeque<_>>();
        state.bytes -= dropped;
        self.counters.queued.fetch_sub(dropped, Ordering::Relaxed);
        self.counters.metrics.pushes(0, folded as u64, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Counters;
    use super::*;
    use crate::metrics::Metrics;

    fn outbox(bytes_max: usize) -> Arc<Outbox> {
        Outbox::new(None, bytes_max, Counters::new(Metrics::new(&[])))
    }

    fn news(subject: &str, text: &str) -> Arc<News> {
        let subject = (!subject.is_empty()).then(|| subject.as_bytes().into());
        Arc::new(News { subject, bytes: format!("{text}\n").into_bytes().into() })
    }

    fn told(outbox: &Outbox) -> Vec<String> {
        std::iter::from_fn(|| outbox.take_one())
            .map(|text| String::from_utf8(text.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn who_reads_is_told_everything_in_order() {
        let outbox = outbox(100);
        for text in ["a1", "b1", "a2"] {
            outbox.inform(&news(&text[..1], text));
        }
        assert_eq!(told(&outbox), ["a1", "b1", "a2"]);
        assert_eq!(outbox.bytes(), 0);
    }

    #[test]
    fn who_falls_behind_is_told_the_latest_of_each_subject() {
        let outbox = outbox(15);
        for text in ["a1", "b1", "a2", "!1", "a3", "b2", "a4"] {
            outbox.inform(&news(text[..1].trim_matches('!'), text));
        }
        assert_eq!(
            told(&outbox),
            ["!1", "a3", "b2", "a4"],
            "in order, and no more was dropped than had to be"
        );
        assert_eq!((outbox.bytes(), outbox.failure()), (0, None));
    }

    #[test]
    fn what_nothing_makes_up_for_costs_who_does_not_read_the_connection() {
        let outbox = outbox(6);
        for text in ["1", "2", "3"] {
            outbox.inform(&news("", text));
        }
        assert_eq!(outbox.failure(), None);
        outbox.inform(&news("", "4"));
        assert_eq!((outbox.failure(), outbox.bytes()), (Some(Failure::Overwhelmed), 0));
        outbox.inform(&news("", "5"));
        assert_eq!(told(&outbox), [""; 0]);
    }

    #[test]
    fn what_is_longer_than_the_queue_passes_alone() {
        let outbox = outbox(3);
        outbox.inform(&news("a", "longer"));
        outbox.inform(&news("a", "longest"));
        assert_eq!(told(&outbox), ["longest"]);
    }
}
