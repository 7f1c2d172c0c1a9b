//! An HTTP key server for tests, on a free port.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::json;
use url::Url;

/// A running key server. Its answer can be changed.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) url: Url,
    answer: Arc<Mutex<(StatusCode, String)>>,
    asked: Arc<AtomicUsize>,
}

pub(crate) fn key_set(ids: &[&str]) -> String {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let key = |id| json!({"kid": id, "kty": "OKP", "crv": "Ed25519", "x": x});
    json!({ "keys": ids.iter().map(key).collect::<Vec<_>>() }).to_string()
}

impl Server {
    pub(crate) fn start() -> Self {
        let answer = Arc::new(Mutex::new((StatusCode::OK, key_set(&["1"]))));
        let asked = Arc::new(AtomicUsize::new(0));
        let (answers, count) = (Arc::clone(&answer), Arc::clone(&asked));
        let server = HttpServer::new(move || {
            let (answers, count) = (Arc::clone(&answers), Arc::clone(&count));
            App::new().default_service(web::to(move || {
                count.fetch_add(1, Ordering::SeqCst);
                let (status, body) = answers.lock().unwrap().clone();
                async move { HttpResponse::build(status).insert_header((LOCATION, body.clone())).body(body) }
            }))
        });
        let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}/jwks", server.addrs()[0]).parse().unwrap();
        actix_web::rt::spawn(server.run());
        Self { url, answer, asked }
    }

    pub(crate) fn answers(&self, status: StatusCode, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}
