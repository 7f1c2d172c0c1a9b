//! The seven operations.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{self, Bytes, Data, Path, ServiceConfig};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::database::{Connection, Connections};
use crate::timestamp::Timestamp;
use crate::token::User;
use crate::wire::{Failure, Fields, INVALID, NOT_FOUND, NOT_OWNER, Task, json};

type Answer = Result<HttpResponse, Failure>;

/// Registers the routes.
pub(crate) fn configure(app: &mut ServiceConfig) {
    let task = web::resource("/api/tasks/{id}")
        .route(web::get().to(get))
        .route(web::put().to(update))
        .route(web::patch().to(update))
        .route(web::delete().to(delete));
    app.service(web::resource("/api/tasks").route(web::get().to(list)).route(web::post().to(create)))
        .service(task)
        .service(web::resource("/api/tasks/{id}/complete").route(web::patch().to(toggle)));
}

async fn list(user: User, db: Data<Connections>) -> Answer {
    let connection = db.next();
    let rows = connection.client.query(&connection.list, &[&user.0]).await?;
    json(HttpResponse::Ok(), &rows.iter().map(Task::from).collect::<Vec<_>>())
}

async fn create(user: User, db: Data<Connections>, body: Bytes) -> Answer {
    let fields = Fields::parse(&body)?;
    let (title, description) = (fields.title.ok_or(INVALID)?, fields.description.flatten());
    let folded = (title.to_lowercase(), description.as_deref().map(str::to_lowercase));
    let connection = db.next();
    let values = [&user.0 as &(dyn ToSql + Sync), &title, &description, &Timestamp::now(), &folded.0, &folded.1];
    let row = connection.client.query_one(&connection.create, &values).await?;
    let task = Task::from(&row);
    let mut answer = HttpResponse::Created();
    answer.insert_header((LOCATION, format!("/api/tasks/{}", task.id)));
    json(answer, &task)
}

async fn get(user: User, db: Data<Connections>, id: Path<i64>) -> Answer {
    let connection = db.next();
    let row = connection.client.query_opt(&connection.get, &[&user.0, &*id]).await?;
    the_task(connection, *id, row).await
}

async fn update(user: User, db: Data<Connections>, id: Path<i64>, body: Bytes) -> Answer {
    let Fields { title, description, completed } = Fields::parse(&body)?;
    let now = Timestamp::now();
    let (rewritten, description) = (description.is_some(), description.flatten());
    if title.is_none() && !rewritten && completed.is_none() {
        return get(user, db, id).await;
    }
    let title_folded = title.as_deref().map(str::to_lowercase);
    let folded = description.as_deref().map(str::to_lowercase);
    let connection = db.next();
    let row = connection
        .client
        .query_opt(
            &connection.update,
            &[&user.0, &*id, &now, &title, &title_folded, &rewritten, &description, &folded, &completed],
        )
        .await?;
    the_task(connection, *id, row).await
}

async fn toggle(user: User, db: Data<Connections>, id: Path<i64>) -> Answer {
    let connection = db.next();
    let row = connection.client.query_opt(&connection.toggle, &[&user.0, &*id, &Timestamp::now()]).await?;
    the_task(connection, *id, row).await
}

async fn delete(user: User, db: Data<Connections>, id: Path<i64>) -> Answer {
    let connection = db.next();
    match connection.client.execute(&connection.delete, &[&user.0, &*id]).await? {
        0 => Err(why_missing(connection, *id).await),
        _ => Ok(HttpResponse::NoContent().finish()),
    }
}

async fn the_task(connection: &Connection, id: i64, row: Option<Row>) -> Answer {
    match row {
        Some(row) => json(HttpResponse::Ok(), &Task::from(&row)),
        None => Err(why_missing(connection, id).await),
    }
}

/// Distinguishes 403 from 404 with a second statement, which is sent only if no row matched.
async fn why_missing(connection: &Connection, id: i64) -> Failure {
    match connection.client.query_opt(&connection.exists, &[&id]).await {
        Ok(Some(_)) => NOT_OWNER,
        Ok(None) => NOT_FOUND,
        Err(error) => error.into(),
    }
}
