//! The server over HTTP, on a real port, on SQLite and on PostgreSQL.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a failed expectation must fail the test")]
#![expect(clippy::disallowed_methods, reason = "a test checks the database with statements of its own")]

mod support;

mod aliases;
mod bad_input;
mod bulk;
mod changes;
mod commands;
mod complete;
mod concurrency;
mod conditions_table;
mod connections;
mod cors;
mod create;
mod delete;
mod documents;
mod events;
mod fair_shares;
mod fastapi_upgrade;
mod fields;
mod front_ends;
mod get;
mod history;
mod idempotency_keys;
mod list;
mod list_queries;
mod live;
mod logs;
mod mcp;
mod mcp_agents;
mod mcp_refusals;
mod mcp_tokens;
mod me;
mod methods;
mod metrics;
mod mistakes;
mod operations;
mod outages;
mod ownership;
mod pages;
mod pooler;
mod preconditions;
mod process;
mod random_operations;
mod rate_limit;
mod readiness;
mod request_checks;
mod several_servers;
mod strict_handling;
mod task_limit;
mod tls;
mod tokens;
mod trash;
mod update;
mod versions;
