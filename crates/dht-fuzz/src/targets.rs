//! What each target does, a file each.

pub(crate) mod decode;
pub(crate) mod files;
pub(crate) mod frames;
pub(crate) mod machine;
pub(crate) mod record;
pub(crate) mod sealed;
