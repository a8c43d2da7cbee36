//! Custom requests typed at the prompt, and their answers.

use dht_node::{Answer, AnswerError, Answers, CustomOptions, Node, Recipient};

use super::session::Reply;
use super::view;
use crate::whom::Whom;

/// Asks, and shows every answer.
pub(super) async fn ask(node: &Node, whom: Whom, request: String) -> Result<Reply, String> {
    let to = whom.recipient(node).await?;
    if let Recipient::Closest(_) = to {
        return ask_closest(node, to, request).await;
    }
    match node.custom(to, request).await {
        Ok(answer) => Ok(Reply::Value(answer)),
        Err(error) => Err(error.to_string()),
    }
}

async fn ask_closest(node: &Node, to: Recipient, request: String) -> Result<Reply, String> {
    let answers = node.custom_all(to, request, CustomOptions::default()).await;
    let lines = lines(answers.map_err(|error| error.to_string())?).await;
    if lines.is_empty() {
        return Err("no node was found".to_owned());
    }
    Ok(Reply::Text(lines.join("\n")))
}

/// One line for each node: its id, and its answer or why there is none in brackets.
pub(crate) async fn lines(mut answers: Answers) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(Answer { from, result }) = answers.next().await {
        let told = match result {
            Ok(answer) => view::value(&answer),
            Err(AnswerError::Unsupported) => "(answers nothing)".to_owned(),
            Err(error) => format!("({error})"),
        };
        lines.push(format!("{} {told}", from.id()));
    }
    lines
}
