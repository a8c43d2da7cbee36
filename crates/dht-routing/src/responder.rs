//! Answering: what each request gets, within what may be sent back.
//!
//! It decides; the peer sends. Requests that need our own store come back as [`Lookout`]s, to be answered
//! once the store has.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use dht_proto::limits::{DATAGRAM_MAX, INLINE_VALUE_MAX, REFLECTION_FACTOR, VALUE_MAX};
use dht_proto::{
    Body, ErrorCode, Families, Held, Inspection, Key, Kind, KindSet, Load, Mention, Message,
    Moment, NodeId, NodeIdentity, OfferAnswer, OfferDetails, Purpose, Record, Refusal, Reply,
    Request, RequestId, Role, RoughRtt, Scope, Sequence, Slot, Summary, Terms, Ttl,
};

use crate::caching::{self, Caching};
use crate::table::Entry;
use crate::{Config, Route, RoutingTable};

mod many;
pub(crate) mod source;

pub(crate) use many::{Comparison, LIST_PAGE, Look, OfferBatch};
pub(crate) use source::of as source_of;

/// Who asked, and what may be told to them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker {
    pub(crate) node: NodeIdentity,
    pub(crate) families: Families,
    /// Where the request came from.
    pub(crate) source: SocketAddr,
    /// Where the reply goes.
    pub(crate) route: Route,
    /// Ties the reply to the request.
    pub(crate) id: RequestId,
    /// Bytes the reply may have.
    pub(crate) budget: usize,
}

impl Asker {
    /// Bytes that may be sent back: anything on a stream or to an address that is known to receive what is
    /// sent there, else three times what came.
    pub(crate) fn budget(streamed: bool, proven: bool, length: usize) -> usize {
        if streamed {
            usize::MAX
        } else if proven {
            DATAGRAM_MAX
        } else {
            DATAGRAM_MAX.min(length.saturating_mul(REFLECTION_FACTOR))
        }
    }
}

/// What a request leads to.
#[derive(Debug)]
pub(crate) enum Response {
    /// An answer at once.
    Reply(Reply),
    /// Our own store is asked first.
    Load { key: Key, kinds: KindSet, whole_up_to: usize, then: Then },
    /// Our own store is asked first whether it would keep what is offered.
    Weigh { incoming: Box<Summary>, terms: Box<Terms> },
    /// Our own store keeps it, or not.
    Save { record: Record, terms: Terms },
    /// Our own store is asked about many records.
    Look(Waiting),
    /// The application answers.
    Serve { payload: Bytes },
}

/// What to do with what our own store found.
#[derive(Debug, Clone)]
pub(crate) enum Then {
    /// Tell it, or who may know more.
    Fetch { key: Key },
    /// Send it.
    Download { key: Key },
}

/// An asker waiting for our own store.
#[derive(Debug, Clone)]
pub(crate) struct Lookout {
    pub(crate) asker: Asker,
    pub(crate) then: Waiting,
}

/// What an asker waits for.
#[derive(Debug, Clone)]
pub(crate) enum Waiting {
    /// A load.
    Loaded(Then),
    /// What our own store would do with what is offered.
    Weighed(Box<Summary>, Box<Terms>),
    /// A save of a record at this key.
    Saved(Key),
    /// The same of each of many, one after the other.
    Offered(OfferBatch),
    /// All that is held in some parts of the space.
    Compared(Comparison),
    /// What is held from a slot on.
    Listed(Slot),
}

/// Reads what it answers from.
pub(crate) struct Responder<'a> {
    pub(crate) now: Moment,
    pub(crate) config: &'a Config,
    pub(crate) local: NodeId,
    /// How busy we are.
    pub(crate) load: Load,
    pub(crate) table: &'a RoutingTable,
    pub(crate) caching: Option<&'a Caching>,
    /// Bytes of values that our own store holds at most.
    pub(crate) capacity: u64,
}

