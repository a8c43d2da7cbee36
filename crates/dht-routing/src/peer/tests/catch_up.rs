//! Catching up on broadcasts: what a peer that has come, or come back, asks for and gets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dht_proto::limits::BROADCASTS_MAX;
use dht_proto::{
    AuthorKey, AuthorSecret, Broadcast, BroadcastEntry, BroadcastId, BroadcastVerdict, NetworkId,
    SentAt,
};

use super::*;
use crate::HeardBroadcast;

const NOW: Moment = Moment::from_secs(1_000);

/// What nodes 1 to 8 have, the newest first: of one author, of whom no node would take so many at once.
fn archive(count: u64) -> Vec<Arc<Broadcast>> {
    let secret = AuthorSecret::from_seed(&[3; 32]);
    let sign = |number: u64| {
        let sent = SentAt(SentAt::of(NOW).0 - 100 * number);
        Broadcast::sign(&secret, NetworkId::default(), sent, vec![7; 10].into()).unwrap()
    };
    (1..=count).map(sign).map(Arc::new).collect()
}

fn member(number: u32) -> Contact {
    contact(number, "127.0.0.1:1000")
}

/// A peer, and nodes that answer it at once.
struct Scene {
    peer: Peer,
    archive: Vec<Arc<Broadcast>>,
    /// How often each was given to the application.
    delivered: BTreeMap<BroadcastId, usize>,
    /// In which order.
    order: Vec<BroadcastId>,
    /// Nodes that were asked what they have.
    asked: Vec<Contact>,
    /// Requests that were sent for the sake of broadcasts.
    requests: Vec<Request>,
}

impl Scene {
    fn new(config: ConfigBuilder, archive: Vec<Arc<Broadcast>>) -> Self {
        let peer = Peer::new(config.build().unwrap(), identity(0), Seed([1; 32]), NOW);
        let (delivered, order) = (BTreeMap::new(), Vec::new());
        Self { peer, archive, delivered, order, asked: Vec::new(), requests: Vec::new() }
    }

    /// Joins through node 1, which names the others.
    fn join(&mut self) {
        let command = Command::Bootstrap { addrs: vec![], known: vec![member(1)] };
        self.peer.handle_command(NOW, command).unwrap();
        self.answer_all(NOW);
    }

    /// Answers until nothing is asked any more.
    fn answer_all(&mut self, now: Moment) {
        loop {
            let outputs = outputs(&mut self.peer);
            if outputs.is_empty() {
                return;
            }
            for output in outputs {
                match output {
                    Output::Deliver { ticket, broadcast } => {
                        *self.delivered.entry(broadcast.id()).or_default() += 1;
                        self.order.push(broadcast.id());
                        self.peer.handle_input(now, Input::Delivered { ticket, forward: true });
                    }
                    Output::Send {
                        route: Route::Datagram(to),
                        message: Message { id, body: Body::Request(request), .. },
                    } => {
                        let reply = self.reply(&to, &request);
                        answer(&mut self.peer, now, &to, id, reply);
                    }
                    _ => {}
                }
            }
        }
    }

    fn reply(&mut self, to: &Contact, request: &Request) -> Reply {
        match request {
            Request::Ping => return pong(),
            Request::FindNode { .. } => {
                let closer = (1..=8).map(|number| member(number).into()).collect();
                return Reply::Nodes { closer };
            }
            _ => self.requests.push(request.clone()),
        }
        match request {
            Request::CompareBroadcasts { held, skip } => {
                if *skip == 0 {
                    self.asked.push(*to);
                }
                let others = self.archive.iter().filter(|one| !held.contains(&one.id()));
                let others = others.skip(usize::try_from(*skip).unwrap()).take(BROADCASTS_MAX);
                let more = others.map(|one| BroadcastEntry::of(one)).collect();
                let verdicts = vec![BroadcastVerdict::Have; held.len()];
                Reply::BroadcastsCompared { verdicts, more }
            }
            Request::PullBroadcast { id } => {
                let found = self.archive.iter().find(|one| one.id() == *id);
                Reply::BroadcastPulled { broadcast: found.cloned() }
            }
            other => panic!("{other:?} was asked"),
        }
    }

    /// Lets time pass, with answers to everything.
    fn run(&mut self, mut now: Moment, span: Duration) -> Moment {
        let end = now + span;
        while let Some(due) = self.peer.poll_timeout().filter(|due| *due <= end) {
            now = due.max(now);
            self.peer.handle_timeout(now);
            self.answer_all(now);
        }
        end
    }
}

fn listening() -> ConfigBuilder {
    config().delivers_broadcasts(true)
}

