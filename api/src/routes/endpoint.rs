use std::future::ready;

use actix_web::body::BoxBody;
use actix_web::dev::{Handler, ServiceRequest, ServiceResponse};
use actix_web::guard::{self, Guard};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::{FromRequest, HttpResponse, Resource, Responder, Route, web};

use crate::error::Error;
use crate::server::{guard as admission, observe};

/// One path and what can be done there. Whatever it is, HEAD works where GET does, OPTIONS tells the methods, and another
/// method is 405 with `Allow`.
pub struct Endpoint {
    path: &'static str,
    for_anyone: bool,
    routes: Vec<(Method, MakeRoute)>,
}

/// Each path that an operation is found at has a route of its own.
type MakeRoute = Box<dyn Fn() -> Route>;

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
        let (for_anyone, answered) = (self.for_anyone, method.clone());
        let make = move || {
            let route = web::route().guard(answers(&answered)).to(handler.clone());
            // Here, inside CORS, so that a page can read every answer.
            if for_anyone { route.wrap(from_fn(of_anyone)) } else { route.wrap(from_fn(of_callers)) }
        };
        self.routes.push((method, Box::new(make)));
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

    /// Where it is found: at its path; that of callers also with a slash at the end, under the caller's id, and there with a slash.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = vec![self.path.to_owned()];
        if !self.for_anyone {
            paths.push(format!("{}/", self.path));
            if !self.path.starts_with("/api/me") {
                let named = self.path.replacen("/api/", "/api/{user_id}/", 1);
                let with_slash = format!("{named}/");
                paths.extend([named, with_slash]);
            }
        }
        paths
    }

    /// Its operations at one of these paths; named after the first, whichever it is.
    pub(super) fn resource(&self, path: &str) -> Resource {
        let allow = self.allow();
        let mut resource = web::resource(path).name(self.path);
        for (_, make) in &self.routes {
            resource = resource.route(make());
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
    observe::catch_panic(request, async |request| admission::guard(request, next).await).await
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
