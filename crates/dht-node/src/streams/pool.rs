//! Which open stream carries which request: a pure machine, told what happens and asked what to do.
//!
//! A line is one stream to one peer. It carries one request at a time and is used again afterwards.
//!
//! Invariants: lines in all, lines to one peer and requests that wait are bounded; a request is on one
//! line or waits, never both; waiting requests start in the order they came, as far as their peers' lines
//! allow.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use dht_proto::stream::Channel;
use dht_proto::{Contact, Message, Mosaic, RequestId};

/// Requests that may wait for a line. More are unreachable at once.
const WAITING: usize = 1_024;

/// Lines to one peer at once. More requests to it wait for one of them.
const LINES_PER_PEER: usize = 4;

/// Names a line. Never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LineId(u64);

/// A request to be sent by stream.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) contact: Contact,
    pub(crate) message: Message,
    /// The sealing of a stream with that node.
    pub(crate) channel: Channel,
    /// What the parts of a value are laid into, if that is what is asked for.
    pub(crate) mosaic: Option<Arc<Mosaic>>,
    /// Whether it was tried on a line that had been used before, and turned out to be closed.
    pub(crate) again: bool,
}

impl Job {
    /// The id of the request.
    pub(crate) fn request(&self) -> RequestId {
        self.message.id
    }
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Step {
    /// Open a stream and send the request.
    Open { line: LineId, job: Box<Job> },
    /// Send the request on a line that is open and idle.
    Hand { line: LineId, job: Box<Job> },
    /// Close an idle line to make room.
    Close { line: LineId },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Busy(RequestId),
    Idle,
    Closing,
}

#[derive(Debug)]
struct Line {
    contact: Contact,
    state: State,
}

/// The lines of a node, and the requests that wait for one.
#[derive(Debug)]
pub(crate) struct Pool {
    most: usize,
    next: u64,
    lines: BTreeMap<LineId, Line>,
    of_peer: BTreeMap<Contact, usize>,
    idle: BTreeSet<(Contact, LineId)>,
    busy: BTreeMap<RequestId, LineId>,
    waiting: VecDeque<Box<Job>>,
}

impl Pool {
    /// At most `most` lines.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            next: 0,
            lines: BTreeMap::new(),
            of_peer: BTreeMap::new(),
            idle: BTreeSet::new(),
            busy: BTreeMap::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Requests that wait for a line.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = RequestId> {
        self.waiting.iter().map(|job| job.request())
    }

    /// Whether a request waits for a line.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Takes a request. Returns it if too many wait.
    pub(crate) fn dial(&mut self, job: Box<Job>) -> Result<(), Box<Job>> {
        if self.waiting.len() >= WAITING {
            return Err(job);
        }
        self.waiting.push_back(job);
        Ok(())
    }

    /// The next thing to do, `None` when there is none for now. Whatever it says is taken as done.
    pub(crate) fn poll(&mut self) -> Option<Step> {
        for position in 0..self.waiting.len() {
            let job = self.waiting.get(position)?;
            let contact = job.contact;
            let reusable = if job.again { None } else { self.idle_line_of(&contact) };
            let step = if let Some(line) = reusable {
                let job = self.waiting.remove(position)?;
                self.set(line, State::Busy(job.request()));
                Step::Hand { line, job }
            } else if self.of_peer.get(&contact).copied().unwrap_or(0) >= LINES_PER_PEER {
                continue;
            } else if self.lines.len() < self.most {
                let job = self.waiting.remove(position)?;
                Step::Open { line: self.open(contact, job.request()), job }
            } else {
                let (_, line) = *self.idle.first()?;
                self.set(line, State::Closing);
                Step::Close { line }
            };
            return Some(step);
        }
        None
    }

    /// The answer to a line's request came: the line may carry another.
    pub(crate) fn answered(&mut self, line: LineId) {
        self.set(line, State::Idle);
    }

    /// A line has ended. Returns the request it carried, if it carried one.
    pub(crate) fn ended(&mut self, line: LineId) -> Option<RequestId> {
        let state = self.lines.get(&line)?.state;
        self.set(line, State::Closing);
        let contact = self.lines.remove(&line)?.contact;
        if let Some(count) = self.of_peer.get_mut(&contact) {
            *count -= 1;
            if *count == 0 {
                self.of_peer.remove(&contact);
            }
        }
        match state {
            State::Busy(request) => Some(request),
            State::Idle | State::Closing => None,
        }
    }

    /// A request was handed to a line that had closed meanwhile, and nothing of it was answered: it goes
    /// first, on a line of its own.
    pub(crate) fn again(&mut self, mut job: Box<Job>) {
        job.again = true;
        self.waiting.push_front(job);
    }

    /// Lets go of every idle line. Returns them, to be closed.
    pub(crate) fn close_idle(&mut self) -> Vec<LineId> {
        let idle: Vec<LineId> = self.idle.iter().map(|(_, line)| *line).collect();
        for line in &idle {
            self.set(*line, State::Closing);
        }
        idle
    }

    /// A request is not wanted any more. Returns the line to be closed, if it had one.
    pub(crate) fn withdraw(&mut self, request: RequestId) -> Option<LineId> {
        self.waiting.retain(|job| job.request() != request);
        let line = *self.busy.get(&request)?;
        self.set(line, State::Closing);
        Some(line)
    }

    fn idle_line_of(&self, contact: &Contact) -> Option<LineId> {
        let first = (*contact, LineId(0));
        let (found, line) = self.idle.range(first..).next()?;
        (found == contact).then_some(*line)
    }

    fn open(&mut self, contact: Contact, request: RequestId) -> LineId {
        let line = LineId(self.next);
        self.next += 1;
        self.lines.insert(line, Line { contact, state: State::Closing });
        *self.of_peer.entry(contact).or_default() += 1;
        self.set(line, State::Busy(request));
        line
    }

    fn set(&mut self, id: LineId, state: State) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        match line.state {
            State::Busy(request) => {
                self.busy.remove(&request);
            }
            State::Idle => {
                self.idle.remove(&(line.contact, id));
            }
            State::Closing => {}
        }
        match state {
            State::Busy(request) => {
                self.busy.insert(request, id);
            }
            State::Idle => {
                self.idle.insert((line.contact, id));
            }
            State::Closing => {}
        }
        line.state = state;
    }
}

#[cfg(test)]
mod tests;
