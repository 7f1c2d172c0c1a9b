//! The server under attack, as its clients see it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::population::Population;
use crate::tokens::Tokens;

/// Where the clients send their requests, and whose tasks are there.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) port: u16,
    pub(super) tokens: Arc<Tokens>,
    pub(super) population: Population,
}

/// A flag that ends the clients that share it.
#[derive(Clone, Default)]
pub(super) struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    pub(super) fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_running(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}

/// Numbers of outcomes by name: a status, or the reason why there was none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts(BTreeMap<String, u64>);

impl Counts {
    pub(super) fn add(&mut self, outcome: impl Into<String>) {
        *self.0.entry(outcome.into()).or_default() += 1;
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (outcome, count) in other.0 {
            *self.0.entry(outcome).or_default() += count;
        }
    }

    pub(super) fn sum(&self) -> u64 {
        self.0.values().sum()
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return out.write_str("–");
        }
        for (place, (outcome, count)) in self.0.iter().enumerate() {
            write!(out, "{}{count} × {outcome}", if place == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
