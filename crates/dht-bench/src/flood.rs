//! A load of datagrams that costs the asking side as little as it can: they are made beforehand, and answers are looked
//! into now and then only.
//!
//! The side that answers does so in the order of what it was asked, and loopback keeps that order, so answers belong
//! to requests by their place in the row. The answers that are looked into prove it, and tell what was lost in between.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::BenchError;
use crate::times::{Times, rate};

/// Answers between two that are looked into.
const LOOK_EACH: usize = 64;

/// After so long without an answer, what was asked is taken for lost.
const PATIENCE: Duration = Duration::from_millis(200);

/// Requests under way at most when the pace is given: what the queues of sockets surely hold.
const PACED_MAX: usize = 64;

/// The index of the request that an answer, most likely to the one of the index given, belongs to; `None` if it is no
/// right answer.
pub(crate) type Check<'a> = dyn FnMut(usize, &mut [u8]) -> Option<usize> + 'a;

/// Datagrams to be sent again and again to one address.
pub(crate) struct Flood {
    socket: UdpSocket,
    datagrams: Vec<Vec<u8>>,
    next: usize,
    /// What was asked and when it was due, oldest first.
    waiting: VecDeque<(usize, Instant)>,
}

/// How a load was answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) answered: usize,
    pub(crate) lost: usize,
    /// Answers that were looked into and not what they should be.
    pub(crate) wrong: usize,
    pub(crate) span: Duration,
    /// Length of the longest answer.
    pub(crate) answer_bytes: usize,
    /// From when a request was due to its answer, if the pace was given.
    pub(crate) times: Times,
}

impl Tally {
    /// Answers in a second.
    pub(crate) fn rate(&self) -> f64 {
        rate(self.answered, self.span)
    }

    /// Both together, without the times.
    pub(crate) fn add(&mut self, other: &Self) {
        self.answered += other.answered;
        self.lost += other.lost;
        self.wrong += other.wrong;
        self.span += other.span;
        self.answer_bytes = self.answer_bytes.max(other.answer_bytes);
    }
}

impl Flood {
    /// Will send `datagrams`, one after the other and again from the first, to `addr`.
    pub(crate) fn new(addr: SocketAddr, datagrams: Vec<Vec<u8>>) -> Result<Self, BenchError> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(addr)?;
        Ok(Self { socket, datagrams, next: 0, waiting: VecDeque::new() })
    }

    /// Keeps so many requests under way for a span of time.
    pub(crate) fn saturate(
        &mut self,
        outstanding: usize,
        span: Duration,
        check: &mut Check<'_>,
    ) -> Result<Tally, BenchError> {
        self.socket.set_nonblocking(false)?;
        self.socket.set_read_timeout(Some(PATIENCE))?;
        let mut tally = Tally::default();
        let (began, mut room) = (Instant::now(), [0; 2_048]);
        while self.waiting.len() < outstanding {
            self.ask(began)?;
        }
        while !self.waiting.is_empty() {
            let is_over = began.elapsed() >= span;
            if !self.hear(&mut room, &mut tally, check)? {
                tally.lost += self.waiting.len();
                self.waiting.clear();
            }
            while !is_over && self.waiting.len() < outstanding {
                self.ask(began)?;
            }
        }
        tally.span = began.elapsed();
        Ok(tally)
    }

    /// Sends at an even pace for a span of time, whether answers come or not.
    pub(crate) fn pace(
        &mut self,
        per_second: f64,
        span: Duration,
        check: &mut Check<'_>,
    ) -> Result<Tally, BenchError> {
        self.socket.set_nonblocking(true)?;
        let mut tally = Tally::default();
        let gap = Duration::from_secs_f64(per_second.max(1.0).recip());
        let (began, mut room) = (Instant::now(), [0; 2_048]);
        let (mut due, mut heard) = (began, began);
        loop {
            let now = Instant::now();
            let is_over = now.duration_since(began) >= span;
            while due <= now && !is_over && self.waiting.len() < PACED_MAX {
                self.ask(due)?;
                due += gap;
            }
            if self.hear(&mut room, &mut tally, check)? {
                heard = now;
            } else if now.duration_since(heard) >= PATIENCE && !self.waiting.is_empty() {
                tally.lost += self.waiting.len();
                self.waiting.clear();
            } else {
                std::hint::spin_loop();
            }
            if is_over && self.waiting.is_empty() {
                break;
            }
        }
        tally.span = began.elapsed();
        Ok(tally)
    }

    fn ask(&mut self, due: Instant) -> Result<(), BenchError> {
        let index = self.next;
        let datagram = self.datagrams.get(index).ok_or(BenchError::Broken("nothing to ask"))?;
        match self.socket.send(datagram) {
            // A queue that is full is an answer that is late, as it would be with anybody else.
            Ok(_) => self.waiting.push_back((index, due)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        self.next = (index + 1) % self.datagrams.len().max(1);
        Ok(())
    }

    /// Takes an answer, if there is one.
    fn hear(
        &mut self,
        room: &mut [u8],
        tally: &mut Tally,
        check: &mut Check<'_>,
    ) -> Result<bool, BenchError> {
        let length = match self.socket.recv(room) {
            Ok(length) => length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        };
        let Some((index, _)) = self.waiting.front().copied() else { return Ok(true) };
        if tally.answered.is_multiple_of(LOOK_EACH) {
            let answer = room.get_mut(..length).unwrap_or_default();
            match check(index, answer) {
                Some(right) => {
                    let lost = self.waiting.iter().position(|(asked, _)| *asked == right);
                    tally.lost += lost.unwrap_or(0);
                    self.waiting.drain(..lost.unwrap_or(0));
                }
                None => tally.wrong += 1,
            }
        }
        let due = self.waiting.pop_front().map_or_else(Instant::now, |(_, due)| due);
        tally.times.push(due.elapsed());
        tally.answered += 1;
        tally.answer_bytes = tally.answer_bytes.max(length);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket that repeats what it is told, so many times.
    fn echo(times: usize) -> (SocketAddr, std::thread::JoinHandle<()>) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let addr = socket.local_addr().unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let repeat = move || {
            let mut room = [0; 64];
            for _ in 0..times {
                let Ok((length, from)) = socket.recv_from(&mut room) else { return };
                let _ = socket.send_to(&room[..length], from);
            }
        };
        (addr, std::thread::spawn(repeat))
    }

    #[test]
    fn what_is_answered_and_what_is_lost_are_told_apart() {
        let (addr, thread) = echo(3);
        let mut flood = Flood::new(addr, vec![vec![1], vec![2], vec![3], vec![4]]).unwrap();
        let mut checked = Vec::new();
        let mut check = |index: usize, answer: &mut [u8]| {
            checked.push(index);
            (answer.to_vec() == [1]).then_some(index)
        };
        let tally = flood.saturate(4, Duration::ZERO, &mut check).unwrap();
        thread.join().unwrap();
        assert_eq!((tally.answered, tally.lost, tally.wrong), (3, 1, 0));
        assert_eq!((tally.answer_bytes, checked), (1, vec![0]));
    }

    #[test]
    fn a_pace_is_kept_and_each_answer_is_timed() {
        let (addr, thread) = echo(20);
        let mut flood = Flood::new(addr, vec![vec![1]]).unwrap();
        let tally =
            flood.pace(1_000.0, Duration::from_millis(20), &mut |index, _| Some(index)).unwrap();
        drop(thread);
        let asked = tally.answered + tally.lost;
        assert!((1..=21).contains(&asked), "{asked}");
        assert_eq!(tally.times.len(), tally.answered);
    }
}
