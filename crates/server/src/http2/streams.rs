//! The streams of a connection: what each is about, and where it stands.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use hashbrown::HashMap;
use hyrax_types::limits::HTTP2_STREAM_WINDOW;

use super::answer::{Block, Pieces};
use super::body::Inlet;
use super::head::Head;
use super::ready::{PlaceWaker, Ready};

/// One request, and its answer.
pub(super) struct Stream<A> {
    pub id: u32,
    /// Bytes that the client may still send.
    pub receive_window: i64,
    /// Bytes that came, and of which the connection's window has not been told that they were read.
    pub held: usize,
    /// Bytes that were read, and of which the client has not been told for this stream.
    pub untold: usize,
    /// Bytes that are still to come, where the client has said how many.
    pub awaited: Option<u64>,
    /// Whether the client has sent all.
    pub is_whole: bool,
    pub inlet: Option<Arc<Inlet>>,
    /// Bytes that may still be sent.
    pub send_window: i64,
    pub work: Work<A>,
    /// Whether it is among those that wait for room.
    pub is_stalled: bool,
}

/// What is being done about a request.
pub(super) enum Work<A> {
    /// Its head came, and the beginning of its body. It is begun when all that was read has been looked at.
    New(Head, Bytes),
    /// It is being answered.
    Answering(Pin<Box<A>>),
    /// The answer is being sent: what there is of it, and then the rest.
    Sending(Bytes, Rest),
    /// It is at work right now.
    Busy,
}

/// What follows the bytes that are being sent.
pub(super) enum Rest {
    End,
    Trailers(Block),
    Pieces(Pin<Box<dyn Pieces>>),
}

impl<A> Stream<A> {
    pub(super) fn new(id: u32, head: Head, is_whole: bool, send_window: i64) -> Stream<A> {
        Stream {
            id,
            receive_window: i64::from(HTTP2_STREAM_WINDOW),
            held: 0,
            untold: 0,
            awaited: head.content_length,
            is_whole,
            inlet: None,
            send_window,
            work: Work::New(head, Bytes::new()),
            is_stalled: false,
        }
    }

    /// Takes a piece of the body. None where it does not agree with what the head said.
    pub(super) fn take(&mut self, piece: &[u8], ends: bool, waker: &Arc<PlaceWaker>) -> Option<()> {
        if let Some(awaited) = &mut self.awaited {
            *awaited = awaited.checked_sub(piece.len() as u64)?;
            if ends && *awaited > 0 {
                return None;
            }
        }
        self.is_whole = ends;
        if !piece.is_empty() {
            match &mut self.work {
                Work::New(_, first) if first.is_empty() && self.inlet.is_none() => {
                    *first = Bytes::copy_from_slice(piece);
                }
                _ => self.inlet(waker).put(Bytes::copy_from_slice(piece)),
            }
        }
        if ends && let Some(inlet) = &self.inlet {
            inlet.end(Ok(()));
        }
        Some(())
    }

    /// Where pieces are put that come later, what came first before them.
    pub(super) fn inlet(&mut self, waker: &Arc<PlaceWaker>) -> &Arc<Inlet> {
        let first = match &mut self.work {
            Work::New(_, first) => std::mem::take(first),
            _ => Bytes::new(),
        };
        self.inlet.get_or_insert_with(|| {
            let inlet = Inlet::new(Arc::clone(waker));
            if !first.is_empty() {
                inlet.put(first);
            }
            inlet
        })
    }
}

/// A place that streams have one after the other, and what wakes it.
pub(super) struct Place<A> {
    pub waker: Waker,
    pub place_waker: Arc<PlaceWaker>,
    pub stream: Option<Stream<A>>,
}

/// All streams that are open.
pub(super) struct Streams<A> {
    places: Vec<Place<A>>,
    free: Vec<usize>,
    by_id: HashMap<u32, usize>,
}

impl<A> Default for Streams<A> {
    fn default() -> Self {
        Streams { places: Vec::new(), free: Vec::new(), by_id: HashMap::default() }
    }
}

impl<A> Streams<A> {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(super) fn insert(&mut self, stream: Stream<A>, ready: &Arc<Ready>) {
        let place = self.free.pop().unwrap_or_else(|| {
            let place_waker = ready.waker(self.places.len());
            let waker = Waker::from(Arc::clone(&place_waker));
            self.places.push(Place { waker, place_waker, stream: None });
            self.places.len() - 1
        });
        self.by_id.insert(stream.id, place);
        self.places[place].stream = Some(stream);
    }

    pub(super) fn place_of(&self, id: u32) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn at(&mut self, place: usize) -> Option<&mut Place<A>> {
        self.places.get_mut(place)
    }

    pub(super) fn stream_at(&mut self, place: usize) -> Option<&mut Stream<A>> {
        self.places.get_mut(place)?.stream.as_mut()
    }

    pub(super) fn remove(&mut self, place: usize) -> Option<Stream<A>> {
        let stream = self.places.get_mut(place)?.stream.take()?;
        self.by_id.remove(&stream.id);
        self.free.push(place);
        Some(stream)
    }

    /// The streams, each with its place.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut Stream<A>)> {
        let places = self.places.iter_mut().enumerate();
        places.filter_map(|(place, it)| Some((place, it.stream.as_mut()?)))
    }
}
