//! The door to the rows of one owner; [`batch`](super::batch) is the one to those of many at a time. Nothing else names the
//! entity's `find`, `insert`, `update_many` or `delete_many` (clippy.toml refuses it), so no statement can forget the owner.
#![expect(clippy::disallowed_methods, reason = "this is the door")]

use ::entity::task::{COLUMN, Column, Entity};
use futures_util::future::BoxFuture;
use sea_orm::sea_query::{Condition, DeleteStatement, Expr, ExprTrait, Func, SelectStatement, UpdateStatement};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, QueryTrait};

use super::row;
use super::task::now;
use crate::{Caller, Db, Error};

/// When a write happens: now, or right after the last one of the same task where the clock says that this is not over, since
/// the clocks of several servers disagree, or one went back.
pub(super) struct Moment(Expr);

impl Moment {
    pub(super) fn now(backend: DbBackend) -> Self {
        let a_moment_later = Expr::cust(match backend {
            DbBackend::Sqlite => {
                "replace(strftime('%Y-%m-%dT%H:%M:%f+00:00', updated_at, '+0.001 seconds'), '.000+', '+')"
            }
            _ => "updated_at + interval '1 microsecond'",
        });
        Self(Func::greatest([a_moment_later, Expr::val(now().fixed_offset())]).into())
    }

    /// As a value to write.
    pub(super) fn to_expr(&self) -> Expr {
        self.0.clone()
    }
}

/// The task rows of one owner.
pub(crate) struct Owned<'a>(&'a Caller);

/// The rows that `caller` may read and write: theirs.
pub(crate) fn owned_by(caller: &Caller) -> Owned<'_> {
    Owned(caller)
}

impl Owned<'_> {
    /// Every one of them.
    pub(super) fn select(&self) -> SelectStatement {
        let rows = Entity::find().filter(COLUMN.user_id.eq(self.user_id()));
        rows.select_only().columns(row::READ).into_query()
    }

    /// How many of them there are for which this holds.
    pub(super) async fn count(&self, db: &impl ConnectionTrait, condition: Condition) -> Result<u64, DbErr> {
        Entity::find().filter(COLUMN.user_id.eq(self.user_id())).filter(condition).count(db).await
    }

    /// A write to all of them.
    pub(super) fn update_all(&self, moment: &Moment) -> UpdateStatement {
        let rows = Entity::update_many().filter(COLUMN.user_id.eq(self.user_id()));
        rows.col_expr(Column::UpdatedAt, moment.0.clone()).into_query()
    }

    /// The end of all of them.
    pub(crate) fn delete_all(&self) -> DeleteStatement {
        Entity::delete_many().filter(COLUMN.user_id.eq(self.user_id())).into_query()
    }

    /// The end of the one with this id, if it is among them.
    pub(super) fn delete(&self, id: i64) -> DeleteStatement {
        let mut delete = self.delete_all();
        delete.and_where(Expr::col(Column::Id).eq(id));
        delete
    }

    /// Why a statement for `id` touched no row.
    ///
    /// # Errors
    /// Always: [`Error::NotOwner`], [`Error::NotFound`], or what the database answers.
    pub(super) fn explain_missing<'a, T>(&'a self, db: &'a Db, id: i64) -> BoxFuture<'a, Result<T, Error>> {
        // Not "somebody's": a task of the caller's that was created a moment after the statement is simply not found.
        let others = Entity::find().filter(COLUMN.id.eq(id)).filter(COLUMN.user_id.ne(self.user_id()));
        let others = others.select_only().column(Column::Id);
        // Its state is large, and most requests need none.
        Box::pin(async move {
            let other = db.read(async move |db| others.clone().into_tuple::<i64>().one(db).await).await?;
            Err(if other.is_some() { Error::NotOwner } else { Error::NotFound })
        })
    }

    fn user_id(&self) -> &str {
        self.0.user_id().as_str()
    }
}