#[test]
fn a_newcomer_gets_what_was_sent_before_it_came_once_the_oldest_first() {
    let mut scene = Scene::new(listening(), archive(100));
    scene.join();
    let oldest_first: Vec<BroadcastId> = scene.archive.iter().rev().map(|one| one.id()).collect();
    assert_eq!(scene.order, oldest_first);
    let asked = scene.asked.len();
    assert_eq!(asked, 4, "{:?}", scene.asked);
    scene.run(NOW, Duration::from_mins(1));
    assert!(scene.delivered.values().all(|count| *count == 1));
    assert_eq!((scene.asked.len(), scene.order.len()), (7, 100));
}

#[test]
fn what_was_caught_up_is_given_to_others_but_neither_handed_on_nor_compared() {
    let mut scene = Scene::new(listening(), archive(3));
    scene.join();
    scene.run(NOW, Duration::from_mins(3));
    let is_compared = |request: &&Request| matches!(request, Request::CompareBroadcasts { .. });
    // Seven nodes were asked, and each of the first four for a second page.
    assert_eq!(scene.requests.iter().filter(is_compared).count(), 7 + 4);
    let pulls = |request: &&Request| matches!(request, Request::PullBroadcast { .. });
    assert_eq!(scene.requests.iter().filter(pulls).count(), 3);
    let id = scene.archive[0].id();
    ask(&mut scene.peer, &member(99), Request::PullBroadcast { id });
    let Reply::BroadcastPulled { broadcast: Some(given) } = expect_reply(&mut scene.peer) else {
        panic!("it is kept for others")
    };
    assert_eq!(given, scene.archive[0]);
}

/// What an earlier run of a peer that had heard all of `archive` left.
fn left_by_a_run(archive: &[Arc<Broadcast>]) -> Vec<HeardBroadcast> {
    let mut scene = Scene::new(listening(), archive.to_vec());
    scene.join();
    assert_eq!(scene.delivered.len(), archive.len());
    scene.peer.heard_broadcasts(NOW).collect()
}

#[test]
fn who_starts_again_gets_nothing_that_it_has_heard_and_all_that_it_has_not() {
    let archive = archive(50);
    let heard = left_by_a_run(&archive[10..]);
    assert_eq!(heard.len(), 40);
    let mut scene = Scene::new(listening(), archive.clone());
    for heard in heard {
        assert!(scene.peer.recall_broadcast(NOW, heard));
        assert!(!scene.peer.recall_broadcast(NOW, heard), "once is enough");
    }
    scene.join();
    let request = Request::Broadcast { broadcast: archive[20].clone(), depth: 0 };
    ask(&mut scene.peer, &member(1), request);
    scene.answer_all(NOW);
    scene.run(NOW, Duration::from_mins(1));
    let unheard: Vec<BroadcastId> = archive[..10].iter().rev().map(|one| one.id()).collect();
    assert_eq!(scene.order, unheard);
    assert_eq!(scene.peer.heard_broadcasts(NOW).count(), 50);
}

#[test]
fn what_an_earlier_run_made_itself_is_not_given_to_its_application() {
    let mut scene = Scene::new(listening(), Vec::new());
    scene.join();
    let secret = AuthorSecret::from_seed(&[3; 32]);
    let payload = vec![7; 10].into();
    scene.peer.handle_command(NOW, Command::Broadcast { secret, payload }).unwrap();
    let heard: Vec<HeardBroadcast> = scene.peer.heard_broadcasts(NOW).collect();
    let [own] = heard[..] else { panic!("{heard:?}") };
    assert_eq!(own.author, AuthorSecret::from_seed(&[3; 32]).author());
}

#[test]
fn what_is_recalled_is_forgotten_when_it_would_not_be_taken_any_more() {
    let heard = left_by_a_run(&archive(3));
    let peer = || Scene::new(listening(), Vec::new()).peer;
    let expired = heard.iter().map(|heard| heard.sent.expires()).max().unwrap();
    let mut late = peer();
    assert!(!heard.iter().any(|heard| late.recall_broadcast(expired, *heard)));
    let ahead = HeardBroadcast { sent: SentAt(u64::MAX), ..heard[0] };
    assert!(!late.recall_broadcast(NOW, ahead) && late.broadcasts.is_none());

    let mut peer = peer();
    assert!(heard.iter().all(|heard| peer.recall_broadcast(NOW, *heard)));
    assert_eq!(peer.poll_timeout(), Some(expired));
    peer.handle_timeout(expired);
    assert!(peer.broadcasts.is_none());
}

