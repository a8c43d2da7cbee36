//! What holds of the memory store beyond the contract of every store.
