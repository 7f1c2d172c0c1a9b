//! Replaces a table by one that is partitioned by owner, with PostgreSQL alone.
//!
//! The tests of this repository use it in place of Citus. It copies everything that the migrations create, from the catalog:
//! columns with their defaults, checks, collations and storage options, generated columns, keys, indexes, comments, sequences. It
//! does not copy the rights of other roles, triggers and row security, which the migrations do not use.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseTransaction};

use crate::layout::rows;

/// Replaces the table by one with this many partitions, and keeps its rows. The table is locked. Its keys have the owner.
///
/// # Errors
/// That the table has a foreign key, or the database's error.
pub(crate) async fn split(transaction: &DatabaseTransaction, table: &str, parts: i64) -> Result<(), DbErr> {
    let run = async |statement: &str| transaction.execute_unprepared(statement).await;
    let texts = async |query: &str| -> Result<Vec<String>, DbErr> {
        let query = query.replace("THIS", &format!("to_regclass('{table}')"));
        rows(transaction, &query).await?.iter().map(|row| row.try_get("", "text")).collect()
    };
    let foreign =
        "SELECT conname::text AS text FROM pg_constraint WHERE contype = 'f' AND THIS IN (conrelid, confrelid)";
    if let Some(name) = texts(foreign).await?.first() {
        return Err(DbErr::Migration(format!("the table {table} has the foreign key {name}, which would be lost")));
    }
    // The database computes the others.
    let columns = "SELECT quote_ident(attname) AS text FROM pg_attribute WHERE attrelid = THIS AND attnum > 0 \
                   AND NOT attisdropped AND attgenerated = '' ORDER BY attnum";
    let columns = texts(columns).await?.join(", ");
    let options = "SELECT format('%s = %L', option_name, option_value) AS text FROM pg_class, \
                   pg_options_to_table(reloptions) WHERE oid = THIS";
    let options = Some(texts(options).await?.join(", ")).filter(|options| !options.is_empty());
    let options = options.map(|options| format!(" WITH ({options})")).unwrap_or_default();
    // Statements that are run on the new table, after it has the name of the old one.
    let mut finish = Vec::new();
    for query in [
        format!(
            "SELECT format('ALTER TABLE {table} ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)) AS text
             FROM pg_constraint WHERE conrelid = THIS AND contype IN ('p', 'u', 'x') ORDER BY conname"
        ),
        "SELECT pg_get_indexdef(indexrelid) AS text FROM pg_index WHERE indrelid = THIS AND NOT EXISTS (SELECT \
         FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x')) ORDER BY indexrelid"
            .to_owned(),
        format!(
            "SELECT format('COMMENT ON TABLE {table} IS %L', comment) AS text
             FROM obj_description(THIS, 'pg_class') AS comment WHERE comment IS NOT NULL"
        ),
    ] {
        finish.extend(texts(&query).await?);
    }

    let new = format!("{table}_new");
    let like = format!("LIKE {table} INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY");
    run(&format!("CREATE TABLE {new} ({like}) PARTITION BY HASH (user_id)")).await?;
    for part in 0..parts {
        let values = format!("MODULUS {parts}, REMAINDER {part}");
        // The table itself has no storage, so it takes no storage options.
        run(&format!("CREATE TABLE {table}_p{part} PARTITION OF {new} FOR VALUES WITH ({values}){options}")).await?;
    }
    run(&format!("INSERT INTO {new} ({columns}) SELECT {columns} FROM {table}")).await?;
    for statement in sequences(transaction, table, &new).await? {
        run(&statement).await?;
    }
    run(&format!("DROP TABLE {table}")).await?;
    run(&format!("ALTER TABLE {new} RENAME TO {table}")).await?;
    for statement in finish {
        run(&statement).await?;
    }
    Ok(())
}

/// Returns the statements that give the sequences of a table to the new one.
///
/// Before PostgreSQL 17 a partitioned table has no identity columns. The column gets the next value of a sequence as its default,
/// and owns the sequence, so that `pg_get_serial_sequence` finds it.
async fn sequences(transaction: &DatabaseTransaction, table: &str, new: &str) -> Result<Vec<String>, DbErr> {
    let query = format!(
        "SELECT part, sequence, is_identity, format(
            'CREATE SEQUENCE %s AS %s INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s', sequence,
            format_type(seqtypid, NULL), seqincrement, seqmin, seqmax, seqstart, seqcache) AS again
         FROM (SELECT quote_ident(attname) AS part, attidentity <> '' AS is_identity,
                pg_get_serial_sequence('{table}', attname) AS sequence
            FROM pg_attribute WHERE attrelid = to_regclass('{table}') AND attnum > 0 AND NOT attisdropped) AS owned
         JOIN pg_sequence ON seqrelid = to_regclass(sequence)"
    );
    let mut statements = Vec::new();
    for row in rows(transaction, &query).await? {
        let [part, sequence, again] = ["part", "sequence", "again"].map(|name| row.try_get::<String>("", name));
        let (part, sequence) = (part?, sequence?);
        if row.try_get("", "is_identity")? {
            let state = format!(
                "SELECT format('SELECT setval(''{sequence}'', %s, %L)', last_value, is_called) AS text FROM {sequence}"
            );
            statements.push(format!("ALTER TABLE {table} ALTER COLUMN {part} DROP IDENTITY"));
            statements.push(again?);
            for state in rows(transaction, &state).await? {
                statements.push(state.try_get("", "text")?);
            }
        }
        statements.push(format!("ALTER SEQUENCE {sequence} OWNED BY {new}.{part}"));
        statements.push(format!("ALTER TABLE {new} ALTER COLUMN {part} SET DEFAULT nextval('{sequence}')"));
    }
    Ok(statements)
}
