use std::future::ready;
use std::rc::Rc;

use actix_web::body::BoxBody;
use actix_web::dev::{Handler, ServiceRequest, ServiceResponse};
use actix_web::guard::{self, Guard};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::{FromRequest, HttpResponse, Resource, Responder, Route, web};
use utoipa::openapi::{HttpMethod, OpenApi as Document};

use crate::error::Error;
use crate::server;

/// A path and its operations. On every path HEAD is answered like GET, OPTIONS returns the methods, and any other method is
/// 405 with `Allow`.
pub(super) struct Endpoint {
    path: &'static str,
    is_public: bool,
    routes: Vec<(Method, MakeRoute)>,
    /// What the handlers state about themselves, each with an operation under the path [`super::MAPPED`].
    documents: Vec<Document>,
}

/// The pattern of the id of a task: everything but a word, that is letters, digits, `-` and `_` after a letter. A text that is
/// neither an integer nor a word has a handler, which refuses it.
const ID: &str = r"{id:[^A-Za-z/][^/]*|[A-Za-z][A-Za-z0-9_\-]*[^A-Za-z0-9_/\-][^/]*}";

/// The pattern of the paths below `/api/tasks` that begin with a word. Those of the map are not found here if they are registered
/// first.
pub(super) const WORDS: &str = r"/api/tasks/{path:[A-Za-z][A-Za-z0-9_\-]*(?:/.*)?}";

/// An operation of the API, as the OpenAPI document has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The name of its handler.
    pub id: String,
    /// Its method, in capitals.
    pub method: String,
    /// Its path, with `{id}` for the id of a task.
    pub path: &'static str,
}

/// Makes the route of an operation. It is called for each spelling of the path.
type MakeRoute = Rc<dyn Fn(&Method) -> Route>;

/// The methods of operations, by their names in the OpenAPI library and in the HTTP library.
const METHODS: [(HttpMethod, Method); 5] = [
    (HttpMethod::Get, Method::GET),
    (HttpMethod::Post, Method::POST),
    (HttpMethod::Put, Method::PUT),
    (HttpMethod::Patch, Method::PATCH),
    (HttpMethod::Delete, Method::DELETE),
];

impl Endpoint {
    /// Makes an endpoint below `/api/` whose operations need a caller.
    pub(super) fn of_callers(path: &'static str) -> Self {
        Self { path, is_public: false, routes: Vec::new(), documents: Vec::new() }
    }

    /// Makes an endpoint whose operations need no token.
    pub(super) fn public(path: &'static str) -> Self {
        Self { path, is_public: true, routes: Vec::new(), documents: Vec::new() }
    }

    /// Adds a handler for the methods that its document states.
    pub(super) fn operation<F, Args>(mut self, handler: F, document: Document) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let methods: Vec<_> = described(&document).map(|(_, method, _)| method).collect();
        self.documents.push(document);
        self.on(methods, handler)
    }

    /// Adds a handler for GET that is not documented.
    pub(super) fn get<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(vec![Method::GET], handler)
    }

    fn on<F, Args>(mut self, methods: Vec<Method>, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let is_public = self.is_public;
        let make: MakeRoute = Rc::new(move |method| {
            let route = web::route().guard(accepts(method)).to(handler.clone());
            // These layers are inside the CORS layer, so that pages can read every response.
            if is_public { route.wrap(from_fn(for_anyone)) } else { route.wrap(from_fn(for_callers)) }
        });
        self.routes.extend(methods.into_iter().map(|method| (method, Rc::clone(&make))));
        self
    }

    /// Lists the documented operations.
    pub(super) fn operations(&self) -> Vec<Operation> {
        let described = self.documents.iter().flat_map(described);
        let operation = |method: &Method, id: Option<&String>| Operation {
            id: id.cloned().unwrap_or_default(),
            method: method.to_string(),
            path: self.path,
        };
        described.map(|(_, method, described)| operation(&method, described.operation_id.as_ref())).collect()
    }

    /// Adds the operations and their schemas to the OpenAPI document.
    pub(super) fn describe(&self, document: &mut Document) {
        for part in &self.documents {
            for (name, _, operation) in described(part) {
                document.paths.add_path_operation(self.path, vec![name], operation.clone());
            }
            let mut schemas = part.clone();
            schemas.paths = utoipa::openapi::Paths::new();
            document.merge(schemas);
        }
    }

    /// Returns the paths at which the endpoint is found, as patterns. The first is the path of the map. The endpoints of callers
    /// are also found with a slash at the end, and both with the caller's id after `/api`.
    pub(super) fn spellings(&self) -> Vec<String> {
        let path = self.path.replace("{id}", ID);
        let mut paths = vec![path.clone()];
        if !self.is_public {
            paths.push(format!("{path}/"));
            // `/api/me` names the caller already.
            if !path.starts_with("/api/me") {
                let named = path.replacen("/api/", "/api/{user_id}/", 1);
                let with_slash = format!("{named}/");
                paths.extend([named, with_slash]);
            }
        }
        paths
    }

    /// Makes the resource for one spelling of the path. Its name, which logs and metrics show, is the path of the map.
    pub(super) fn resource(&self, path: &str) -> Resource {
        let allow = self.allow();
        let mut resource = web::resource(path).name(self.path);
        for (method, make) in &self.routes {
            resource = resource.route(make(method));
        }
        let allowed = allow.clone();
        let options = move || ready(HttpResponse::NoContent().insert_header((ALLOW, allowed.clone())).finish());
        let no_method = move || ready(Err::<HttpResponse, _>(Error::NoMethod { allow: allow.clone() }));
        resource.route(web::method(Method::OPTIONS).to(options)).default_service(web::to(no_method))
    }

    /// Returns the value of `Allow`.
    fn allow(&self) -> HeaderValue {
        let mut methods: Vec<&str> = self.routes.iter().map(|(method, _)| method.as_str()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        // The names of methods are valid in headers, so this cannot fail.
        HeaderValue::from_str(&methods.join(", ")).unwrap_or(HeaderValue::from_static(""))
    }
}

/// Lists the operations of a document, with their methods.
fn described(document: &Document) -> impl Iterator<Item = (HttpMethod, Method, &utoipa::openapi::path::Operation)> {
    document.paths.paths.values().flat_map(|item| {
        METHODS.into_iter().filter_map(move |(name, method)| {
            let operation = match name {
                HttpMethod::Get => &item.get,
                HttpMethod::Post => &item.post,
                HttpMethod::Put => &item.put,
                HttpMethod::Patch => &item.patch,
                HttpMethod::Delete => &item.delete,
                _ => &None,
            };
            Some((name, method, operation.as_ref()?))
        })
    })
}

async fn for_anyone(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse, actix_web::Error> {
    server::catch_panic(request, async |request| next.call(request).await).await
}

/// Catches panics and admits callers. It is one layer, because each layer costs every request some allocations.
async fn for_callers(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse, actix_web::Error> {
    server::catch_panic(request, async |request| server::guard(request, next).await).await
}

fn accepts(method: &Method) -> impl Guard + use<> {
    let this = guard::Method(method.clone());
    let with_head = guard::Any(this);
    if method == Method::GET { with_head.or(guard::Head()) } else { with_head }
}

/// Answers requests whose path is not in the map.
pub(super) async fn no_route() -> Result<HttpResponse, Error> {
    Err(Error::NoRoute)
}
