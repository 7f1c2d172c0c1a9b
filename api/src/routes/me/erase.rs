use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use service::{Caller, Store, me};

use crate::error::Error;
use crate::extract::NoQuery;

/// Erase all that is stored of you
///
/// In one step, and for good: export it before, if you may want it back. Your account is Better Auth's and stays.
#[utoipa::path(delete, path = "/api/me", tag = "me",
    responses((status = 204, description = "Nothing is stored of you any more")))]
pub async fn erase_me(db: Data<Store>, caller: ReqData<Caller>, _: NoQuery) -> Result<HttpResponse, Error> {
    me::erase(&db, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}
