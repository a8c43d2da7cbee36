//! Several records in one message, without their bytes.

use super::{OfferDetails, Refusal};
use crate::Ttl;

/// One record of several, with its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchedOffer {
    /// The record without its bytes.
    pub details: OfferDetails,
    /// In an offer the life it is to get, in a listing what is left of its life.
    pub ttl: Ttl,
}

/// What becomes of one of several offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfferAnswer {
    /// Send it.
    Wanted,
    /// It is here already, and its life was extended if the offer may do that.
    Have,
    /// Not taken. The reason of [`Refusal::Policy`] does not travel: the reader finds it empty.
    Refused(Refusal),
}
