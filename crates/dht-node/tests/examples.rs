//! The examples of this crate, run.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use common::within;

#[path = "../examples/vote.rs"]
#[allow(dead_code, reason = "its main is for people")]
mod vote;

#[path = "../examples/work_queue.rs"]
#[allow(dead_code, reason = "its main is for people")]
mod work_queue;

#[tokio::test(flavor = "multi_thread")]
async fn the_shared_vote_keeps_what_most_want() {
    let standings = within(vote::run()).await.unwrap();
    assert_eq!(standings, ["pizza", "pizza", "salad", "salad", "salad", "pizza"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_work_queue_gets_every_job_done() {
    let done = within(work_queue::run(60)).await.unwrap();
    assert_eq!(done.len(), 60);
    assert_eq!((done[&1], done[&6], done[&27]), (0, 8, 111));
}
