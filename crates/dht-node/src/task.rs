//! The one task of a node. It owns the peer, the store and the datagram socket, and dispatches.
//!
//! Invariants: it waits for nothing but the next input: whatever could take long (streams, hashing, a
//! socket that does not take more) is elsewhere or queued. After each input the peer's orders are carried
//! out to the last. Work taken up at a time is bounded, so that no source of input starves another.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use dht_proto::envelope::Sealed;
use dht_proto::{Contact, Message, Moment, Mosaic, NetworkId, NodeIdentity};
use dht_routing::{Bootstrapped, Command, Input, OperationId, Output, Peer, Route};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::control::{Cancelled, ORDERS, Order};
use crate::datagrams::{Datagrams, RECEIVE_ROOM};
use crate::hooks::Hooks;
use crate::keeper::Keeper;
use crate::node::JoinState;
use crate::operations::Operations;
use crate::storage::{Job as StoreJob, Storage};
use crate::streams::{Job, News, Streams};

mod news;

/// Datagrams taken from the socket before other inputs get their turn.
const RECEIVE_BATCH: usize = 32;

/// The task sleeps this long when nothing at all is waited for.
const IDLE: Duration = Duration::from_hours(1);

/// Everything a running node is.
pub(crate) struct Task {
    pub(crate) parts: Parts,
    pub(crate) operations: Operations,
    pub(crate) orders: mpsc::Receiver<Box<Order>>,
    pub(crate) cancelled: Arc<Cancelled>,
    pub(crate) joining: Joining,
    pub(crate) standing: Standing,
    pub(crate) stop: CancellationToken,
}

/// What does the work.
pub(crate) struct Parts {
    pub(crate) clock: Clock,
    pub(crate) peer: Peer,
    pub(crate) storage: Storage,
    pub(crate) datagrams: Datagrams,
    pub(crate) streams: Streams,
    pub(crate) keeper: Keeper,
    pub(crate) hooks: Hooks,
}

/// What of the status never changes.
pub(crate) struct Standing {
    pub(crate) node: NodeIdentity,
    pub(crate) addr: SocketAddr,
    pub(crate) network: NetworkId,
    pub(crate) receive_buffer: usize,
}

/// Whom to join through.
pub(crate) struct Invitation {
    /// Addresses that the application gave.
    pub(crate) bootstrap: Vec<SocketAddr>,
    /// Nodes known from an earlier run.
    pub(crate) known: Vec<Contact>,
}

/// The first attempt to join.
pub(crate) struct Joining {
    pub(crate) operation: Option<OperationId>,
    pub(crate) state: watch::Sender<JoinState>,
}

/// Where the loop goes on.
enum Turn {
    Order(Option<Box<Order>>),
    Cancelled,
    Readable,
    Writable,
    Streams(News),
    Stored(Vec<Input>),
    Decided(Box<Input>),
    Timer,
    Stop,
}

impl Task {
    /// Runs until it is told to stop or the last handle is gone. Boxed: a future keeps room for each place
    /// its arguments move to.
    pub(crate) async fn run(mut self: Box<Self>, invitation: Invitation) {
        self.tell_usage();
        self.join(invitation);
        let timer = sleep_until(Instant::now());
        tokio::pin!(timer);
        loop {
            self.parts.datagrams.settle();
            self.arm(timer.as_mut());
            let turn = tokio::select! {
                () = self.stop.cancelled() => Turn::Stop,
                order = self.orders.recv() => Turn::Order(order),
                () = self.cancelled.added() => Turn::Cancelled,
                _ = self.parts.datagrams.socket().readable() => Turn::Readable,
                _ = self.parts.datagrams.socket().writable(), if self.parts.datagrams.is_waiting() => Turn::Writable,
                news = self.parts.streams.news() => Turn::Streams(news),
                inputs = self.parts.storage.results() => Turn::Stored(inputs),
                input = self.parts.hooks.decided() => Turn::Decided(Box::new(input)),
                () = timer.as_mut() => Turn::Timer,
            };
            match turn {
                Turn::Order(Some(order)) => self.take_orders(*order),
                Turn::Cancelled => self.cancel(),
                Turn::Readable => self.receive(),
                Turn::Writable => self.parts.datagrams.flush(),
                Turn::Streams(news) => self.take_news(news),
                Turn::Stored(inputs) => self.take_results(inputs),
                Turn::Decided(input) => {
                    let now = self.parts.clock.now();
                    self.carry_out(now, Some(*input), VecDeque::new());
                }
                Turn::Timer => self.wake(),
                Turn::Stop | Turn::Order(None) => break,
            }
        }
        self.end().await;
    }

