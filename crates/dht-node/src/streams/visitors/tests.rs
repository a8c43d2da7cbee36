//! Visitors whose tasks wait for ever, in virtual time.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use dht_proto::{Body, Families, Load, Message, Reply, RequestId, Role};
use dht_routing::StreamId;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::{Rest, VisitorId, Visitors};
use crate::Limits;

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn public(last: u8) -> IpAddr {
    IpAddr::from([8, 8, 8, last])
}

/// Visitors whose tasks wait for ever.
struct Scene {
    visitors: Visitors,
    tasks: JoinSet<()>,
}

impl Scene {
    fn new(most: usize, most_of_address: usize) -> Self {
        let limits = Limits::default().inbound_streams(most);
        let limits = limits.inbound_streams_per_address(most_of_address);
        Self { visitors: Visitors::new(&limits), tasks: JoinSet::new() }
    }

    /// A stream from `ip` that is idle, or `None` if it is refused. Each comes a second after the other.
    async fn enter(&mut self, ip: IpAddr) -> Option<(VisitorId, Arc<Rest>)> {
        tokio::time::advance(Duration::from_secs(1)).await;
        if !self.visitors.make_room(ip) {
            return None;
        }
        let mut entered = None;
        self.visitors.enter(ip, |id, rest| {
            entered = Some((id, rest));
            self.tasks.spawn(std::future::pending())
        });
        entered
    }

    async fn enter_busy(&mut self, ip: IpAddr) -> VisitorId {
        let (id, rest) = self.enter(ip).await.unwrap();
        rest.busy();
        id
    }

    fn are_here(&self, ids: &[VisitorId]) -> bool {
        self.visitors.here.keys().eq(ids)
    }
}

fn pong() -> Message {
    let body = Body::Reply(Reply::Pong { observed: ([127, 0, 0, 1], 1).into() });
    Message { role: Role::Full, families: Families::V4, load: Load::NONE, id: RequestId(1), body }
}

#[tokio::test(start_paused = true)]
async fn the_stream_idle_longest_gives_way_to_a_newcomer() {
    let mut scene = Scene::new(3, 3);
    let busy = scene.enter_busy(HOME).await;
    let (first, rest) = scene.enter(HOME).await.unwrap();
    let (second, _) = scene.enter(HOME).await.unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    rest.idle();

    let (newcomer, _) = scene.enter(HOME).await.unwrap();

    assert!(scene.are_here(&[busy, first, newcomer]), "{second:?} should have gone");
    assert!(scene.tasks.join_next().await.unwrap().unwrap_err().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_is_refused_where_all_are_busy() {
    let mut scene = Scene::new(2, 2);
    let ids = [scene.enter_busy(HOME).await, scene.enter_busy(HOME).await];

    assert!(scene.enter(HOME).await.is_none());
    assert!(scene.are_here(&ids));

    scene.visitors.left(ids[0]);
    assert!(scene.enter(HOME).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_public_address_has_a_limit_of_its_own_and_a_private_one_has_not() {
    let mut scene = Scene::new(100, 2);
    for _ in 0..2 {
        scene.enter_busy(public(1)).await;
    }
    assert!(scene.enter(public(1)).await.is_none());
    assert!(scene.enter(public(2)).await.is_some());
    for _ in 0..10 {
        scene.enter_busy(HOME).await;
        scene.enter_busy([10, 0, 0, 1].into()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_once() {
    let mut scene = Scene::new(2, 2);
    let id = scene.enter_busy(HOME).await;
    let (reply, mut answer) = oneshot::channel();
    let stream = scene.visitors.asked(id, reply);

    scene.visitors.answer(stream, pong());
    scene.visitors.answer(stream, pong());
    scene.visitors.answer(StreamId(999), pong());

    assert_eq!(answer.try_recv(), Ok(pong()));
    assert!(scene.visitors.replies.is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_remembered_of_a_stream_that_has_ended() {
    let mut scene = Scene::new(2, 2);
    let id = scene.enter_busy(public(1)).await;
    let (reply, mut answer) = oneshot::channel();
    scene.visitors.asked(id, reply);

    scene.visitors.left(id);
    let (late, _) = oneshot::channel();
    scene.visitors.asked(id, late);

    assert!(answer.try_recv().is_err());
    assert!(scene.visitors.replies.is_empty());
    assert!(scene.visitors.of_address.is_empty());
}

#[tokio::test(start_paused = true)]
async fn all_idle_streams_can_be_closed_at_once() {
    let mut scene = Scene::new(10, 10);
    let busy = scene.enter_busy(HOME).await;
    for _ in 0..3 {
        scene.enter(HOME).await;
    }

    scene.visitors.close_all_idle();

    assert!(scene.are_here(&[busy]));
}
