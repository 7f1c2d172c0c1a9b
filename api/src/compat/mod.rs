//! What front ends send in forms of their own, rewritten into the contract's forms before it is read.
//!
//! The contract ignores unknown fields and parameters, so front ends send many. If such a name becomes one of the contract, a
//! client that sends it in its own form must not break. This room rewrites each form whose meaning is clear. The numbers are the
//! public repositories that were found to send it; `api/tests/it/front_ends.rs` replays what they send.
//!
//! | Front ends send | Repositories | It is read as |
//! |---|---|---|
//! | `tags` as one text, `""` or `"home, work"` | 3 of 48 | a list: no tag, or two |
//! | `due_date` without an offset, as `<input type="datetime-local">` gives it | 6 of 48 | a wall time, see `service::tasks::Due` |
//! | `recurrence` as `"none"`, `""`, `false`, an unknown word or an object | 16 of 48 | null, or not at all, see `json::schedule` |
//! | `sort_order`, `sortOrder`, `sortBy` | 8 of 48 | `order`, `order`, `sort_by` |
//! | `sort_by` in camel case, or with a key that tasks do not have | 8 of 48 | the key, or the usual order |
//! | `page` or `skip` or `offset`, with `limit` | not counted | the page that begins there |
//! | `per_page` or `page_size`, with one of those | not counted | `limit` |
//! | `status` and `priority` in other words or in capitals | not counted | ours, if the meaning is clear |
//! | `is_completed`, `is_complete`, `done` or `status` in PUT and PATCH | 7 of 29 clients | `completed` |
//!
//! With `Prefer: handling=strict` nothing is rewritten, so each form is refused and named like any other unknown name or invalid
//! value. What is answered never depends on this room. Only the setting `TASK_ALIASES` adds fields to answers.
//!
//! A request without such a form costs one look at its names and allocates nothing.

mod body;
mod fields;
mod list;
mod strict;
mod values;

pub use body::{Forms, TaskBody};
pub(crate) use body::{needs_rewriting, rewrite};
pub(crate) use fields::{Fields, object};
pub use list::Paging;
pub(crate) use list::{MAX_LIMIT, is_paging, rewrite_list_query};
pub(crate) use strict::check_offset;
