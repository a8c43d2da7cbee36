//! The example `chat`, run by its own code between pipes instead of terminals.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, duplex, empty, sink};

use chat::Chat;
use common::{builder, within};

#[path = "../examples/chat.rs"]
#[allow(dead_code, unreachable_pub, reason = "its `main` is the example's")]
mod chat;
mod common;

#[tokio::test]
async fn what_one_types_is_shown_to_the_others_with_name_and_key() {
    let (mut anna, first) = Chat::join(builder(), "anna").await.unwrap();
    let through = builder().bootstrap(first.local_addr());
    let (mut berta, second) = Chat::join(through, "berta").await.unwrap();
    let (mut typed, keyboard) = duplex(1_024);
    let (screen, shown) = duplex(1_024);
    let anna = tokio::spawn(async move { anna.run(BufReader::new(keyboard), sink()).await });
    let (silent, quiet) = duplex(1);
    let berta = tokio::spawn(async move { berta.run(BufReader::new(quiet), screen).await });

    typed.write_all(b"hello \x1b[31mall\n").await.unwrap();
    let mut lines = BufReader::new(shown).lines();
    let line = within(lines.next_line()).await.unwrap().unwrap();

    let key = first.author().to_string();
    assert_eq!(line, format!("anna ({}): hello [31mall", &key[..8]));
    drop((typed, silent));
    within(anna).await.unwrap().unwrap();
    within(berta).await.unwrap().unwrap();
    second.stop().await;
    first.stop().await;
}

#[tokio::test]
async fn the_end_of_the_input_is_the_end_of_the_chat() {
    let (mut alone, node) = Chat::join(builder(), "alone").await.unwrap();
    within(alone.run(BufReader::new(empty()), sink())).await.unwrap();
    node.stop().await;
}
