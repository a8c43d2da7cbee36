//! The application's say in what this node keeps: when it is asked, and what follows from its verdict.

use dht_proto::limits::INLINE_VALUE_MAX;
use dht_proto::{Admission, Held, Moment, OfferAnswer, Purpose, Record, Refusal, Summary, Terms};

use super::{Effect, Peer};
use crate::application::{Intake, Offered, Subject, Whom};
use crate::operation::Happened;
use crate::responder::{Asker, Lookout, OfferBatch, Responder, Waiting};
use crate::{Consultation, OperationId, Output, Sender, Ticket, Verdict};

/// What a verdict comes to: the record is kept, in place of another name or not, or it is not kept.
pub(crate) type Ruling = Result<Replaces, Refusal>;

/// Whether a record takes the place of another value that lives under its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Replaces(pub(crate) bool);

impl Peer {
    /// Puts a record into our own store, if the application agrees.
    pub(super) fn keep(&mut self, intake: Intake) {
        if !self.config.consults {
            return self.save(intake);
        }
        let slot = intake.record.slot();
        let ticket = self.ticket(Effect::Weigh(Box::new(intake)));
        let (key, kinds) = (slot.key, slot.kind.into());
        self.put(Output::Load { ticket, key, kinds, whole_up_to: 0 });
    }

    /// Puts a record into our own store.
    pub(super) fn save(&mut self, Intake { whom, record, terms }: Intake) {
        let effect = match whom {
            Whom::Asker(asker) => {
                let then = Waiting::Saved(record.key());
                Effect::Answer(Box::new(Lookout { asker: *asker, then }))
            }
            Whom::Operation(id) | Whom::Mirror(id, _) => Effect::Operation(id),
        };
        let ticket = self.ticket(effect);
        self.put(Output::Save { ticket, record, terms });
    }

    /// Our own store told what is in the slot of a record that is to be kept.
    pub(super) fn weighed(&mut self, now: Moment, intake: Intake, found: Option<&Held>) {
        let Intake { whom, record, terms } = &intake;
        let incoming = Summary::of(record, terms);
        let existing = found.map(|held| held.summary);
        if !has_say(existing.as_ref(), &incoming, terms) {
            return self.save(intake);
        }
        let sender = match whom {
            Whom::Asker(asker) => sender_of(asker),
            Whom::Operation(_) => Sender::Ourselves,
            Whom::Mirror(_, from) => Sender::Node { node: from.node, addr: from.addr },
        };
        let record = Some(record.clone());
        let consultation = consultation(now, sender, (existing, incoming), terms, record);
        self.consult(now, consultation, Subject::Keep(intake));
    }

    /// Our own store told what is in the slot of a record that is offered. Gives the offer back if the
    /// application is not to be asked about it, or not yet.
    pub(super) fn weigh_offer(&mut self, now: Moment, offered: Offered) -> Option<Offered> {
        if !self.has_say_in(&offered) {
            return Some(offered);
        }
        let consultation = consultation_about(now, &offered);
        self.consult(now, consultation, Subject::Offer(offered));
        None
    }

    /// The same for the next one of several.
    pub(super) fn weigh_batch(
        &mut self,
        now: Moment,
        offered: Offered,
        batch: OfferBatch,
    ) -> Option<(Offered, OfferBatch)> {
        if !self.has_say_in(&offered) {
            return Some((offered, batch));
        }
        let consultation = consultation_about(now, &offered);
        self.consult(now, consultation, Subject::Batch(offered, batch));
        None
    }

    /// A store of our own is to take a name that lives with another value here.
    pub(super) fn claim(
        &mut self,
        now: Moment,
        operation: OperationId,
        (record, terms): (Record, &Terms),
        existing: Summary,
    ) {
        let summaries = (Some(existing), Summary::of(&record, terms));
        let consultation = consultation(now, Sender::Ourselves, summaries, terms, Some(record));
        self.consult(now, consultation, Subject::Claim(operation));
    }

    /// The application decided.
    pub(super) fn consulted(&mut self, now: Moment, ticket: Ticket, verdict: Option<Verdict>) {
        let subject = self.application.as_mut().and_then(|waiting| waiting.consulted(ticket));
        let Some(subject) = subject else { return };
        let ruling = match verdict {
            Some(Verdict::Accept) => Ok(Replaces(false)),
            Some(Verdict::Replace) => Ok(Replaces(true)),
            Some(Verdict::Refuse { reason }) => Err(Refusal::policy(&reason)),
            None => Err(Refusal::Busy),
        };
        self.ruled(now, *subject, ruling);
    }

    fn consult(&mut self, now: Moment, consultation: Consultation, subject: Subject) {
        let application = self.application.get_or_insert_default();
        if let Some(asker) = subject.asker() {
            application.working(now, asker);
        }
        if !application.may_consult(subject.asker(), self.config.consultations) {
            return self.ruled(now, subject, Err(Refusal::Busy));
        }
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        application.consult(now + self.config.verdict_time, ticket, subject);
        self.put(Output::Consult { ticket, consultation: Box::new(consultation) });
    }

