//! Closures that behave, panic, hang and are called too often.

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use tokio::time::Instant;

use super::*;

const NODE: NodeId = NodeId::from_bytes([1; 32]);
const TIME: Duration = Duration::from_secs(3);

fn calls<F>(closure: impl Fn(u32) -> F + Send + Sync + 'static) -> Calls<u32, u32, u32>
where
    F: Future<Output = u32> + Send + 'static,
{
    Calls::new(NODE, "on_test", hook(closure), Bounds { calls: 4, time: TIME })
}

#[tokio::test]
async fn a_call_ends_with_what_the_closure_returned_under_its_key() {
    let mut calls = calls(|n| async move { 10 * n });
    calls.start(7, 4).unwrap();
    calls.start(8, 5).unwrap();

    let mut ended = [calls.ended().await, calls.ended().await];
    ended.sort_unstable_by_key(|ended| ended.key);

    assert_eq!(ended, [Ended { key: 7, answer: Ok(40) }, Ended { key: 8, answer: Ok(50) }]);
    assert_eq!(calls.figures(), HookCalls { started: 2, ..HookCalls::default() });
}

#[tokio::test]
async fn a_closure_that_panics_costs_its_own_call_alone() {
    // One panics before there is a future, the other within it.
    let mut calls = calls(|n| {
        assert_ne!(n, 0, "no call with 0");
        async move {
            assert_ne!(n, 1, "no call with 1");
            n
        }
    });
    for n in 0..3 {
        calls.start(n, n).unwrap();
    }

    let mut ended = [calls.ended().await, calls.ended().await, calls.ended().await];
    ended.sort_unstable_by_key(|ended| ended.key);

    let panicked = |key| Ended { key, answer: Err(Fault::Panicked) };
    assert_eq!(ended, [panicked(0), panicked(1), Ended { key: 2, answer: Ok(2) }]);
    assert_eq!(calls.figures().panicked, 2);
}

#[tokio::test(start_paused = true)]
async fn a_closure_that_hangs_is_stopped_in_time() {
    let mut calls = calls(|_| pending());
    let started = Instant::now();
    calls.start(1, 1).unwrap();

    assert_eq!(calls.ended().await, Ended { key: 1, answer: Err(Fault::TimedOut) });
    assert_eq!(started.elapsed(), TIME);
    assert_eq!((calls.figures().timed_out, calls.figures().running), (1, 0));
}

#[tokio::test]
async fn more_calls_than_may_run_are_turned_away_and_room_comes_back() {
    let mut calls = calls(|n| async move { n });
    for n in 0..4 {
        calls.start(n, n).unwrap();
    }

    assert_eq!(calls.start(9, 9), Err(9));
    calls.ended().await;
    assert_eq!(calls.start(9, 9), Ok(()));
    assert_eq!(calls.figures().turned_away, 1);
}

#[tokio::test]
async fn calls_end_with_the_node() {
    struct Tell(Arc<AtomicUsize>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&dropped);
    let mut calls = calls(move |_| {
        let tell = Tell(Arc::clone(&count));
        async move {
            let _tell = tell;
            pending().await
        }
    });
    calls.start(1, 1).unwrap();
    calls.start(2, 2).unwrap();
    tokio::task::yield_now().await;
    assert_eq!(calls.figures().running, 2);

    calls.shutdown().await;

    assert_eq!(dropped.load(Ordering::SeqCst), 2);
    assert_eq!(calls.figures().running, 0);
}

#[tokio::test]
async fn nothing_ends_while_nothing_runs() {
    let mut calls = calls(|n| async move { n });
    let mut ended = Box::pin(calls.ended());
    let polled = poll_fn(|context| Poll::Ready(ended.as_mut().poll(context).is_pending())).await;
    assert!(polled);
}