    /// Sets out to join. Without an address that the application wants to be asked, the node has joined at
    /// once, though those it knew before be gone.
    fn join(&mut self, invitation: Invitation) {
        let now = self.parts.clock.now();
        self.parts.keeper.begin(now);
        let Invitation { bootstrap, known } = invitation;
        let is_first = bootstrap.is_empty();
        if is_first {
            self.joining.state.send_replace(Some(Ok(Bootstrapped { contacts: 0 })));
        }
        if !is_first || !known.is_empty() {
            let command = Command::Bootstrap { addrs: bootstrap, known };
            if let (Ok(id), false) = (self.parts.peer.handle_command(now, command), is_first) {
                self.joining.operation = Some(id);
            }
        }
        self.carry_out(now, None, VecDeque::new());
    }

    /// Sets the timer to the next deadline. One that is only put off is left to fire early: most are put
    /// off before they come.
    fn arm(&self, timer: Pin<&mut Sleep>) {
        let deadlines = [
            self.parts.peer.poll_timeout(),
            self.parts.storage.sweep_due(),
            self.parts.streams.poll_timeout(),
            self.parts.keeper.poll_timeout(),
        ];
        let due = match deadlines.into_iter().flatten().min() {
            Some(moment) => self.parts.clock.instant(moment),
            None => Instant::now() + IDLE,
        };
        if timer.is_elapsed() || due < timer.deadline() {
            timer.reset(due);
        }
    }

    fn wake(&mut self) {
        let now = self.parts.clock.now();
        self.parts.storage.sweep(now);
        self.parts.keeper.handle_timeout(now, &self.parts.peer);
        if self.parts.peer.poll_timeout().is_some_and(|due| due <= now) {
            self.parts.peer.handle_timeout(now);
        }
        let mut inputs = VecDeque::new();
        self.parts.streams.handle_timeout(now, &mut inputs);
        self.carry_out(now, None, inputs);
    }

    fn take_orders(&mut self, first: Order) {
        let now = self.parts.clock.now();
        self.obey(now, first);
        for _ in 1..ORDERS {
            match self.orders.try_recv() {
                Ok(order) => self.obey(now, *order),
                Err(_) => break,
            }
        }
        self.carry_out(now, None, VecDeque::new());
    }

    /// Replies that nobody waits for any more are dropped: their callers are gone.
    fn obey(&mut self, now: Moment, order: Order) {
        match order {
            Order::Operate { reply, .. } if reply.is_closed() => {}
            Order::Operate { number, command, reply } => {
                if matches!(command, Command::Broadcast { .. }) {
                    self.parts.keeper.heard(now);
                }
                match self.parts.peer.handle_command(now, command) {
                    Ok(id) => self.operations.started(id, number, reply),
                    Err(busy) => drop(reply.send(Err(busy))),
                }
            }
            Order::Ask { answers, .. } if answers.is_closed() => {}
            Order::Ask { number, command, answers, started } => {
                let asked = self.parts.peer.handle_command(now, command);
                let asked = asked.map(|id| self.operations.asking(id, number, answers));
                // A caller that is gone has cancelled.
                let _ = started.send(asked);
            }
            Order::Status { reply } => drop(reply.send(self.status(now))),
            Order::Contacts { reply } => drop(reply.send(self.parts.peer.contacts().collect())),
            Order::Bans(order) => {
                if order.obey(&mut self.parts.peer, now) {
                    self.parts.keeper.soon(now);
                }
            }
            Order::Store(job) => self.have_stored(now, job, &mut VecDeque::new()),
        }
    }

    fn cancel(&mut self) {
        let now = self.parts.clock.now();
        for number in self.cancelled.take() {
            if let Some(id) = self.operations.cancelled(number) {
                self.parts.peer.cancel(now, id);
            }
        }
        self.carry_out(now, None, VecDeque::new());
    }

