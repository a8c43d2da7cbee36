//! One node on one core that answers, beside an echo of datagrams of the same sizes.
//!
//! The node is in a network, so that its answers name sixteen contacts, and runs alone on its thread. It is asked
//! find-node, sealed and authenticated like any request: by one peer, and by very many in turn, with 64 requests under
//! way. Those who ask are clients, for a node pings others that it has room for. They share a socket, which makes no
//! difference to the node: it tells nodes apart by their keys. The limit of requests of one node is lifted.

use std::time::Duration;

use dht_node::{Limits, Node, NodeIdentity};
use tokio::net::UdpSocket;

use crate::flood::{Check, Flood, Tally};
use crate::network::Network;
use crate::times::us;
use crate::{BenchError, Host, Plan};

mod askers;
mod seat;

use askers::Askers;
use seat::Seat;

/// Requests under way.
const OUTSTANDING: usize = 64;

/// Turns that node and echo take in each measurement, so that what else the machine does meets both.
const TURNS: u32 = 3;

/// Figures of one number of peers.
#[derive(Debug, Clone, Copy, Default)]
pub struct RpcPoint {
    /// Nodes that asked.
    pub peers: usize,
    /// Requests answered in a second.
    pub requests_per_s: f64,
    /// Datagrams echoed in a second.
    pub echo_per_s: f64,
    /// The one over the other.
    pub ratio: f64,
    /// Processor time of the node for a request, in µs.
    pub cpu_us: f64,
    /// Processor time of the echo for a datagram, in µs.
    pub echo_cpu_us: f64,
    /// Share of the time that the node's thread was at work.
    pub busy: f64,
    /// 99th percentile from when a request was due to its answer at half of that rate, in µs.
    pub p99_half_us: f64,
    /// The same of the echo at half of its rate, in µs.
    pub echo_p99_half_us: f64,
    /// Requests that got no answer.
    pub lost: usize,
    /// Answers, of those that were opened, that were not to their request.
    pub wrong: usize,
    /// Length of a request, in bytes.
    pub request_bytes: usize,
    /// Length of the longest answer, in bytes.
    pub answer_bytes: usize,
}

/// Measures one node under load, once for each number of peers in `plan.peers`.
pub fn rpc(plan: &Plan, host: &mut dyn Host) -> Result<Vec<RpcPoint>, BenchError> {
    let nodes = plan.nodes;
    let others = Seat::take("bench others", move || async move {
        let network = Network::start(nodes, &mut ()).await?;
        network.settled(&mut ()).await?;
        let addr = network.first()?.local_addr();
        Ok((addr, network))
    })?;
    let through = others.told;
    let node = Seat::take("bench node", move || async move {
        let limits = Limits::default().node_requests(u32::MAX);
        let builder = Node::builder().listen(([127, 0, 0, 1], 0).into()).bootstrap(through);
        let node = builder.limits(limits).start().await?;
        // Its table is filled by then, or the answers show it.
        let _ = node.joined().await;
        Ok(((node.identity(), node.local_addr()), node))
    })?;
    let mut points = Vec::new();
    for peers in &plan.peers {
        host.phase(&format!("asked by {peers}"), 2);
        points.push(measure(plan, *peers, &node, host)?);
    }
    Ok(points)
}

fn measure(
    plan: &Plan,
    peers: usize,
    node: &Seat<(NodeIdentity, std::net::SocketAddr)>,
    host: &mut dyn Host,
) -> Result<RpcPoint, BenchError> {
    let (identity, addr) = node.told;
    let askers = Askers::new(peers, identity)?;
    let request_bytes = askers.datagrams().first().map_or(0, Vec::len);
    let mut asking = Flood::new(addr, askers.datagrams().to_vec())?;
    let mut check = |index: usize, answer: &mut [u8]| askers.answered(index, answer);
    // Every peer is known, and the sizes of answers too.
    let answer_bytes = asking.saturate(OUTSTANDING, plan.span / 4, &mut check)?.answer_bytes;

    let echo = Seat::take("bench echo", move || async move {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let addr = socket.local_addr()?;
        Ok((addr, tokio::spawn(echo(socket, answer_bytes))))
    })?;
    let mut echoing = Flood::new(echo.told, askers.datagrams().to_vec())?;
    let (mut answered, mut echoed) = (Load::default(), Load::default());
    for _ in 0..TURNS {
        echoed.add(&echo, &mut echoing, plan.span / TURNS, &mut |index, _| Some(index))?;
        answered.add(node, &mut asking, plan.span / TURNS, &mut check)?;
    }
    host.advance(1);
    let half = |load: &Load| load.tally.rate() / 2.0;
    let calm = asking.pace(half(&answered), plan.span / 2, &mut check)?;
    let calm_echo = echoing.pace(half(&echoed), plan.span / 2, &mut |index, _| Some(index))?;
    host.advance(2);
    let ratio =
        if echoed.tally.answered > 0 { answered.tally.rate() / echoed.tally.rate() } else { 0.0 };
    Ok(RpcPoint {
        peers,
        requests_per_s: answered.tally.rate(),
        echo_per_s: echoed.tally.rate(),
        ratio,
        cpu_us: answered.cpu_us(),
        echo_cpu_us: echoed.cpu_us(),
        busy: answered.busy(),
        p99_half_us: us(calm.times.percentile(99)),
        echo_p99_half_us: us(calm_echo.times.percentile(99)),
        lost: answered.tally.lost + calm.lost,
        wrong: answered.tally.wrong + calm.wrong,
        request_bytes,
        answer_bytes: answered.tally.answer_bytes,
    })
}

/// What a thread did, and the processor time it took.
#[derive(Debug, Default)]
struct Load {
    tally: Tally,
    cpu: Duration,
}

impl Load {
    fn add<T>(
        &mut self,
        seat: &Seat<T>,
        flood: &mut Flood,
        span: Duration,
        check: &mut Check<'_>,
    ) -> Result<(), BenchError> {
        let before = seat.cpu()?;
        self.tally.add(&flood.saturate(OUTSTANDING, span, check)?);
        self.cpu += seat.cpu()?.saturating_sub(before);
        Ok(())
    }

    fn cpu_us(&self) -> f64 {
        let answered = u32::try_from(self.tally.answered).unwrap_or(u32::MAX);
        us(self.cpu.checked_div(answered).unwrap_or_default())
    }

    fn busy(&self) -> f64 {
        let span = self.tally.span.as_secs_f64();
        if span > 0.0 { self.cpu.as_secs_f64() / span } else { 0.0 }
    }
}

/// Answers every datagram with one of `length` bytes.
async fn echo(socket: UdpSocket, length: usize) {
    let (mut room, answer) = ([0; 2_048], vec![7; length]);
    while let Ok((_, from)) = socket.recv_from(&mut room).await {
        if socket.send_to(&answer, from).await.is_err() {
            return;
        }
    }
}
