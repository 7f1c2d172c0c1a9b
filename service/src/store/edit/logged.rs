//! The log of a batch of one owner, for PostgreSQL whose tables are split by owner: rows of values with the images that were read
//! before.

use std::sync::LazyLock;

use ::entity::task_change::{Column, Entity};
use sea_orm::sea_query::{IntoIden, Query};
use sea_orm::{DbErr, IdenStatic};

use super::steps::Kind;
use crate::db::Transaction;
use crate::model::Task;
use crate::store::columns::IMAGE;
use crate::store::image::{self, HasImage};
use crate::store::input::{Input, InputValue, Sent};
use crate::store::request::EditRequest;
use crate::store::statement::{Cell, Inserted, Statement};

/// A change that is logged.
#[derive(Debug)]
pub(super) struct Logged {
    user_id: String,
    at: i64,
    task_id: i64,
    kind: Kind,
    actor: Option<String>,
    /// The task before the change. A change that creates a task has none.
    image: Option<Task>,
    tags: Option<String>,
}

impl Logged {
    /// The change that a request makes.
    pub(super) fn of(sent: &Sent<'_, EditRequest>, kind: Kind, task_id: i64, image: Option<Task>) -> Self {
        let caller = &sent.request.caller;
        Self {
            user_id: caller.user_id().as_str().to_owned(),
            at: sent.turn.at,
            task_id,
            kind,
            actor: caller.actor().map(str::to_owned),
            tags: image.as_ref().map(|task| task.tags.to_stored()),
            image,
        }
    }
}

impl HasImage for Logged {
    fn image(&self) -> Option<&Task> {
        self.image.as_ref()
    }

    fn tags(&self) -> Option<&str> {
        self.tags.as_deref()
    }
}

/// `INSERT INTO task_change (…) VALUES (…)`.
static LOG: LazyLock<Statement<Logged>> = LazyLock::new(|| {
    let mut inputs: Vec<Input<Logged>> = vec![
        Input { name: "user_id", value: InputValue::Text(|sent| Some(&sent.request.user_id)) },
        Input { name: "at", value: InputValue::BigInt(|sent| Some(sent.request.at)) },
        Input { name: "task_id", value: InputValue::BigInt(|sent| Some(sent.request.task_id)) },
        Input { name: "kind", value: InputValue::SmallInt(|sent| Some(sent.request.kind as i16)) },
        Input { name: "actor", value: InputValue::Text(|sent| sent.request.actor.as_deref()) },
    ];
    inputs.extend(image::inputs());
    let log = Statement::insert(inputs, || {
        let fixed = [Column::UserId, Column::At, Column::TaskId, Column::Kind, Column::Actor];
        let fixed = fixed.into_iter().map(|column| (column.into_iden(), Cell::Input(column.as_str())));
        let image = IMAGE.iter().map(|(_, kept, _)| kept.into_iden()).zip(image::cells::<Logged>());
        Inserted { insert: Query::insert().into_table(Entity).to_owned(), columns: fixed.chain(image).collect() }
    });
    log.for_one_owner()
});

/// Logs changes of one owner.
pub(super) async fn log(transaction: &mut Transaction, changes: &[Logged]) -> Result<(), DbErr> {
    LOG.fetch_in(transaction, &Sent::all(changes), |_| Ok(())).await
}
