//! Following services: what happens to them, with nothing left out.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use hyrax_coordination::{
    Coordination, Event, LeaseId, LeaseTimeToLiveError, Unavailable, WatchError, WatchRequest, WatchStream,
};
use hyrax_types::Revision;

use super::view::{News, View};
use super::{ServiceEvent, ServiceName, ServiceNode, layout};
use crate::mirror::load_once;
use crate::retry::{Backoff, comes_back};

/// Events that come at once and are still told revision by revision.
const EVENTS_TOLD_APART: usize = 64;

/// The nodes of services, and what happens to them from here on, in order.
///
/// A revision's events are told by themselves, unless so many came at once that they are told together: of each service
/// the last list, once for each kind of event. So a service of thousands of nodes that all come or go costs each of
/// those who follow it, and this process, no more than they can bear.
///
/// A watch that breaks is taken up where it stopped. Where the engine has forgotten that by then, what changed
/// meanwhile is told together, too.
pub struct ServiceFeed {
    engine: Arc<dyn Coordination>,
    view: View,
    watch: Option<Box<dyn WatchStream>>,
    /// Everything up to here has come from the engine.
    reached: Revision,
    /// What came and has not been looked at.
    taken: VecDeque<Event>,
    /// Whether what was taken is told together, once all of it has been looked at.
    together: bool,
    /// What was looked at and is to be told.
    news: News,
    /// Whether leases are gone, as the engine said of those that what was taken depends on.
    gone: HashMap<LeaseId, bool>,
    /// What is to be told.
    ready: VecDeque<ServiceEvent>,
}

impl ServiceFeed {
    pub(super) async fn start(
        engine: Arc<dyn Coordination>,
        wanted: Option<BTreeSet<ServiceName>>,
    ) -> Result<ServiceFeed, Unavailable> {
        let (reached, kvs) = load_once(&*engine, &layout::everything()).await?;
        let mut view = View::of(wanted);
        view.load(&kvs);
        Ok(ServiceFeed {
            engine,
            view,
            watch: None,
            reached,
            taken: VecDeque::new(),
            together: false,
            news: News::default(),
            gone: HashMap::new(),
            ready: VecDeque::new(),
        })
    }

    /// The services that have nodes now: as of the event that was given last.
    pub fn names(&self) -> impl Iterator<Item = &ServiceName> {
        self.view.names()
    }

    /// The nodes that a service has now, in order.
    pub fn nodes(&self, service: &str) -> Vec<ServiceNode> {
        self.view.nodes(service)
    }

    /// What happens next. Cancel-safe. An engine that does not answer is asked again; the error says that it has
    /// been stopped.
    pub async fn next(&mut self) -> Result<ServiceEvent, Unavailable> {
        let mut backoff = Backoff::new();
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            match self.advance().await {
                Ok(()) => backoff = Backoff::new(),
                Err(unavailable) if comes_back(&unavailable) => backoff.wait().await,
                Err(unavailable) => return Err(unavailable),
            }
        }
    }

    /// One step. What is forgotten when it is dropped in the middle is asked for again.
    async fn advance(&mut self) -> Result<(), Unavailable> {
        if let Some(first) = self.taken.front() {
            let revision = first.kv.mod_revision;
            let end = self.taken.partition_point(|event| event.kv.mod_revision == revision);
            return self.take_in(revision, end).await;
        }
        if self.watch.is_none() {
            let request = WatchRequest::new(layout::everything(), self.reached.next());
            match self.engine.watch(request).await {
                Ok(watch) => self.watch = Some(watch),
                Err(error) => return self.interrupted(error).await,
            }
        }
        let Some(watch) = &mut self.watch else { return Ok(()) };
        match watch.next().await {
            Ok(batch) => {
                self.reached = self.reached.max(batch.revision);
                self.taken.extend(batch.events);
                self.together = self.taken.len() > EVENTS_TOLD_APART;
                Ok(())
            }
            Err(error) => {
                self.watch = None;
                self.interrupted(error).await
            }
        }
    }

    /// Looks at the first `end` events, which are those of one revision.
    async fn take_in(&mut self, revision: Revision, end: usize) -> Result<(), Unavailable> {
        let events = &self.taken.make_contiguous()[..end];
        let doubtful = self.view.doubtful(events);
        ask(&*self.engine, &mut self.gone, doubtful).await?;
        let gone = &self.gone;
        self.view.apply(events, |lease| gone.get(&lease) == Some(&true), &mut self.news);
        self.taken.drain(..end);
        if self.taken.is_empty() {
            // A lease that lived may end.
            self.gone.clear();
        }
        if self.taken.is_empty() || !self.together {
            let news = std::mem::take(&mut self.news);
            self.ready.extend(news.told(revision, &self.view));
        }
        Ok(())
    }

    async fn interrupted(&mut self, error: WatchError) -> Result<(), Unavailable> {
        match error {
            WatchError::Unavailable(unavailable) => Err(unavailable),
            WatchError::Compacted { .. } | WatchError::EmptyRange => self.begin_anew().await,
        }
    }

    async fn begin_anew(&mut self) -> Result<(), Unavailable> {
        let (revision, kvs) = load_once(&*self.engine, &layout::everything()).await?;
        let doubtful = self.view.doubtful_in(&kvs);
        let mut gone = HashMap::new();
        ask(&*self.engine, &mut gone, doubtful).await?;
        let told = self.view.reload(revision, &kvs, |lease| gone.get(&lease) == Some(&true));
        self.ready.extend(told);
        self.reached = revision;
        Ok(())
    }
}

/// Asks which of these leases are gone, but for those of which it is known.
async fn ask(
    engine: &dyn Coordination,
    gone: &mut HashMap<LeaseId, bool>,
    leases: Vec<LeaseId>,
) -> Result<(), Unavailable> {
    for lease in leases {
        if gone.contains_key(&lease) {
            continue;
        }
        let is_gone = match engine.lease_time_to_live(lease, false).await {
            Ok(_) => false,
            Err(LeaseTimeToLiveError::NotFound) => true,
            Err(LeaseTimeToLiveError::Unavailable(unavailable)) => return Err(unavailable),
        };
        gone.insert(lease, is_gone);
    }
    Ok(())
}