impl Responder<'_> {
    /// Decides what `request` gets.
    pub(crate) fn respond(
        &self,
        asker: &Asker,
        request: Request,
        inspect: impl FnOnce() -> Inspection,
    ) -> Response {
        let holds = self.config.role == Role::Full;
        match request {
            Request::Ping => Response::Reply(Reply::Pong { observed: asker.source }),
            Request::Inspect => Response::Reply(Reply::Inspection(inspect())),
            Request::FindNode { target } if holds => Response::Reply(self.nodes(asker, &target)),
            Request::Fetch { key, kinds } if holds => Response::Load {
                key,
                kinds,
                whole_up_to: INLINE_VALUE_MAX,
                then: Then::Fetch { key },
            },
            Request::Download { slot, .. } if holds => Response::Load {
                key: slot.key,
                kinds: slot.kind.into(),
                whole_up_to: VALUE_MAX,
                then: Then::Download { key: slot.key },
            },
            Request::Offer { details, ttl, purpose, expected } => {
                self.offered(asker, &details, ttl, purpose, expected)
            }
            Request::Store { record, ttl, purpose, expected } => {
                let (slot, terms) = (record.slot(), self.terms(asker, ttl, purpose, expected));
                match self.admitted(slot, record.size(), terms) {
                    Ok(terms) => Response::Save { record, terms },
                    Err(refusal) => Response::Reply(self.refused(asker, &slot.key, refusal)),
                }
            }
            Request::OfferMany { purpose, offers } if holds => {
                Response::Look(Waiting::Offered(OfferBatch::new(purpose, offers)))
            }
            Request::Reconcile { cells } if holds => {
                Response::Look(Waiting::Compared(Comparison::new(cells)))
            }
            Request::List { from } if holds && self.config.tells_records => {
                Response::Look(Waiting::Listed(from))
            }
            Request::List { .. } if holds => {
                let text = "this node does not tell what it holds".to_owned();
                Response::Reply(Reply::Error { code: ErrorCode::Unwilling, text })
            }
            Request::Custom { payload } if holds && self.config.serves => {
                Response::Serve { payload }
            }
            Request::Custom { .. } if holds => Response::Reply(Reply::Error {
                code: ErrorCode::Unsupported,
                text: "no application answers here".to_owned(),
            }),
            _ => Response::Reply(Reply::Error {
                code: ErrorCode::Unsupported,
                text: "this node is a client".to_owned(),
            }),
        }
    }

    /// Answers a store.
    pub(crate) fn saved(&self, asker: &Asker, key: &Key, result: Result<(), Refusal>) -> Reply {
        match result {
            Ok(()) => self.with_closer(Reply::Stored { closer: Vec::new() }, asker, key),
            Err(refusal) => self.refused(asker, key, refusal),
        }
    }

    fn offered(
        &self,
        asker: &Asker,
        details: &OfferDetails,
        ttl: Ttl,
        purpose: Purpose,
        expected: Option<Sequence>,
    ) -> Response {
        let key = details.slot.key;
        let terms = self.terms(asker, ttl, purpose, expected);
        match self.incoming(details, terms) {
            Err(refusal) => Response::Reply(self.refused(asker, &key, refusal)),
            Ok((incoming, terms)) => {
                Response::Weigh { incoming: Box::new(incoming), terms: Box::new(terms) }
            }
        }
    }

    /// What an offered record would be in our store, and on which terms, unless it is not even to be compared.
    fn incoming(&self, details: &OfferDetails, terms: Terms) -> Result<(Summary, Terms), Refusal> {
        let size = usize::try_from(details.size).unwrap_or(usize::MAX);
        let terms = self.admitted(details.slot, size, terms)?;
        let summary = Summary {
            slot: details.slot,
            size,
            digest: details.digest,
            sequence: details.sequence,
            expires: terms.expires,
            custody: terms.custody,
        };
        Ok((summary, terms))
    }

    /// The terms on which a record that is sent or offered may be looked at. How long a copy lives is for us to
    /// say, not for whoever sends it.
    fn admitted(&self, slot: Slot, size: usize, terms: Terms) -> Result<Terms, Refusal> {
        if let Some(refusal) = self.objection(size) {
            return Err(refusal);
        }
        if terms.purpose != Purpose::Cache {
            return Ok(terms);
        }
        let room = (size, self.capacity);
        let wanted = slot.kind == Kind::Content
            && self.caching.is_some_and(|caching| caching.may_take(self.now, &slot.key, room));
        let life = if wanted { self.life(&slot.key) } else { None };
        let Some(life) = life else {
            return Err(Refusal::Policy { reason: "this copy was not asked for".to_owned() });
        };
        Ok(Terms { expires: terms.expires.min(self.now + life), ..terms })
    }

    /// How long a copy of what lives at `key` would live here, if we keep any.
    pub(crate) fn life(&self, key: &Key) -> Option<Duration> {
        caching::life(self.table, &self.local, self.config.k, key)
    }

    /// How a record that another node sends is kept here.
    fn terms(
        &self,
        asker: &Asker,
        ttl: Ttl,
        purpose: Purpose,
        expected: Option<Sequence>,
    ) -> Terms {
        let expires = ttl.ends(self.now);
        let custody = purpose.custody(expires);
        let source = source_of(asker.source, &asker.node);
        Terms { expires, purpose, custody, source, expected, replaces: false }
    }

    pub(crate) fn compared(
        &self,
        asker: &Asker,
        existing: Option<&Summary>,
        incoming: &Summary,
        terms: &Terms,
    ) -> (Reply, Option<Terms>) {
        let closer = Vec::new();
        let (answer, renewed) = Self::judge(existing, incoming, terms);
        let reply = match answer {
            OfferAnswer::Wanted => Reply::Wanted { closer },
            OfferAnswer::Have => Reply::Have { closer },
            OfferAnswer::Refused(refusal) => Reply::Refused { refusal, closer },
        };
        (self.with_closer(reply, asker, &incoming.slot.key), renewed)
    }

    /// Answers a fetch; `is_wanted` says that we would keep a copy of what was not found.
    pub(crate) fn fetched(
        &self,
        asker: &Asker,
        key: &Key,
        found: Option<Held>,
        is_wanted: bool,
    ) -> Reply {
        let live = found.and_then(|held| Some((held.summary.life_left(self.now)?, held)));
        let Some((ttl, held)) = live else {
            // The oldest of a crowded bucket are known to everybody: if all named them, all would ask them first.
            let mut entries = self.tellable(asker, key);
            entries.retain(|entry| !self.table.is_elder(entry));
            let closer = Vec::new();
            let reply = if is_wanted { Reply::Wanting { closer } } else { Reply::Nodes { closer } };
            let told = |entry: &Entry<'_>, rtt| entry.burden().weigh(rtt);
            return self.fill(asker, reply, mentions(&entries, told));
        };
        let Held { summary, record } = held;
        if let Some(record) = record.filter(Record::is_inline) {
            let reply = Reply::Found { record, ttl, closer: Vec::new() };
            if self.message(asker, reply.clone()).datagram_len() <= asker.budget {
                return self.with_closer(reply, asker, key);
            }
        }
        let details = OfferDetails {
            slot: summary.slot,
            size: u32::try_from(summary.size).unwrap_or(u32::MAX),
            digest: summary.digest,
            sequence: summary.sequence,
        };
        self.with_closer(Reply::Held { details, ttl, closer: Vec::new() }, asker, key)
    }

    pub(crate) fn downloaded(&self, asker: &Asker, key: &Key, found: Option<Held>) -> Reply {
        let whole = found.and_then(|held| Some((held.record?, held.summary.life_left(self.now)?)));
        match whole {
            Some((record, ttl)) => Reply::Found { record, ttl, closer: Vec::new() },
            None => self.nodes(asker, key),
        }
    }

    /// Why a value of `size` bytes is not even looked at.
    fn objection(&self, size: usize) -> Option<Refusal> {
        if self.config.role == Role::Client {
            Some(Refusal::NotStoring)
        } else if size > self.config.item_limit {
            let limit = u32::try_from(self.config.item_limit).unwrap_or(u32::MAX);
            Some(Refusal::TooLarge { limit })
        } else {
            None
        }
    }

    pub(crate) fn refused(&self, asker: &Asker, key: &Key, refusal: Refusal) -> Reply {
        self.with_closer(Reply::Refused { refusal, closer: Vec::new() }, asker, key)
    }

    /// Fills in the nodes closer to `key` than ourselves, as many as there is room for.
    fn with_closer(&self, reply: Reply, asker: &Asker, key: &Key) -> Reply {
        let mut entries = self.tellable(asker, key);
        entries.retain(|entry| self.table.is_closer(key, entry));
        self.fill(asker, reply, mentions(&entries, |_, rtt| rtt))
    }

    /// The closest nodes to `key` that we know, as many as there is room for.
    fn nodes(&self, asker: &Asker, key: &Key) -> Reply {
        let mentions = mentions(&self.tellable(asker, key), |_, rtt| rtt);
        self.fill(asker, Reply::Nodes { closer: Vec::new() }, mentions)
    }

    /// Puts as many of `contacts` into `reply` as may be sent.
    fn fill(&self, asker: &Asker, mut reply: Reply, mut contacts: Vec<Mention>) -> Reply {
        let message = self.message(asker, reply.clone());
        contacts.truncate(message.contacts_that_fit(&contacts, asker.budget));
        if let Some(closer) = reply.closer_mut() {
            *closer = contacts;
        }
        reply
    }

    /// The message that carries `reply`.
    pub(crate) fn message(&self, asker: &Asker, reply: Reply) -> Message {
        let Config { role, families, .. } = *self.config;
        Message { role, families, load: self.load, id: asker.id, body: Body::Reply(reply) }
    }

    /// The k closest nodes that the asker can use, and that are not the asker.
    fn tellable(&self, asker: &Asker, key: &Key) -> Vec<Entry<'_>> {
        let asker_scope = Scope::of(asker.source.ip());
        self.table.closest_entries(key, self.config.k, |entry| {
            let ip = entry.addr().ip();
            let reaches = match (asker_scope, Scope::of(ip)) {
                (Some(asker), Some(contact)) => asker.may_exchange(contact),
                _ => false,
            };
            reaches && asker.families.include(ip) && !entry.is(&asker.node)
        })
    }
}

/// What a reply says of `entries`, and `told` of our round trips to them.
fn mentions(
    entries: &[Entry<'_>],
    told: impl Fn(&Entry<'_>, Duration) -> Duration,
) -> Vec<Mention> {
    let mention = |entry: &Entry<'_>| {
        entry.mention(entry.rtt().smoothed().map(|rtt| RoughRtt::new(told(entry, rtt))))
    };
    entries.iter().map(mention).collect()
}
