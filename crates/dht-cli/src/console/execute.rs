//! Carries out commands on a node.

use std::cell::RefCell;

use dht_node::{Found, Key, KindSet, Node, Place, Sequence, StoreError, StoreReport};

use super::command::Command;
use super::known::Known;
use super::session::Reply;
use super::signer::Signer;
use super::view;
use super::{ask, bans};
use crate::address::{ConnectAddr, reachable};
use crate::stored;
use crate::whom::resolve;

/// Does what `command` says, and remembers in `known` what worked.
pub(super) async fn execute(
    node: &Node,
    signer: &Signer,
    command: Command,
    known: &RefCell<Known>,
) -> Result<Reply, String> {
    match command {
        Command::Help => Ok(Reply::Text(view::help())),
        Command::Quit => Ok(Reply::Quit),
        Command::Store(value) => {
            let report = node.store(value).await.map_err(|error| explain(&error))?;
            known.borrow_mut().learn_key(report.key);
            Ok(Reply::Text(holders(&report)))
        }
        Command::StoreAt(place, value) => {
            let report =
                node.store_at(place.clone(), value).await.map_err(|error| explain(&error))?;
            known.borrow_mut().learn_place(&place);
            Ok(Reply::Text(holders(&report)))
        }
        Command::Fetch(key) => {
            let found = node.fetch(key).await.map_err(text)?;
            known.borrow_mut().learn_key(key);
            Ok(value(found))
        }
        Command::FetchAt(place) => {
            let found = node.fetch_at(place.clone()).await.map_err(text)?;
            known.borrow_mut().learn_place(&place);
            Ok(value(found))
        }
        Command::Sign(path) => {
            let author = signer.load(&path).map_err(text)?;
            Ok(Reply::Text(format!("signing as {author}")))
        }
        Command::Publish(salt, value) => {
            Ok(version(signer.publish(node, &salt, value).await?, known))
        }
        Command::Retract(salt) => Ok(version(signer.retract(node, &salt).await?, known)),
        Command::Resolve(place) => Ok(value(place.resolve(node).await.map_err(text)?)),
        Command::Route => {
            let peers = node.peers().await.map_err(text)?;
            Ok(Reply::Text(view::route(node.id(), &peers)))
        }
        Command::List => {
            let held = node.stored_keys().await.map_err(text)?;
            Ok(Reply::Text(view::list(&held)))
        }
        Command::Drop(key) => drop_copies(node, key).await,
        Command::Info => {
            let status = node.info().await.map_err(text)?;
            Ok(Reply::Text(view::info(&status)))
        }
        Command::Ping(addr) => ping(node, addr).await,
        Command::Find(target) => find(node, target).await,
        Command::Ask(asked, request) => ask::ask(node, asked, request).await,
        Command::Bans(order) => bans::execute(node, order).await,
        Command::Broadcast(message) => {
            let report = node.broadcast(message).await.map_err(text)?;
            Ok(Reply::Text(view::broadcast(&report)))
        }
    }
}

async fn ping(node: &Node, target: ConnectAddr) -> Result<Reply, String> {
    let addr = resolve(node, target).await?;
    if addr == reachable(node.local_addr()) {
        return Ok(Reply::Text(format!("{} at {addr} is this node", node.id())));
    }
    let ponged = node.ping(addr).await.map_err(text)?;
    Ok(Reply::Text(view::ping(addr, &ponged)))
}

/// Drops the record of every kind at `key` from the node's own store.
async fn drop_copies(node: &Node, key: Key) -> Result<Reply, String> {
    let mut dropped = Vec::new();
    for kind in KindSet::ALL.iter() {
        if node.forget(key, kind).await.map_err(text)? {
            dropped.push(kind.to_string());
        }
    }
    if dropped.is_empty() {
        return Err("this node has nothing at this key".to_owned());
    }
    Ok(Reply::Text(format!("dropped: {}", dropped.join(", "))))
}

async fn find(node: &Node, target: Key) -> Result<Reply, String> {
    let nodes = node.find_node(target).await.map_err(text)?;
    if nodes.is_empty() {
        return Err("no node answered".to_owned());
    }
    Ok(Reply::Text(view::closest(target, &nodes)))
}

/// `<key> 16`, or `<key> 3 (only 3 nodes found)`.
fn holders(report: &StoreReport) -> String {
    let StoreReport { key, holders, .. } = report;
    match stored::shortfall(report) {
        Some(reason) => format!("{key} {} ({reason})", holders.len()),
        None => format!("{key} {}", holders.len()),
    }
}

/// A version that was stored, of a record whose key is remembered.
fn version((report, sequence): (StoreReport, Sequence), known: &RefCell<Known>) -> Reply {
    known.borrow_mut().learn_key(report.key);
    Reply::Text(format!("{}, sequence {sequence}", holders(&report)))
}

fn value(found: Found) -> Reply {
    Reply::Value(found.into_bytes())
}

fn explain(error: &StoreError) -> String {
    match error {
        StoreError::NameTaken(report) => {
            format!("name is taken: another value lives at {}{}", Place::KEY_PREFIX, report.key)
        }
        error => error.to_string(),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
