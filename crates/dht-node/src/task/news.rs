//! What a node's task tells: news of the peer, to handles and the log, and figures.

use dht_proto::Moment;
use dht_routing::{Ban, Event, MirrorRound, Outcome};

use super::Task;
use crate::{JoinError, NodeStatus};

impl Task {
    pub(super) fn publish(&mut self, event: Event) {
        let node = self.standing.node.id();
        match event {
            Event::Finished { operation, outcome: Outcome::Bootstrapped(result) }
                if self.joining.operation == Some(operation) =>
            {
                match &result {
                    Ok(joined) => tracing::info!(?node, contacts = joined.contacts, "Joined"),
                    Err(error) => tracing::warn!(?node, %error, "Not joined, trying on"),
                }
                self.parts.keeper.hurry(self.parts.clock.now());
                self.joining.operation = None;
                self.joining.state.send_replace(Some(result.map_err(JoinError::from)));
            }
            Event::Finished { operation, outcome } => self.operations.finished(operation, outcome),
            Event::Answered { operation, answer } => self.operations.answered(operation, *answer),
            Event::Joined(contact) => tracing::debug!(?node, %contact, "contact joined"),
            Event::Left(contact) => tracing::debug!(?node, %contact, "contact left"),
            Event::Mirrored(round) => {
                let MirrorRound { told, held, refused, took, .. } = round;
                tracing::info!(?node, told, held, refused, ?took, "Mirrored the network");
            }
            Event::Banned(Ban { suspect, offence, .. }) => {
                let offence = offence.map(tracing::field::display);
                tracing::warn!(?node, %suspect, offence, "Banned");
                self.parts.keeper.soon(self.parts.clock.now());
            }
            Event::Isolated => {
                tracing::warn!(?node, "No node answers any more, trying to join again");
            }
        }
    }

    pub(super) fn status(&self, now: Moment) -> NodeStatus {
        let figures = self.parts.peer.status();
        let (traffic, mut dropped) = self.parts.datagrams.figures();
        self.parts.streams.count(&mut dropped);
        NodeStatus {
            node: self.standing.node,
            addr: self.standing.addr,
            network: self.standing.network,
            uptime: now.since(self.parts.clock.started()),
            contacts: figures.contacts,
            operations: figures.operations,
            requests: figures.requests,
            network_size: figures.network_size,
            store: self.parts.storage.usage(),
            streams: self.parts.streams.len(),
            receive_buffer: self.standing.receive_buffer,
            traffic,
            dropped,
            mirror: self.parts.peer.mirror(now),
            hooks: self.parts.hooks.status(),
        }
    }
}
