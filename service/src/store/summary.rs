use ::entity::task::{Column, Entity};
use ::entity::task_owner;
use sea_orm::sea_query::{Alias, Condition, Expr, ExprTrait, Func, Order, Query, SelectStatement, UnionType};
use sea_orm::{QueryResult, Statement};

use super::cost::Cost;
use super::dialect::Dialect;
use super::{Store, filter, owned};
use crate::db::Db;
use crate::model::{DueIn, Filter, Priority, Status, Zone, now};
use crate::{Caller, Error};

/// The numbers of a caller's tasks.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// The state of the list.
    pub(crate) state: i64,
    pub(crate) all: u64,
    pub(crate) pending: u64,
    pub(crate) completed: u64,
    pub(crate) overdue: u64,
    pub(crate) due_today: u64,
    pub(crate) by_priority: [u64; 4],
    /// Pending tasks with a due date. If there are none, time changes no number.
    pub(crate) pending_due: u64,
}

/// A spelling of a tag, and the number of tasks that have the tag in this spelling.
pub(crate) type Spelling = (String, u64);

impl Store {
    /// The numbers of the caller's tasks and the spellings of their tags, in one statement.
    pub(crate) async fn summary(&self, caller: &Caller, zone: Zone) -> Result<(Counts, Vec<Spelling>), Error> {
        let dialect = Dialect::of_db(&self.db);
        let summary = self.db.backend().build(&summary(caller, zone, dialect));
        let rows = self.all_rows(caller, summary).await?;
        let mut counts = Counts::default();
        let mut spellings = Vec::new();
        for row in rows {
            let count = |index| -> Result<u64, Error> { Ok(row.try_get_by_index::<i64>(index)?.unsigned_abs()) };
            if let Some(tag) = row.try_get_by_index::<Option<String>>(0)? {
                spellings.push((tag, count(1)?));
                continue;
            }
            counts = Counts {
                state: row.try_get_by_index::<Option<i64>>(11)?.unwrap_or_default(),
                all: count(1)?,
                pending: count(2)?,
                completed: count(3)?,
                overdue: count(4)?,
                due_today: count(5)?,
                by_priority: [count(6)?, count(7)?, count(8)?, count(9)?],
                pending_due: count(10)?,
            };
        }
        Ok((counts, spellings))
    }

    /// The spellings of the tags of the caller's tasks, and the state of the list, in one statement.
    pub(crate) async fn tags(&self, caller: &Caller) -> Result<(Vec<Spelling>, i64), Error> {
        let mut tags = clock(caller);
        // A table of its own, because its LIMIT would be that of the whole union.
        let spellings = Query::select()
            .columns([Alias::new("tasks"), Alias::new("spelling")])
            .from_subquery(tags_of(caller, Dialect::of_db(&self.db)), Alias::new("tag"))
            .to_owned();
        tags.expr(Expr::cust("NULL")).union(UnionType::All, spellings);
        let rows = self.all_rows(caller, self.db.backend().build(&tags)).await?;
        let (mut spellings, mut state) = (Vec::new(), 0);
        for row in rows {
            let number = row.try_get_by_index::<i64>(0)?;
            match row.try_get_by_index::<Option<String>>(1)? {
                Some(spelling) => spellings.push((spelling, number.unsigned_abs())),
                None => state = number,
            }
        }
        Ok((spellings, state))
    }

    async fn all_rows(&self, caller: &Caller, statement: Statement) -> Result<Vec<QueryResult>, Error> {
        let select = |db: Db, limit| {
            let statement = statement.clone();
            async move {
                let push = |rows: &mut Vec<_>, row| {
                    rows.push(row);
                    Ok(())
                };
                db.select(&statement, limit, push).await
            }
        };
        self.alone(caller, Cost::Heavy, select).await
    }
}

/// One row with the counts, and one row for each spelling of a tag. The first column is null in the row with the counts.
fn summary(caller: &Caller, zone: Zone, dialect: Dialect) -> SelectStatement {
    let now = now();
    let passing = |filter: &Filter| filter::condition(filter, dialect, now);
    let status = |status| passing(&Filter { status, ..Filter::default() });
    let due = |due: DueIn| filter::due_in(due, zone, now);
    let of = |priority| passing(&Filter { priorities: vec![priority], ..Filter::default() });
    let mut kinds = vec![
        status(Status::Pending),
        status(Status::Completed),
        due(DueIn::Overdue),
        due(DueIn::Today).add(status(Status::Pending)),
    ];
    kinds.extend(Priority::ALL.map(of));
    kinds.push(status(Status::Pending).add(Expr::col(Column::DueDate).is_not_null()));

    let mut counts = owned::select_nothing(caller);
    counts.expr(Expr::cust("NULL")).expr(Func::count(Expr::col(Column::Id)));
    for kind in &kinds {
        counts.expr(Func::count(Expr::case(kind.clone(), 1).finally(Expr::cust("NULL"))));
    }
    counts.expr(Expr::SubQuery(None, Box::new(clock(caller).into())));
    // A table of its own, because its LIMIT would be that of the whole union.
    let mut tags = Query::select();
    tags.columns([Alias::new("spelling"), Alias::new("tasks")])
        .from_subquery(tags_of(caller, dialect), Alias::new("tag"));
    for _ in 0..=kinds.len() {
        tags.expr(Expr::cust("NULL"));
    }
    counts.union(UnionType::All, tags);
    counts
}

/// `SELECT clock FROM task_owner WHERE user_id = …`.
fn clock(caller: &Caller) -> SelectStatement {
    Query::select()
        .column(task_owner::Column::Clock)
        .from(task_owner::Entity)
        .and_where(Expr::col(task_owner::Column::UserId).eq(caller.user_id().as_str()))
        .to_owned()
}

/// The maximum number of spellings that are returned: those that most tasks have. It bounds the memory of an answer.
const MAX_SPELLINGS: u64 = 10_000;

/// Each spelling of a tag, and the number of tasks that have it.
fn tags_of(caller: &Caller, dialect: Dialect) -> SelectStatement {
    let (elements, element) = dialect.tag_elements();
    let mut select = owned::select_nothing(caller);
    select
        .from_function(elements, Alias::new("tag"))
        .cond_where(Condition::all().add(Expr::col(Column::TagsFolded).ne("")))
        .expr_as(element.clone(), Alias::new("spelling"))
        .expr_as(Func::count(Expr::col((Entity, Column::Id))), Alias::new("tasks"))
        .add_group_by([element.clone()])
        .order_by(Alias::new("tasks"), Order::Desc)
        .order_by_expr(element, Order::Asc)
        .limit(MAX_SPELLINGS);
    select
}
