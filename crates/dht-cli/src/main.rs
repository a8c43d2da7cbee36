//! `dht`: a distributed hash table on the command line.
//!
//! - [`args`] turns the command line into a plan;
//! - [`network`] runs nodes until they are told to stop, [`console`] talks with the person in front of them;
//! - [`oneshot`] stores or fetches one value as a client, [`key_file`] keeps the key that signs one;
//! - [`failure`] turns every error into an exit code.
//!
//! Invariant: stdout carries data only. Logs, progress and errors go to stderr.

use std::process::ExitCode;

use args::{Plan, Task};
use failure::Failure;

mod address;
mod args;
mod bootstrap;
mod console;
mod failure;
mod key_file;
mod log;
mod network;
mod oneshot;
mod open_files;
mod quantity;
mod signals;
mod signed;
mod stored;
mod whom;

fn main() -> ExitCode {
    match run(&Plan::from_command_line()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(plan: &Plan) -> Result<(), Failure> {
    let sink = log::start(plan)?;
    if let Task::Keygen(path) = &plan.task {
        let author = key_file::create(path)?;
        tracing::info!("The secret key is in {}: whoever has it signs as you", path.display());
        return oneshot::write(format!("{author}\n").as_bytes());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Internal(error.into()))?;
    let result = match &plan.task {
        Task::Run(task) => runtime.block_on(network::run(plan, task, &sink)),
        Task::OneShot(task) => runtime.block_on(oneshot::run(plan, task)),
        Task::Keygen(_) => Ok(()),
    };
    runtime.shutdown_background();
    result
}
