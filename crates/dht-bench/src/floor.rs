//! What the machine does without a table of values: datagrams echoed, bytes copied by TCP, bytes hashed.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::BenchError;
use crate::times::Times;

/// Round trips that are measured.
const ROUND_TRIPS: usize = 2_000;

/// Bytes of a request, and of the answer to it.
const ECHO_BYTES: (usize, usize) = (100, 1_100);

/// Bytes that a program would read at a time.
const READ_BYTES: usize = 64 * 1_024;

/// Median round trip of a datagram, 100 bytes one way and 1,100 the other, between two tasks of this runtime.
pub(crate) async fn round_trip() -> Result<Duration, BenchError> {
    let echo = UdpSocket::bind("127.0.0.1:0").await?;
    let asker = UdpSocket::bind("127.0.0.1:0").await?;
    asker.connect(echo.local_addr()?).await?;
    let answering = tokio::spawn(async move {
        let (mut room, answer) = ([0; 2_048], [7; ECHO_BYTES.1]);
        while let Ok((_, from)) = echo.recv_from(&mut room).await {
            if echo.send_to(&answer, from).await.is_err() {
                return;
            }
        }
    });
    let (mut times, mut room, request) = (Times::default(), [0; 2_048], [7; ECHO_BYTES.0]);
    for _ in 0..ROUND_TRIPS {
        let began = Instant::now();
        asker.send(&request).await?;
        asker.recv(&mut room).await?;
        times.push(began.elapsed());
    }
    answering.abort();
    Ok(times.median())
}

/// Median time to copy `bytes` through a TCP connection to another task of this runtime, until that one has all.
pub(crate) async fn tcp_copy(bytes: &[u8], copies: usize) -> Result<Duration, BenchError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut out = TcpStream::connect(listener.local_addr()?).await?;
    let (mut inward, _) = listener.accept().await?;
    let length = bytes.len();
    let reading = tokio::spawn(async move {
        let mut room = vec![0; READ_BYTES];
        for _ in 0..copies {
            let mut left = length;
            while left > 0 {
                left = match inward.read(&mut room).await? {
                    0 => return Ok(()),
                    read => left.saturating_sub(read),
                };
            }
            inward.write_all(&[1]).await?;
        }
        Ok::<(), std::io::Error>(())
    });
    let mut times = Times::default();
    for _ in 0..copies {
        let began = Instant::now();
        out.write_all(bytes).await?;
        out.read_u8().await?;
        times.push(began.elapsed());
    }
    reading.await.map_err(|_| BenchError::Broken("the copying ended early"))??;
    Ok(times.median())
}

/// Median time to hash `bytes`.
pub(crate) fn hash(bytes: &[u8], rounds: usize) -> Duration {
    let once = |_| {
        let began = Instant::now();
        std::hint::black_box(blake3::hash(bytes));
        began.elapsed()
    };
    (0..rounds).map(once).collect::<Times>().median()
}
