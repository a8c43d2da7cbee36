//! Frames between two ends in virtual time.

use std::time::Duration;

use dht_proto::limits::FRAME_MAX;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;

use super::{FrameError, FrameReader, FrameWriter};
use crate::Limits;
use crate::streams::pace::Pace;

fn pace() -> Pace {
    Pace::start(&Limits::default())
}

fn framed(frame: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(frame.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(frame);
    bytes
}

fn reader(buffer: usize) -> (DuplexStream, FrameReader<DuplexStream>) {
    let (far, near) = duplex(buffer);
    (far, FrameReader::new(near))
}

#[tokio::test(start_paused = true)]
async fn what_is_written_is_read() {
    let (far, near) = duplex(100);
    let mut writer = FrameWriter::new(far);
    let mut reader = FrameReader::new(near);
    let frames: Vec<Vec<u8>> = vec![vec![], vec![1; 3], vec![2; FRAME_MAX]];

    let write = async {
        for frame in &frames {
            writer.write(&framed(frame), &mut pace()).await.unwrap();
        }
    };
    let read = async {
        for frame in &frames {
            assert_eq!(reader.next(&mut pace()).await.unwrap(), frame);
        }
    };
    tokio::join!(write, read);
    drop(writer);
    assert!(matches!(reader.next(&mut pace()).await, Err(FrameError::Closed)));
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_claims_four_gigabytes_is_refused_without_allocating_them() {
    let (mut far, mut reader) = reader(100);
    far.write_all(&[0xff, 0xff, 0xff, 0xff, 1, 2]).await.unwrap();

    assert!(matches!(reader.next(&mut pace()).await, Err(FrameError::TooLong)));
    assert!(reader.buffer.capacity() < 4_096);
}

#[tokio::test(start_paused = true)]
async fn a_frame_one_byte_too_long_is_refused() {
    let (mut far, mut reader) = reader(100);
    let length = u32::try_from(FRAME_MAX + 1).unwrap();
    far.write_all(&length.to_be_bytes()).await.unwrap();

    assert!(matches!(reader.next(&mut pace()).await, Err(FrameError::TooLong)));
}

#[tokio::test(start_paused = true)]
async fn a_byte_a_second_is_too_slow() {
    let (mut far, mut reader) = reader(100);
    let start = Instant::now();
    let drip = async {
        far.write_all(&60_000_u32.to_be_bytes()).await.unwrap();
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if far.write_all(&[7]).await.is_err() {
                return;
            }
        }
    };
    let mut pace = pace();
    let read = reader.next(&mut pace);

    tokio::select! {
        read = read => assert!(matches!(read, Err(FrameError::TooSlow))),
        () = drip => panic!("the reader went away"),
    }
    assert_eq!(start.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_too_slow_for_the_writer() {
    let (mut far, near) = duplex(1);
    let mut writer = FrameWriter::new(near);
    let sip = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            far.read_u8().await.unwrap();
        }
    };
    let mut pace = pace();
    let frame = framed(&vec![0; 60_000]);
    let write = writer.write(&frame, &mut pace);

    tokio::select! {
        write = write => assert!(matches!(write, Err(FrameError::TooSlow))),
        () = sip => panic!("the writer went away"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_within_a_frame_is_an_error_of_the_stream() {
    for begun in [&[0, 0, 0][..], &[0, 0, 0, 9], &[0, 0, 0, 9, 1]] {
        let (mut far, mut reader) = reader(100);
        far.write_all(begun).await.unwrap();
        drop(far);

        let read = reader.next(&mut pace()).await;
        assert!(matches!(read, Err(FrameError::Io(_))), "{read:?} after {begun:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_between_messages_holds_no_buffer() {
    let (mut far, mut reader) = reader(100_000);
    far.write_all(&60_000_u32.to_be_bytes()).await.unwrap();
    far.write_all(&vec![1; 60_000]).await.unwrap();
    reader.next(&mut pace()).await.unwrap();

    reader.release();
    assert_eq!(reader.buffer.capacity(), 0);
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_at_the_first_byte_or_at_its_time() {
    let (mut far, mut reader) = reader(100);
    let soon = Instant::now() + Duration::from_secs(3);
    assert!(matches!(reader.wait(soon).await, Err(FrameError::TooSlow)));

    far.write_all(&[0, 0, 0, 1, 5]).await.unwrap();
    reader.wait(Instant::now() + Duration::from_secs(3)).await.unwrap();
    assert_eq!(reader.next(&mut pace()).await.unwrap(), [5].as_slice());
}
