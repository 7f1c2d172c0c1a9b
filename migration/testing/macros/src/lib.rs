//! The attribute `#[on_both_databases]`; use it through the crate `testing`.

use proc_macro::TokenStream;
use quote::quote;
use syn::{Error, FnArg, ItemFn, parse_macro_input};

/// Runs a test once on SQLite and once on PostgreSQL, as `name::on_sqlite` and `name::on_postgres`.
///
/// The test is an `async fn` with one argument, whose type implements `testing::Fixture`. Each run gets a database of its own. If
/// there is no PostgreSQL, `name::on_postgres` passes without running the test; see the crate `testing`.
///
/// ```text
/// #[on_both_databases]
/// async fn a_new_database_has_no_tasks(database: TestDatabase) { … }
/// ```
#[proc_macro_attribute]
pub fn on_both_databases(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let test = parse_macro_input!(item as ItemFn);
    if !arguments.is_empty() {
        return Error::new_spanned(&test.sig, "#[on_both_databases] takes no arguments").to_compile_error().into();
    }
    let inputs: Vec<&FnArg> = test.sig.inputs.iter().collect();
    let (Some(_), [FnArg::Typed(argument)]) = (test.sig.asyncness, &inputs[..]) else {
        let problem = "#[on_both_databases] needs an async function with one argument";
        return Error::new_spanned(&test.sig, problem).to_compile_error().into();
    };
    let (attributes, name, pattern, fixture, body) =
        (&test.attrs, &test.sig.ident, &argument.pat, &argument.ty, &test.block);
    quote! {
        mod #name {
            use super::*;

            #(#attributes)*
            async fn check(#pattern: #fixture) #body

            #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                let database = ::testing::TestDatabase::migrated(::testing::Backend::Sqlite).await;
                let database = database.expect("SQLite is built in");
                check(<#fixture as ::testing::Fixture>::on(database).await).await;
            }

            #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                if let Some(database) = ::testing::TestDatabase::migrated(::testing::Backend::Postgres).await {
                    check(<#fixture as ::testing::Fixture>::on(database).await).await;
                }
            }
        }
    }
    .into()
}
