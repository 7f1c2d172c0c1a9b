//! A server that publishes a key, as Better Auth does, and tokens that are signed with it.

use std::net::TcpListener;

use actix_web::{App, HttpResponse, HttpServer, web};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::get_current_timestamp;
use serde_json::{Value, json};

/// The public address of `/mcp` in tests with access tokens.
pub const RESOURCE: &str = "http://127.0.0.1/mcp";

/// The server. It ends with the test.
pub struct Issuer {
    pub url: String,
    key: Ed25519KeyPair,
}

impl Issuer {
    /// Starts the server in a thread of its own.
    pub fn start() -> Self {
        let key = Ed25519KeyPair::generate().unwrap();
        let x = BASE64.encode(key.public_key().as_ref());
        let keys = json!({"keys": [{"kid": "k", "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": x}]}).to_string();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let app = move || {
                let keys = keys.clone();
                let answer =
                    move || std::future::ready(HttpResponse::Ok().content_type("application/json").body(keys.clone()));
                App::new().route("/api/auth/jwks", web::get().to(answer))
            };
            let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run();
            actix_web::rt::System::new().block_on(server)
        });
        Self { url, key }
    }

    /// Returns a token with these claims and this `typ`.
    pub fn sign(&self, typ: &str, claims: &Value) -> String {
        let header = json!({"alg": "EdDSA", "kid": "k", "typ": typ});
        let signed = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        format!("{signed}.{}", BASE64.encode(self.key.sign(signed.as_bytes())))
    }

    /// Returns the claims of an access token as Better Auth makes them.
    pub fn claims(&self, user: &str, scope: &str) -> Value {
        json!({
            "sub": user, "scope": scope, "client_id": "the-agent", "azp": "the-agent", "jti": "1",
            "iss": format!("{}/api/auth", self.url), "aud": [RESOURCE, format!("{}/api/auth/oauth2/userinfo", self.url)],
            "iat": get_current_timestamp(), "exp": get_current_timestamp() + 600,
        })
    }

    /// Returns a valid access token.
    pub fn access_token(&self, user: &str, scope: &str) -> String {
        self.sign("at+jwt", &self.claims(user, scope))
    }
}
