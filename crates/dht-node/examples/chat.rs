//! A chat over broadcasts: what you type is said to everybody in the network, and what they type is shown.
//!
//! ```sh
//! cargo run -p dht-node --example chat -- anna                      # the first one, at port 3000
//! cargo run -p dht-node --example chat -- berta 127.0.0.1:3000      # anybody else, at any free port
//! ```
//!
//! Names are only what people call themselves. The digits after a name are of the key that signed the message:
//! nobody else can say anything with them.
#![allow(clippy::print_stderr, reason = "a program for people")]

use std::net::SocketAddr;

use dht_node::{Broadcast, Node, NodeBuilder};
use tokio::io::{
    self, AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::sync::mpsc;

/// Messages that may wait to be shown; more are left out.
const WAITING_MAX: usize = 256;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("usage: chat NAME [ADDR]")?;
    let others = arguments.next().map(|addr| addr.parse::<SocketAddr>()).transpose()?;
    let listen = SocketAddr::from(([0, 0, 0, 0], if others.is_some() { 0 } else { 3_000 }));
    let mut builder = Node::builder().network("chat").listen(listen);
    if let Some(addr) = others {
        builder = builder.bootstrap(addr);
    }
    let (mut chat, node) = Chat::join(builder, &name).await?;
    eprintln!("{name} is in the chat, at port {}. Ctrl-D leaves.", node.local_addr().port());
    chat.run(BufReader::new(io::stdin()), io::stdout()).await?;
    node.stop().await;
    Ok(())
}

/// One person's end of the chat.
pub struct Chat {
    node: Node,
    name: String,
    arrivals: mpsc::Receiver<String>,
}

impl Chat {
    /// Starts the node that `builder` describes, and waits until it has joined.
    pub async fn join(
        builder: NodeBuilder,
        name: &str,
    ) -> Result<(Self, Node), Box<dyn std::error::Error>> {
        let (arrived, arrivals) = mpsc::channel(WAITING_MAX);
        let builder = builder.on_broadcast(move |message| {
            // A terminal may be slow. Nobody else is to wait for it, so what it has no room for is left out.
            if let Some(line) = show(&message) {
                let _ = arrived.try_send(line);
            }
            std::future::ready(())
        });
        let node = builder.start().await?;
        node.joined().await?;
        Ok((Self { node: node.clone(), name: name.to_owned(), arrivals }, node))
    }

    /// Says what is typed and shows what others say, until there is no more input.
    pub async fn run(
        &mut self,
        input: impl AsyncBufRead + Unpin,
        mut output: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let mut input = input.lines();
        loop {
            let line = tokio::select! {
                typed = input.next_line() => match typed? {
                    Some(text) => match self.node.broadcast(format!("{}\n{text}", self.name)).await {
                        Ok(_) => continue,
                        Err(error) => format!("not said: {error}"),
                    },
                    None => return Ok(()),
                },
                arrived = self.arrivals.recv() => match arrived {
                    Some(line) => line,
                    None => return Ok(()),
                },
            };
            output.write_all(format!("{line}\n").as_bytes()).await?;
            output.flush().await?;
        }
    }
}

/// A message as a line, unless it is none of this chat. Control characters could make a terminal lie.
fn show(message: &Broadcast) -> Option<String> {
    let text = str::from_utf8(message.payload()).ok()?;
    let (name, said) = text.split_once('\n')?;
    let shown = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
    let author = message.author().to_string();
    Some(format!("{} ({}): {}", shown(name), author.get(..8)?, shown(said)))
}
