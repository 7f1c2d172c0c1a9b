use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, web};
use percent_encoding::percent_decode_str;
use service::Caller;

use super::{Verifier, bearer};
use crate::error::Error;
use crate::rate_limit::RateLimit;

/// Stands before every operation: token (401), path user (403), rate limit (429), in this order and before anything else
/// of the request is looked at. Handlers then find the caller as `ReqData<Caller>`; one that is registered without the
/// guard finds none and answers 500.
pub async fn guard(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    match admit(&request).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.call(request).await
        }
        // As a response, not as `Err`: an error would pass the CORS layer by and reach no page.
        Err(error) => Ok(request.error_response(error)),
    }
}

async fn admit(request: &ServiceRequest) -> Result<Caller, Error> {
    let state = |missing: &'static str| Error::Internal(missing.to_owned());
    let verifier = request.app_data::<web::Data<Verifier>>().ok_or_else(|| state("no Verifier in the App"))?;
    let caller = verifier.verify(bearer::token(request.headers())?).await?;

    if let Some(named) = request.match_info().get("user_id") {
        let named = percent_decode_str(named).decode_utf8();
        if named.map_or(true, |named| named != caller.user_id().as_str()) {
            return Err(Error::ForeignPath);
        }
    }
    let rate_limit = request.app_data::<web::Data<RateLimit>>().ok_or_else(|| state("no RateLimit in the App"))?;
    rate_limit.check(caller.user_id())?;
    Ok(caller)
}
