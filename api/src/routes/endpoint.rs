use std::future::ready;

use actix_web::body::BoxBody;
use actix_web::dev::{Handler, ServiceRequest, ServiceResponse};
use actix_web::guard::{self, Guard};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::{FromRequest, HttpResponse, Resource, Responder, Route, web};

use crate::error::Error;
use crate::{auth, observe};

/// One path and what can be done there. Whatever it is, HEAD works where GET does, OPTIONS tells the methods, and another
/// method is 405 with `Allow`.
pub struct Endpoint {
    path: &'static str,
    for_anyone: bool,
    routes: Vec<(Method, Route)>,
}

impl Endpoint {
    /// A path below `/api/` whose operations need a caller.
    #[must_use]
    pub fn of_callers(path: &'static str) -> Self {
        Self { path, for_anyone: false, routes: Vec::new() }
    }

    /// A path whose operations need no token.
    #[must_use]
    pub fn of_anyone(path: &'static str) -> Self {
        Self { path, for_anyone: true, routes: Vec::new() }
    }

    /// Answers GET, and HEAD.
    #[must_use]
    pub fn get<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::GET, handler)
    }

    /// Answers POST.
    #[must_use]
    pub fn post<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::POST, handler)
    }

    /// Answers PUT.
    #[must_use]
    pub fn put<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::PUT, handler)
    }

    /// Answers PATCH.
    #[must_use]
    pub fn patch<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::PATCH, handler)
    }

    /// Answers DELETE.
    #[must_use]
    pub fn delete<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::DELETE, handler)
    }

    fn on<F, Args>(mut self, method: Method, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let route = web::route().guard(answers(&method)).to(handler);
        // Here, inside CORS, so that a page can read every answer.
        let route = if self.for_anyone { route.wrap(from_fn(of_anyone)) } else { route.wrap(from_fn(of_callers)) };
        self.routes.push((method, route));
        self
    }

    /// The path, as the OpenAPI document has it.
    #[must_use]
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// The methods that handlers were given for.
    pub fn methods(&self) -> impl Iterator<Item = &Method> {
        self.routes.iter().map(|(method, _)| method)
    }

    pub(super) fn into_resource(self) -> Resource {
        let mut paths = vec![self.path.to_owned()];
        if !self.for_anyone {
            if !self.path.starts_with("/api/me") {
                paths.push(self.path.replacen("/api/", "/api/{user_id}/", 1));
            }
            let with_slash: Vec<_> = paths.iter().map(|path| format!("{path}/")).collect();
            paths.extend(with_slash);
        }
        let allow = self.allow();
        let mut resource = web::resource(paths);
        for (_, route) in self.routes {
            resource = resource.route(route);
        }
        let told = allow.clone();
        let options = move || ready(HttpResponse::NoContent().insert_header((ALLOW, told.clone())).finish());
        let no_method = move || ready(Err::<HttpResponse, _>(Error::NoMethod { allow: allow.clone() }));
        resource.route(web::method(Method::OPTIONS).to(options)).default_service(web::to(no_method))
    }

    /// The value of `Allow`.
    fn allow(&self) -> HeaderValue {
        let mut methods: Vec<&str> = self.methods().map(Method::as_str).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        // Method names are header text.
        HeaderValue::from_str(&methods.join(", ")).unwrap_or(HeaderValue::from_static(""))
    }
}

async fn of_anyone(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse, actix_web::Error> {
    observe::catch_panic(request, async |request| next.call(request).await).await
}

/// One layer for both: each costs every request allocations.
async fn of_callers(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse, actix_web::Error> {
    observe::catch_panic(request, async |request| auth::guard(request, next).await).await
}

fn answers(method: &Method) -> impl Guard + use<> {
    let this = guard::Method(method.clone());
    let with_head = guard::Any(this);
    if method == Method::GET { with_head.or(guard::Head()) } else { with_head }
}

/// What is at no path of the map.
pub(super) async fn no_route() -> Result<HttpResponse, Error> {
    Err(Error::NoRoute)
}
