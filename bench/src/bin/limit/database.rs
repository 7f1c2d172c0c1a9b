//! The connections of a worker, and the statements prepared on each.

use std::cell::Cell;

use tokio_postgres::{Client, Error, NoTls, Statement};

use crate::wire::COLUMNS;

/// The connections of one worker. More than two were no faster, and each costs PostgreSQL a process.
pub(crate) struct Connections([Connection; 2], Cell<bool>);

/// One connection. `Client` pipelines: it sends a statement while earlier ones are in flight on the same socket.
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) get: Statement,
    pub(crate) list: Statement,
    pub(crate) create: Statement,
    pub(crate) update: Statement,
    pub(crate) toggle: Statement,
    pub(crate) delete: Statement,
    pub(crate) exists: Statement,
}

impl Connections {
    pub(crate) async fn connect(url: String) -> Result<Self, Error> {
        Ok(Self([Connection::open(&url).await?, Connection::open(&url).await?], Cell::new(false)))
    }

    /// Returns the two connections in turn.
    pub(crate) fn next(&self) -> &Connection {
        let turn = self.1.get();
        self.1.set(!turn);
        &self.0[usize::from(turn)]
    }
}

impl Connection {
    async fn open(url: &str) -> Result<Self, Error> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        actix_web::rt::spawn(connection);
        let prepare = async |sql: &str| {
            let sql = sql.replace("{columns}", COLUMNS).replace("{mine}", "WHERE user_id = $1 AND id = $2");
            client.prepare(&sql.replace("{moved}", "GREATEST(updated_at + interval '1 microsecond', $3)")).await
        };
        Ok(Self {
            get: prepare("SELECT {columns} FROM task {mine}").await?,
            list: prepare("SELECT {columns} FROM task WHERE user_id = $1 ORDER BY created_at DESC, id DESC").await?,
            // The real server's folding also removes accents; lower case is enough for this comparison.
            create: prepare(
                "INSERT INTO task (user_id, title, description, completed, created_at, updated_at, completed_at, priority,
                                   tags, due_date, due_at, title_folded, description_folded, tags_folded)
                VALUES ($1, $2, $3, false, $4, $4, NULL, 0, '[]', NULL, NULL, $5, $6, '') RETURNING {columns}",
            )
            .await?,
            update: prepare(
                "UPDATE task SET updated_at = {moved},
                    title = COALESCE($4, title), title_folded = COALESCE($5, title_folded),
                    description = CASE WHEN $6 THEN $7 ELSE description END,
                    description_folded = CASE WHEN $6 THEN $8 ELSE description_folded END,
                    completed = COALESCE($9, completed),
                    completed_at = CASE COALESCE($9, completed) WHEN completed THEN completed_at WHEN true THEN $3 END
                {mine} RETURNING {columns}",
            )
            .await?,
            toggle: prepare(
                "UPDATE task SET updated_at = {moved}, completed = NOT completed,
                    completed_at = CASE WHEN completed THEN NULL ELSE $3 END
                {mine} RETURNING {columns}",
            )
            .await?,
            delete: prepare("DELETE FROM task {mine}").await?,
            exists: prepare("SELECT FROM task WHERE id = $1").await?,
            client,
        })
    }
}
