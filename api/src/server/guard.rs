use std::net::IpAddr;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderName;
use actix_web::middleware::Next;
use actix_web::{HttpMessage, web};
use percent_encoding::percent_decode_str;
use service::Caller;

use crate::auth::{Verifier, bearer};
use crate::config::TrustForwardedFor;
use crate::error::Error;
use crate::server::limits::RateLimits;

/// Stands before every operation: the address's rate limit (429), token (401), path user (403), the user's rate limit (429), in
/// this order and before anything else of the request is looked at. Handlers then find the caller as `ReqData<Caller>`; one
/// that is registered without the guard finds none and answers 500.
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
    let limits = request.app_data::<web::Data<RateLimits>>().ok_or_else(|| state("no RateLimits in the App"))?;
    if let Some(address) = client_address(request) {
        limits.addresses.check(&address)?;
    }
    let verifier = request.app_data::<web::Data<Verifier>>().ok_or_else(|| state("no Verifier in the App"))?;
    let caller = verifier.verify(bearer::token(request.headers())?).await?;

    if let Some(named) = request.match_info().get("user_id") {
        let named = percent_decode_str(named).decode_utf8();
        if named.map_or(true, |named| named != caller.user_id().as_str()) {
            return Err(Error::ForeignPath);
        }
    }
    limits.users.check(caller.user_id())?;
    Ok(caller)
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where the client is: the other end of the connection, or what a trusted proxy says of it. Our own machine is no client to
/// be limited: behind a proxy on it everybody would share its address.
fn client_address(request: &ServiceRequest) -> Option<IpAddr> {
    let trusts = request.app_data::<web::Data<TrustForwardedFor>>().is_some_and(|trust| trust.0);
    let forwarded = trusts.then(|| request.headers().get_all(FORWARDED_FOR).last()).flatten();
    // The last entry is the one that the proxy itself wrote.
    let said = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    let address = said.or_else(|| request.peer_addr().map(|peer| peer.ip()))?;
    (!address.is_loopback()).then(|| network(address))
}

/// Whoever has one IPv6 address has its whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}