    fn receive(&mut self) {
        let mut room = [0; RECEIVE_ROOM];
        for _ in 0..RECEIVE_BATCH {
            let (length, source) = match self.parts.datagrams.socket().try_recv_from(&mut room) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // What an earlier datagram met on its way, on systems that tell it here.
                Err(_) => continue,
            };
            let Some(datagram) = room.get_mut(..length) else { continue };
            let now = self.parts.clock.now();
            let peer = &self.parts.peer;
            let banned = |sealed: &Sealed<'_>, ip| {
                let is_banned =
                    || peer.bans_address(now, ip) || peer.bans_node(now, &sealed.claimed_node());
                !peer.bans_nobody() && is_banned()
            };
            if let Some(input) = self.parts.datagrams.receive(now, source, datagram, banned) {
                self.carry_out(now, Some(input), VecDeque::new());
            }
        }
    }

    fn take_news(&mut self, news: News) {
        let now = self.parts.clock.now();
        let mut inputs = VecDeque::new();
        let Parts { peer, datagrams, streams, .. } = &mut self.parts;
        let mut turned_away = |node: Option<&NodeIdentity>, ip| {
            let is_banned =
                peer.bans_address(now, ip) || node.is_some_and(|node| peer.bans_node(now, node));
            datagrams.turned_away(is_banned)
        };
        streams.take(now, news, &mut inputs, &mut turned_away);
        self.carry_out(now, None, inputs);
    }

    /// Feeds `first` and `inputs` to the peer one by one, each after the orders that the one before it led to.
    fn carry_out(&mut self, now: Moment, first: Option<Input>, mut inputs: VecDeque<Input>) {
        let mut next = first;
        loop {
            while let Some(output) = self.parts.peer.poll_output() {
                self.obey_peer(now, output, &mut inputs);
            }
            let Some(input) = next.take().or_else(|| inputs.pop_front()) else { return };
            self.parts.peer.handle_input(now, input);
        }
    }

    fn obey_peer(&mut self, now: Moment, output: Output, inputs: &mut VecDeque<Input>) {
        match output {
            Output::Send { route: Route::Datagram(contact), message } => {
                self.parts.datagrams.send(now, contact, message);
            }
            Output::Send { route: Route::Dial(contact), message } => {
                self.dial(now, (contact, message), None, inputs);
            }
            Output::Gather { to, message, mosaic } => {
                self.dial(now, (to, message), Some(mosaic), inputs);
            }
            Output::Send { route: Route::Answer(stream), message } => {
                self.parts.streams.answer(stream, message);
            }
            Output::Greet { addr } => self.parts.datagrams.greet(now, addr),
            Output::Withdraw { request } => {
                self.parts.datagrams.withdraw(request);
                self.parts.streams.withdraw(request);
            }
            Output::Load { ticket, key, kinds, whole_up_to } => {
                let job = StoreJob::Load { ticket, key, kinds, whole_up_to };
                self.have_stored(now, job, inputs);
            }
            Output::Weigh { ticket, incoming, terms } => {
                self.have_stored(now, StoreJob::Weigh { ticket, incoming, terms }, inputs);
            }
            Output::Save { ticket, record, terms } => {
                self.have_stored(now, StoreJob::Save { ticket, record, terms }, inputs);
            }
            Output::Renew { slot, digest, terms } => {
                self.have_stored(now, StoreJob::Renew { slot, digest, terms }, inputs);
            }
            Output::List { ticket, from, limit } => {
                self.have_stored(now, StoreJob::Page { ticket, from, limit }, inputs);
            }
            Output::TakeStock { ticket, parts, effort } => {
                self.have_stored(now, StoreJob::TakeStock { ticket, parts, effort }, inputs);
            }
            Output::Deliver { ticket, broadcast } => {
                self.parts.keeper.heard(now);
                inputs.extend(self.parts.hooks.deliver(ticket, broadcast));
            }
            Output::Consult { ticket, consultation } => {
                inputs.extend(self.parts.hooks.consult(ticket, *consultation));
            }
            Output::Serve { ticket, service } => {
                inputs.extend(self.parts.hooks.serve(ticket, *service));
            }
            Output::Event(event) => self.publish(event),
        }
    }

    /// Sends a request by stream.
    fn dial(
        &mut self,
        now: Moment,
        (contact, message): (Contact, Message),
        mosaic: Option<Arc<Mosaic>>,
        inputs: &mut VecDeque<Input>,
    ) {
        let request = message.id;
        match self.parts.datagrams.channel(contact.node) {
            Some(channel) => {
                let job = Job { contact, message, channel, mosaic, again: false };
                self.parts.streams.dial(now, job, inputs);
            }
            None => inputs.push_back(Input::Unreachable { request }),
        }
    }

    /// Gives the store something to do, and `inputs` what it has done at once.
    fn have_stored(&mut self, now: Moment, job: StoreJob, inputs: &mut VecDeque<Input>) {
        inputs.extend(self.parts.storage.take(now, job));
        self.tell_usage();
    }

    fn take_results(&mut self, inputs: Vec<Input>) {
        let now = self.parts.clock.now();
        self.tell_usage();
        self.carry_out(now, None, inputs.into());
    }

    fn tell_usage(&mut self) {
        let usage = self.parts.storage.usage();
        self.parts.peer.set_usage(dht_routing::Usage {
            records: usage.records,
            bytes: usage.bytes,
            capacity: usage.capacity,
        });
    }

    async fn end(mut self: Box<Self>) {
        self.orders.close();
        // Their callers learn that the node has stopped.
        self.operations = Operations::default();
        self.parts.hooks.shutdown().await;
        self.parts.streams.shutdown().await;
        self.parts.storage.close().await;
        let now = self.parts.clock.now();
        self.parts.keeper.close(now, &self.parts.peer).await;
        tracing::info!(node = ?self.standing.node.id(), "Stopped");
    }
}
