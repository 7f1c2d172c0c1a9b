//! What all contenders of a run share.

use std::path::Path;

use crate::population::Population;
use crate::tokens::Tokens;

/// The data and limits that every contender gets.
pub(crate) struct Setting<'a> {
    pub(crate) population: Population,
    pub(crate) tokens: &'a Tokens,
    /// Threads of each server; 0 for one per processor.
    pub(crate) workers: u32,
    /// A temporary folder.
    pub(crate) directory: &'a Path,
}
