//! The pool, told what happens and asked what to do.

use dht_proto::stream::Channel;
use dht_proto::{
    Body, Contact, Families, Load, LocalIdentity, Message, NetworkId, Nonce, Request, RequestId,
    Role,
};

use super::{Job, LINES_PER_PEER, LineId, Pool, Step, WAITING};

fn peer(number: u32) -> Contact {
    let local = LocalIdentity::from_parts([1; 32], Nonce(number));
    Contact::new(local.node(), ([127, 0, 0, 1], 3000).into())
}

fn job(request: u64, contact: Contact) -> Box<Job> {
    let body = Body::Request(Request::Ping);
    let id = RequestId(request);
    let message = Message { role: Role::Full, families: Families::V4, load: Load::NONE, id, body };
    let local = LocalIdentity::from_parts([2; 32], Nonce(0));
    let channel = Channel::new(&local, NetworkId::default(), contact.node).unwrap();
    Box::new(Job { contact, message, channel, mosaic: None, again: false })
}

fn dial(pool: &mut Pool, request: u64, contact: Contact) -> Option<Step> {
    pool.dial(job(request, contact)).unwrap();
    pool.poll()
}

#[track_caller]
fn expect_open(step: Option<Step>, request: u64) -> LineId {
    match step {
        Some(Step::Open { line, job }) if job.request() == RequestId(request) => line,
        other => panic!("expected to open a line for {request}, got {other:?}"),
    }
}

#[track_caller]
fn expect_hand(step: Option<Step>, request: u64) -> LineId {
    match step {
        Some(Step::Hand { line, job }) if job.request() == RequestId(request) => line,
        other => panic!("expected to hand over {request}, got {other:?}"),
    }
}

#[test]
fn an_answered_line_carries_the_next_request_to_its_peer() {
    let mut pool = Pool::new(10);
    let line = expect_open(dial(&mut pool, 1, peer(1)), 1);
    pool.answered(line);

    assert_eq!(expect_hand(dial(&mut pool, 2, peer(1)), 2), line);
    expect_open(dial(&mut pool, 3, peer(2)), 3);
    assert_eq!(pool.lines.len(), 2);
}

#[test]
fn lines_to_one_peer_are_bounded_and_do_not_hold_up_other_peers() {
    let mut pool = Pool::new(100);
    let mut lines = Vec::new();
    for request in 0..LINES_PER_PEER as u64 {
        lines.push(expect_open(dial(&mut pool, request, peer(1)), request));
    }
    assert!(dial(&mut pool, 50, peer(1)).is_none());
    expect_open(dial(&mut pool, 51, peer(2)), 51);

    pool.answered(lines[0]);
    assert_eq!(expect_hand(pool.poll(), 50), lines[0]);
}

#[test]
fn an_idle_line_gives_way_when_there_are_too_many() {
    let mut pool = Pool::new(1);
    let line = expect_open(dial(&mut pool, 1, peer(1)), 1);
    assert!(dial(&mut pool, 2, peer(2)).is_none(), "the only line is busy");

    pool.answered(line);
    assert!(matches!(pool.poll(), Some(Step::Close { line: closed }) if closed == line));
    assert!(pool.poll().is_none(), "it is asked to close once");
    assert_eq!(pool.ended(line), None);
    expect_open(pool.poll(), 2);
}

#[test]
fn a_withdrawn_request_closes_its_line_or_leaves_the_queue() {
    let mut pool = Pool::new(1);
    let line = expect_open(dial(&mut pool, 1, peer(1)), 1);
    assert!(dial(&mut pool, 2, peer(2)).is_none());

    assert_eq!(pool.withdraw(RequestId(2)), None);
    assert_eq!(pool.withdraw(RequestId(1)), Some(line));
    assert_eq!(pool.withdraw(RequestId(1)), None);
    assert_eq!(pool.ended(line), None, "nobody waits for it any more");
    assert!(pool.poll().is_none());
    assert_eq!(pool.lines.len(), 0);
}

#[test]
fn a_line_that_ends_names_the_request_it_carried() {
    let mut pool = Pool::new(1);
    let line = expect_open(dial(&mut pool, 1, peer(1)), 1);

    assert_eq!(pool.ended(line), Some(RequestId(1)));
    assert_eq!(pool.ended(line), None);
}

#[test]
fn a_request_whose_line_had_closed_goes_first_on_a_line_of_its_own() {
    let mut pool = Pool::new(3);
    let stale = expect_open(dial(&mut pool, 1, peer(1)), 1);
    let other = expect_open(dial(&mut pool, 2, peer(1)), 2);
    pool.answered(stale);
    let Some(Step::Hand { job, .. }) = dial(&mut pool, 3, peer(1)) else { panic!("not reused") };
    pool.answered(other);
    pool.dial(self::job(4, peer(3))).unwrap();

    assert_eq!(pool.ended(stale), Some(RequestId(3)));
    pool.again(job);
    expect_open(pool.poll(), 3);
    expect_open(pool.poll(), 4);
}

#[test]
fn no_more_requests_wait_than_the_bound() {
    let mut pool = Pool::new(0);
    for request in 0..WAITING as u64 {
        pool.dial(job(request, peer(1))).unwrap();
    }

    assert!(pool.dial(job(9_999, peer(1))).is_err());
    assert_eq!(pool.waiting().count(), WAITING);
    assert!(pool.poll().is_none());
}

#[test]
fn idle_lines_are_closed_when_the_system_runs_short() {
    let mut pool = Pool::new(10);
    let idle = expect_open(dial(&mut pool, 1, peer(1)), 1);
    expect_open(dial(&mut pool, 2, peer(2)), 2);
    pool.answered(idle);

    assert_eq!(pool.close_idle(), [idle]);
    assert_eq!(pool.close_idle(), []);
    expect_open(dial(&mut pool, 3, peer(1)), 3);
}
