//! The author as whom the person at the console signs.

use std::cell::RefCell;
use std::path::Path;

use dht_node::{
    AuthorKey, AuthorSecret, Node, Record, Salt, Sequence, SignedBody, StoreOptions, StoreReport,
    Value,
};

use crate::failure::Failure;
use crate::key_file;

/// The key that signs, once one was loaded.
#[derive(Debug, Default)]
pub(super) struct Signer(RefCell<Option<AuthorSecret>>);

impl Signer {
    /// Signs with the key in this file from now on.
    pub(super) fn load(&self, path: &Path) -> Result<AuthorKey, Failure> {
        let secret = key_file::read(path)?;
        let author = secret.author();
        self.0.replace(Some(secret));
        Ok(author)
    }

    /// Publishes the next version of the author's record under `salt`.
    pub(super) async fn publish(
        &self,
        node: &Node,
        salt: &Salt,
        value: String,
    ) -> Result<(StoreReport, Sequence), String> {
        let value = Value::new(value).map_err(|error| error.to_string())?;
        self.sign(node, salt, SignedBody::Value(value)).await
    }

    /// Publishes a deletion in its place.
    pub(super) async fn retract(
        &self,
        node: &Node,
        salt: &Salt,
    ) -> Result<(StoreReport, Sequence), String> {
        self.sign(node, salt, SignedBody::Deleted).await
    }

    async fn sign(
        &self,
        node: &Node,
        salt: &Salt,
        body: SignedBody,
    ) -> Result<(StoreReport, Sequence), String> {
        let secret = self.0.borrow().clone();
        let secret = secret.ok_or("no key is loaded: `k FILE` loads one, `dht keygen` makes it")?;
        let sequence = node.next_sequence(&secret.author(), salt).await;
        let sequence = sequence.map_err(|error| error.to_string())?;
        let record = Record::sign(&secret, salt.clone(), sequence, body);
        let stored = node.store_record(record, StoreOptions::default()).await;
        Ok((stored.map_err(|error| error.to_string())?, sequence))
    }
}