#[test]
fn no_more_is_recalled_than_is_remembered_of_one_author_and_of_all() {
    let mut peer = Scene::new(listening(), Vec::new()).peer;
    let mut number = 0_u128;
    let mut recalled = |author: u8| {
        let recall = |_| {
            number += 1;
            let id = BroadcastId::from_bytes(number.to_be_bytes());
            let author = AuthorKey::from_bytes([author; 32]);
            peer.recall_broadcast(NOW, HeardBroadcast { id, author, sent: SentAt::of(NOW) })
        };
        (0..1_500).map(recall).filter(|is_recalled| *is_recalled).count()
    };
    assert_eq!(recalled(1), 1_024);
    assert_eq!((2..20).map(recalled).sum::<usize>(), 8_192 - 1_024);
}

#[test]
fn where_nothing_was_sent_nothing_is_left_of_catching_up() {
    let mut scene = Scene::new(listening(), Vec::new());
    scene.join();
    assert!(scene.peer.broadcasts.is_some(), "there is a second round");
    scene.run(NOW, Duration::from_secs(20));
    assert!(scene.peer.broadcasts.is_none());
    assert_eq!(scene.requests.len(), 7);
}

#[test]
fn who_has_nobody_to_give_broadcasts_to_does_not_catch_up() {
    for config in [config(), listening().role(Role::Client)] {
        let mut scene = Scene::new(config, archive(3));
        scene.join();
        scene.run(NOW, Duration::from_mins(1));
        assert!(scene.requests.is_empty() && scene.peer.broadcasts.is_none());
    }
}

#[test]
fn a_node_whose_network_was_down_catches_up_when_somebody_answers_again() {
    let mut scene = Scene::new(listening(), Vec::new());
    scene.join();
    let mut now = scene.run(NOW, Duration::from_mins(1));
    assert!(scene.peer.broadcasts.is_none());
    scene.archive = archive(5);
    scene.asked.clear();
    // Nobody answers until we take ourselves for cut off.
    let down = now;
    let isolated = loop {
        let target = Key::named(&now.as_micros().to_le_bytes());
        scene.peer.handle_command(now, Command::FindNode { target }).unwrap();
        now = scene.peer.poll_timeout().map_or(now, |due| due.max(now + Duration::from_secs(1)));
        scene.peer.handle_timeout(now);
        let outputs = outputs(&mut scene.peer);
        if outputs.iter().any(|output| matches!(output, Output::Event(Event::Isolated))) {
            break now;
        }
        assert!(now < down + Duration::from_mins(5), "never isolated");
    };
    assert!(scene.asked.is_empty());
    scene.run(isolated, Duration::from_mins(2));
    assert_eq!(scene.delivered.len(), 5);
    assert!(scene.delivered.values().all(|count| *count == 1));
}

#[test]
fn pages_of_an_answer_name_older_broadcasts() {
    let mut scene = Scene::new(listening(), archive(80));
    scene.join();
    let page = |peer: &mut Peer, skip| {
        let request = Request::CompareBroadcasts { held: Vec::new(), skip };
        let via = Via::Datagram { source: member(9).addr, length: 1_200, proven: true };
        let body = Body::Request(request);
        let message = Message {
            role: Role::Full,
            families: Families::V4,
            load: Load::NONE,
            id: RequestId(1),
            body,
        };
        peer.handle_input(NOW, Input::Received { from: member(9).node, via, message });
        let replies = outputs(peer).into_iter().find_map(|output| match output {
            Output::Send {
                message: Message { body: Body::Reply(Reply::BroadcastsCompared { more, .. }), .. },
                ..
            } => Some(more),
            _ => None,
        });
        replies.unwrap()
    };
    let mut ids = Vec::new();
    loop {
        let more = page(&mut scene.peer, u32::try_from(ids.len()).unwrap());
        if more.is_empty() {
            break;
        }
        ids.extend(more.iter().map(|entry| entry.id));
    }
    // What was caught up came the oldest first, and so the newest came last.
    let newest_first: Vec<BroadcastId> = scene.archive.iter().map(|one| one.id()).collect();
    assert_eq!(ids, newest_first);
    assert!(page(&mut scene.peer, u32::MAX).is_empty());
}

#[test]
fn who_asks_for_broadcasts_where_there_are_none_leaves_nothing_behind() {
    let mut peer = peer(listening());
    ask(&mut peer, &member(1), Request::CompareBroadcasts { held: Vec::new(), skip: 0 });
    let nothing = Reply::BroadcastsCompared { verdicts: Vec::new(), more: Vec::new() };
    assert_eq!(expect_reply(&mut peer), nothing);
    ask(&mut peer, &member(1), Request::PullBroadcast { id: archive(1)[0].id() });
    assert_eq!(expect_reply(&mut peer), Reply::BroadcastPulled { broadcast: None });
    assert!(peer.broadcasts.is_none());
}
