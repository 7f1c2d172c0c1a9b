use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use service::{Caller, me};

use crate::error::Error;
use crate::extract::NoQuery;
use crate::routes::MAPPED;
use crate::server::State;

/// Erase all your data
///
/// Deletes everything that is stored of you. It cannot be undone, so export your data first if you may need it again. Your
/// account belongs to Better Auth and is kept. With very many tasks it can end with 503 before everything is erased: a repeated
/// request goes on.
#[utoipa::path(delete, path = MAPPED, tag = "permanent deletion", responses((status = 204, description = "All your data is erased")))]
pub async fn erase_me(state: Data<State>, caller: ReqData<Caller>, _: NoQuery) -> Result<HttpResponse, Error> {
    me::erase(&state.store, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}
