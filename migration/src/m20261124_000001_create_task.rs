use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(Task::Table)
                    // SQLite: AUTOINCREMENT, PostgreSQL: a sequence. Neither gives an id out twice.
                    .col(ColumnDef::new(Task::Id).big_integer().not_null().auto_increment().primary_key())
                    .col(ColumnDef::new(Task::UserId).text().not_null())
                    .col(ColumnDef::new(Task::Title).text().not_null())
                    .col(ColumnDef::new(Task::Description).text())
                    .col(ColumnDef::new(Task::Completed).boolean().not_null())
                    .col(ColumnDef::new(Task::CreatedAt).timestamp_with_time_zone().not_null())
                    .col(ColumnDef::new(Task::UpdatedAt).timestamp_with_time_zone().not_null())
                    .to_owned(),
            )
            .await?;
        // Read backwards it is "this owner's tasks, newest first" without a sort, with and without a status. `completed` and
        // `updated_at` stay out of it, so that completing a task touches no index (a HOT update on PostgreSQL).
        manager
            .create_index(
                Index::create()
                    .name("task_user_id_created_at_id")
                    .table(Task::Table)
                    .col(Task::UserId)
                    .col(Task::CreatedAt)
                    .col(Task::Id)
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Task::Table).to_owned()).await
    }
}

/// The table has the name that SQLModel gives it.
#[derive(DeriveIden)]
enum Task {
    Table,
    Id,
    UserId,
    Title,
    Description,
    Completed,
    CreatedAt,
    UpdatedAt,
}
