//! Binds what a builder describes and sets its task going.

use crate::{Node, NodeBuilder, StartError};

pub(crate) async fn start(_builder: NodeBuilder) -> Result<Node, StartError> {
    Err(StartError::Entropy(String::new()))
}
