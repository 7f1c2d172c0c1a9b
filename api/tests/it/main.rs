//! The server over HTTP, on a real port, on SQLite and on PostgreSQL.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "what does not hold must fail the test")]
#![expect(clippy::disallowed_methods, reason = "a test checks the database with statements of its own")]

mod support;

mod adoption;
mod aliases;
mod bad_input;
mod buttons;
mod complete;
mod cors;
mod create;
mod delete;
mod documents;
mod errors;
mod fields;
mod get;
mod list;
mod list_queries;
mod me;
mod methods;
mod model;
mod operations;
mod outages;
mod ownership;
mod pages;
mod pooler;
mod process;
mod rate_limit;
mod several;
mod strict;
mod tls;
mod tokens;
mod truth;
mod update;
