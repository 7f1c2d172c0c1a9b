//! The one door to task rows. Nothing else names the entity's `find`, `insert`, `update_many` or
//! `delete_many` (clippy.toml refuses it), so no statement can forget the owner.
#![expect(clippy::disallowed_methods, reason = "this is the door")]

use ::entity::task::{ActiveModel, COLUMN, Column, Entity};
use sea_orm::sea_query::{Expr, Func};
use sea_orm::{ActiveValue, DbBackend, DeleteMany, EntityTrait, Insert, QueryFilter, QuerySelect, Select, UpdateMany};

use super::task::now;
use crate::{Caller, Db, Error};

/// The task rows of one owner.
pub(crate) struct Owned<'a>(&'a Caller);

/// The rows that `caller` may read and write: theirs.
pub(crate) fn owned_by(caller: &Caller) -> Owned<'_> {
    Owned(caller)
}

impl Owned<'_> {
    /// Every one of them.
    pub(crate) fn select(&self) -> Select<Entity> {
        Entity::find().filter(COLUMN.user_id.eq(self.user_id()))
    }

    /// The one with this id, if it is among them.
    pub(super) fn select_one(&self, id: i64) -> Select<Entity> {
        self.select().filter(COLUMN.id.eq(id))
    }

    /// A new one.
    pub(super) fn insert(&self, mut row: ActiveModel) -> Insert<ActiveModel> {
        row.user_id = ActiveValue::Set(self.user_id().to_owned());
        Entity::insert(row)
    }

    /// A write to the one with this id, if it is among them; it moves `updated_at` forward, even when the clocks of several
    /// servers disagree, or one goes back.
    pub(super) fn update(&self, id: i64, backend: DbBackend) -> UpdateMany<Entity> {
        let a_moment_later = Expr::cust(match backend {
            DbBackend::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f+00:00', updated_at, '+0.001 seconds')",
            _ => "updated_at + interval '1 microsecond'",
        });
        let moved = Func::greatest([a_moment_later, Expr::val(now().fixed_offset())]);
        Entity::update_many()
            .filter(COLUMN.user_id.eq(self.user_id()))
            .filter(COLUMN.id.eq(id))
            .col_expr(Column::UpdatedAt, moved.into())
    }

    /// The end of all of them.
    pub(crate) fn delete_all(&self) -> DeleteMany<Entity> {
        Entity::delete_many().filter(COLUMN.user_id.eq(self.user_id()))
    }

    /// The end of the one with this id, if it is among them.
    pub(super) fn delete(&self, id: i64) -> DeleteMany<Entity> {
        self.delete_all().filter(COLUMN.id.eq(id))
    }

    /// Why a statement for `id` touched no row.
    ///
    /// # Errors
    /// Always: [`Error::NotOwner`], [`Error::NotFound`], or what the database answers.
    pub(super) async fn explain_missing<T>(&self, db: &Db, id: i64) -> Result<T, Error> {
        // Not "somebody's": a task of the caller's that was created a moment after the statement is simply not found.
        let others = Entity::find().filter(COLUMN.id.eq(id)).filter(COLUMN.user_id.ne(self.user_id()));
        let others = others.select_only().column(Column::Id);
        let other: Option<i64> = db.read(async |db| others.clone().into_tuple().one(db).await).await?;
        Err(if other.is_some() { Error::NotOwner } else { Error::NotFound })
    }

    fn user_id(&self) -> &str {
        self.0.user_id().as_str()
    }
}