    pub(super) fn ruled(&mut self, now: Moment, subject: Subject, ruling: Ruling) {
        match (subject, ruling) {
            (Subject::Keep(intake), Ok(Replaces(replaces))) => {
                // A mirror may have decided so already.
                let replaces = replaces || intake.terms.replaces;
                let terms = Terms { replaces, ..intake.terms };
                self.save(Intake { terms, ..intake });
            }
            (Subject::Keep(Intake { whom: Whom::Asker(asker), record, .. }), Err(refusal)) => {
                let reply = self.responder(now).refused(&asker, &record.key(), refusal);
                self.answer(now, &asker, reply);
            }
            (
                Subject::Keep(Intake { whom: Whom::Operation(id) | Whom::Mirror(id, _), .. }),
                Err(refusal),
            ) => self.tell(now, id, Happened::Saved(Err(refusal))),
            (Subject::Offer(offered), Ok(Replaces(replaces))) => {
                let terms = Terms { replaces, ..offered.terms };
                self.offer_weighed(now, &Offered { terms, ..offered });
            }
            (Subject::Offer(offered), Err(refusal)) => {
                let key = offered.incoming.slot.key;
                let reply = self.responder(now).refused(&offered.asker, &key, refusal);
                self.answer(now, &offered.asker, reply);
            }
            (Subject::Batch(offered, batch), Ok(Replaces(replaces))) => {
                let terms = Terms { replaces, ..offered.terms };
                self.batch_weighed(now, &Offered { terms, ..offered }, batch);
            }
            (Subject::Batch(offered, mut batch), Err(refusal)) => {
                batch.answer(OfferAnswer::Refused(refusal));
                self.look_for_offer(now, offered.asker, batch);
            }
            (Subject::Claim(id), ruling) => self.tell(now, id, Happened::Ruled(ruling)),
        }
    }

    /// Answers an offer by the rules.
    pub(super) fn offer_weighed(&mut self, now: Moment, offered: &Offered) {
        let Offered { asker, incoming, terms, existing } = offered;
        let (reply, renewed) =
            self.responder(now).compared(asker, existing.as_ref(), incoming, terms);
        if let (Some(terms), Some(existing)) = (renewed, existing) {
            let (slot, digest) = (existing.slot, existing.digest);
            self.put(Output::Renew { slot, digest, terms });
        }
        self.answer(now, asker, reply);
    }

    /// Notes the answer to the next one of several offers by the rules, and goes on with the one after it.
    pub(super) fn batch_weighed(&mut self, now: Moment, offered: &Offered, mut batch: OfferBatch) {
        let Offered { asker, incoming, terms, existing } = offered;
        let (answer, renewed) = Responder::judge(existing.as_ref(), incoming, terms);
        let (slot, digest) = (incoming.slot, incoming.digest);
        if let Some(terms) = renewed {
            self.put(Output::Renew { slot, digest, terms });
        }
        let is_wanted = answer == OfferAnswer::Wanted && batch.purpose() == Purpose::Replicate;
        let is_promised = is_wanted && !self.promises.ask(now, (slot, digest), asker.node.id());
        batch.answer(if is_promised { OfferAnswer::Have } else { answer });
        self.look_for_offer(now, *asker, batch);
    }

    /// Whether the application is asked about a record that is only offered: not where its value would come
    /// next in a message anyway, and would be asked about then.
    fn has_say_in(&self, offered: &Offered) -> bool {
        let Offered { incoming, terms, existing, .. } = offered;
        let admitted = dht_proto::admit(existing.as_ref(), incoming, terms);
        let comes_next = admitted == Ok(Admission::Insert) && incoming.size <= INLINE_VALUE_MAX;
        self.config.consults && !comes_next && has_say(existing.as_ref(), incoming, terms)
    }
}

/// Whether there is something for the application to decide: a change that the rules admit, or a name.
fn has_say(existing: Option<&Summary>, incoming: &Summary, terms: &Terms) -> bool {
    matches!(
        dht_proto::admit(existing, incoming, terms),
        Ok(Admission::Insert | Admission::Renew { .. }) | Err(Refusal::NameTaken)
    )
}

fn sender_of(asker: &Asker) -> Sender {
    Sender::Node { node: asker.node, addr: asker.source }
}

fn consultation_about(now: Moment, offered: &Offered) -> Consultation {
    let Offered { asker, incoming, terms, existing } = offered;
    consultation(now, sender_of(asker), (*existing, *incoming), terms, None)
}

fn consultation(
    now: Moment,
    sender: Sender,
    (existing, incoming): (Option<Summary>, Summary),
    terms: &Terms,
    record: Option<Record>,
) -> Consultation {
    let (purpose, remaining) = (terms.purpose, terms.expires.since(now));
    Consultation { sender, purpose, incoming, remaining, existing, record }
}
