//! Requests of applications to applications, as a program sees them.

use std::time::Duration;

use bytes::Bytes;
use dht_proto::Key;
use dht_proto::limits::PAYLOAD_MAX;
use dht_routing::{Answer, Command, Recipient};

use crate::control::Asking;
use crate::{CustomError, Node};

/// How long to wait for answers unless told otherwise: longer than an application may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// How a custom request is sent; [`CustomOptions::default`] waits 15 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CustomOptions {
    patience: Duration,
}

impl Default for CustomOptions {
    fn default() -> Self {
        Self { patience: PATIENCE }
    }
}

impl CustomOptions {
    /// How long to wait in all, finding the nodes included: up to two minutes, default 15 s.
    #[must_use]
    pub fn patience(mut self, time: Duration) -> Self {
        self.patience = time.min(Duration::from_mins(2));
        self
    }
}

/// How the requests and answers of an application are written as bytes, and read back: by serde, by hand, as the
/// application likes. Its own type is never made: it names the four functions.
///
/// ```
/// use bytes::Bytes;
/// use dht_node::{Node, Protocol};
///
/// /// Adds numbers.
/// struct Addition;
///
/// impl Protocol for Addition {
///     type Request = (u64, u64);
///     type Answer = u64;
///
///     fn encode_request(request: &(u64, u64)) -> Bytes {
///         serde_json::to_vec(request).unwrap_or_default().into()
///     }
///     fn decode_request(bytes: &Bytes) -> Result<(u64, u64), String> {
///         serde_json::from_slice(bytes).map_err(|error| error.to_string())
///     }
///     fn encode_answer(answer: &u64) -> Bytes {
///         answer.to_be_bytes().to_vec().into()
///     }
///     fn decode_answer(bytes: &Bytes) -> Result<u64, String> {
///         let bytes = bytes[..].try_into().map_err(|_| "8 bytes are a number".to_owned())?;
///         Ok(u64::from_be_bytes(bytes))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let loopback = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
/// let adder = Node::builder()
///     .listen(loopback)
///     .on_request::<Addition, _>(async |(a, b), _from| {
///         a.checked_add(b).ok_or_else(|| "too large".to_owned())
///     })
///     .start()
///     .await?;
/// let asker = Node::builder().listen(loopback).start().await?;
///
/// assert_eq!(asker.request::<Addition>(adder.local_addr(), &(2, 3)).await?, 5);
/// let error = asker.request::<Addition>(adder.local_addr(), &(u64::MAX, 1)).await.unwrap_err();
/// assert_eq!(error.to_string(), "failed: too large");
/// # Ok(())
/// # }
/// ```
pub trait Protocol: 'static {
    /// What is asked.
    type Request: Send;
    /// What is answered.
    type Answer: Send;

    /// Writes a request: at most 65,536 bytes.
    fn encode_request(request: &Self::Request) -> Bytes;

    /// Reads a request, or says what is wrong with it.
    fn decode_request(bytes: &Bytes) -> Result<Self::Request, String>;

    /// Writes an answer: at most 65,536 bytes.
    fn encode_answer(answer: &Self::Answer) -> Bytes;

    /// Reads an answer, or says what is wrong with it.
    fn decode_answer(bytes: &Bytes) -> Result<Self::Answer, String>;
}

/// Answers to a custom request as they come. Dropping it withdraws the requests that are not answered.
#[derive(Debug)]
pub struct Answers {
    asking: Asking,
}

impl Answers {
    /// The next answer, or why a node gives none; each node that was asked is told of once. `None` when all
    /// were, and at once if nobody was found to be asked.
    pub async fn next(&mut self) -> Option<Answer> {
        self.asking.next().await
    }
}

impl Node {
    /// Asks the application of another node, at an address, a contact, or wherever the id is found: what
    /// [`on_custom`](crate::NodeBuilder::on_custom) answers there. At most 65,536 bytes.
    ///
    /// Small requests and answers travel in datagrams, others by stream. A request is repeated until it is
    /// answered or time is over, and run once.
    pub async fn custom(
        &self,
        to: impl Into<Recipient>,
        payload: impl Into<Bytes>,
    ) -> Result<Bytes, CustomError> {
        self.custom_with(to, payload, CustomOptions::default()).await
    }

    /// [`custom`](Self::custom) with patience of its own.
    pub async fn custom_with(
        &self,
        to: impl Into<Recipient>,
        payload: impl Into<Bytes>,
        options: CustomOptions,
    ) -> Result<Bytes, CustomError> {
        let mut answers = self.custom_all(to, payload, options).await?;
        match answers.next().await {
            Some(answer) => Ok(answer.result?),
            None if self.is_running() => Err(CustomError::NotFound),
            None => Err(CustomError::Stopped(crate::Stopped)),
        }
    }

    /// Asks the applications of each of the k nodes closest to a key, this one left out: the same that would
    /// hold a value there.
    ///
    /// ```
    /// # use dht_node::{Key, Node};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let loopback = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    /// let first = Node::builder().listen(loopback).on_custom(async |_| Ok("yes".into())).start().await?;
    /// let asker = Node::builder().listen(loopback).bootstrap(first.local_addr()).start().await?;
    /// asker.joined().await?;
    ///
    /// let mut answers = asker.custom_closest(Key::named(b"anything"), "are you there?").await?;
    /// while let Some(answer) = answers.next().await {
    ///     assert_eq!((answer.from.id(), answer.result?), (first.id(), "yes".into()));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn custom_closest(
        &self,
        key: Key,
        payload: impl Into<Bytes>,
    ) -> Result<Answers, CustomError> {
        self.custom_all(Recipient::Closest(key), payload, CustomOptions::default()).await
    }

    /// Asks whoever `to` says, and tells each answer as it comes.
    pub async fn custom_all(
        &self,
        to: impl Into<Recipient>,
        payload: impl Into<Bytes>,
        options: CustomOptions,
    ) -> Result<Answers, CustomError> {
        let (to, payload) = (to.into(), payload.into());
        let length = payload.len();
        if length > PAYLOAD_MAX {
            return Err(CustomError::TooLong { length, limit: PAYLOAD_MAX });
        }
        let to = match to {
            Recipient::Addr(addr) => Recipient::Addr(crate::socket::destination(addr)),
            to => to,
        };
        let command = Command::Custom { to, payload, patience: options.patience };
        let asking = self.shared.control.answers(command).await?;
        Ok(Answers { asking })
    }

    /// [`custom`](Self::custom) for an application that has types for what it asks and answers.
    pub async fn request<P: Protocol>(
        &self,
        to: impl Into<Recipient>,
        request: &P::Request,
    ) -> Result<P::Answer, CustomError> {
        let answer = self.custom(to, P::encode_request(request)).await?;
        P::decode_answer(&answer).map_err(|reason| CustomError::Unreadable { reason })
    }
}
