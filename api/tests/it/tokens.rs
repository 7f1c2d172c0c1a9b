//! Tokens: 401, and who the caller is.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use testing::on_both_databases;

use crate::support::{Answer, SECRET, TestApp, token};

fn in_seconds(seconds: i64) -> i64 {
    i64::try_from(get_current_timestamp()).unwrap() + seconds
}

fn valid_claims() -> Value {
    json!({ "sub": "alice", "exp": in_seconds(600) })
}

/// Returns a token with this header and these claims, signed with HS256 and our secret, regardless of the header's `alg`.
fn forged(header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", BASE64.encode(signature))
}

fn signed(claims: &Value) -> String {
    forged(&json!({"alg": "HS256", "typ": "JWT"}), claims)
}

/// Returns a token that is valid except for its length.
fn long_token() -> String {
    signed(&json!({ "sub": "alice", "exp": in_seconds(600), "image": "x".repeat(16 * 1024) }))
}

async fn refused(app: &TestApp, token: &str, what: &str) {
    let answer = app.bearer(token).get(401, "/api/tasks").await;
    assert_eq!(answer.code(), "token_invalid", "{what}");
    assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="tasks", error="invalid_token""#, "{what}");
}

#[on_both_databases]
async fn a_token_signed_with_the_secret_identifies_its_subject(app: TestApp) {
    app.bearer(&signed(&valid_claims())).create("hers").await;
    assert_eq!(app.bearer(&signed(&valid_claims())).titles("/api/tasks").await, ["hers"]);
    assert_eq!(app.user("Alice").titles("/api/tasks").await, [""; 0]);
}

#[on_both_databases]
async fn a_plain_header_and_unusual_but_valid_claims_are_accepted(app: TestApp) {
    for header in
        [json!({"alg": "HS256"}), json!({"alg": "HS256", "typ": "jwt"}), json!({"alg": "HS256", "kid": "any"})]
    {
        app.bearer(&forged(&header, &valid_claims())).get(200, "/api/tasks").await;
    }
    let tokens = [
        json!({"sub": "alice", "exp": 32_503_680_000.5, "iat": 1.5}),
        json!({"sub": "alice", "exp": in_seconds(60), "iss": "anyone", "aud": ["anything", "else"], "image": "x".repeat(9000)}),
        json!({"sub": "alice", "exp": in_seconds(-20)}),
        json!({"sub": "alice", "exp": in_seconds(60), "nbf": in_seconds(20)}),
        json!({"sub": "ü".repeat(255), "exp": in_seconds(60)}),
    ];
    for claims in tokens {
        app.bearer(&signed(&claims)).get(200, "/api/tasks").await;
    }
}

#[on_both_databases]
async fn every_secret_of_a_rotation_is_accepted_and_so_is_a_configured_leeway(app: TestApp) {
    let secrets = format!("2:the new secret that is longer than 32 bytes too,1:{SECRET}");
    let app = app
        .with_settings(&[
            ("BETTER_AUTH_SECRETS", &secrets),
            ("BETTER_AUTH_SECRET", "another one, just as long as the others are"),
            ("BETTER_AUTH_LEEWAY_SECONDS", "0"),
        ])
        .await;
    app.bearer(&signed(&valid_claims())).get(200, "/api/tasks").await;
    for secret in ["the new secret that is longer than 32 bytes too", "another one, just as long as the others are"] {
        let token = encode(&Header::default(), &valid_claims(), &EncodingKey::from_secret(secret.as_bytes())).unwrap();
        app.bearer(&token).get(200, "/api/tasks").await;
    }
    let just_expired = json!({"sub": "alice", "exp": in_seconds(-2)});
    assert_eq!(app.bearer(&signed(&just_expired)).get(401, "/api/tasks").await.code(), "token_expired");
}

#[on_both_databases]
async fn the_error_states_how_to_send_a_token(app: TestApp) {
    for (token, hint) in [
        ("Kx7QvW0bW9sUYVbZ3cT1r8mP", "/api/auth/token"),
        ("Kx7QvW0bW9sUYVbZ3cT1r8mP.c2lnbmF0dXJl", "/api/auth/token"),
        ("eyJhbGciOiJkaXIifQ..iv.text.tag", "encrypted"),
        (&forged(&json!({"alg": "EdDSA", "kid": "k"}), &valid_claims()), "BETTER_AUTH_URL"),
        (&long_token(), "16 KiB"),
        (&signed(&json!({"sub": "alice", "exp": in_seconds(600), "nbf": in_seconds(60)})), "not valid yet"),
    ] {
        let answer = app.bearer(token).get(401, "/api/tasks").await;
        assert!(answer.detail().contains(hint), "{}", answer.detail());
    }
}

#[on_both_databases]
async fn an_expired_token_has_its_own_code(app: TestApp) {
    for ago in [31, 3600, 10_000_000] {
        let claims = json!({"sub": "alice", "exp": in_seconds(-ago)});
        let answer = app.bearer(&signed(&claims)).get(401, "/api/tasks").await;
        assert_eq!((answer.code().as_str(), answer.detail().as_str()), ("token_expired", "The token has expired"));
        assert!(answer.header("www-authenticate").contains(r#"error="invalid_token""#));
    }
}

#[on_both_databases]
async fn an_expired_token_with_a_wrong_signature_is_invalid_and_not_expired(app: TestApp) {
    let expired = json!({"sub": "alice", "exp": in_seconds(-3600)});
    let other = encode(&Header::default(), &expired, &EncodingKey::from_secret(b"another secret")).unwrap();
    refused(&app, &other, "signed with another secret").await;
}

#[on_both_databases]
async fn other_algorithms_are_refused(app: TestApp) {
    let claims = valid_claims();
    for alg in
        ["none", "None", "NONE", "", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA", "Ed25519", "hs256", "XX"]
    {
        refused(&app, &forged(&json!({"alg": alg, "typ": "JWT"}), &claims), alg).await;
    }
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let token = encode(&Header::new(algorithm), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
        refused(&app, &token, "a real one of another length").await;
    }
    let none = format!("{}.{}.", BASE64.encode(r#"{"alg":"none"}"#), BASE64.encode(claims.to_string()));
    refused(&app, &none, "no signature").await;
    refused(&app, none.trim_end_matches('.'), "two parts").await;
    refused(&app, &forged(&json!({"typ": "JWT"}), &claims), "no alg").await;
}

#[on_both_databases]
async fn headers_with_a_key_an_extension_or_another_type_are_refused(app: TestApp) {
    let jwk = json!({"kty": "oct", "k": BASE64.encode(SECRET), "alg": "HS256"});
    for header in [
        json!({"alg": "HS256", "jku": "https://evil.example/jwks"}),
        json!({"alg": "HS256", "jwk": jwk}),
        json!({"alg": "HS256", "x5u": "https://evil.example/x5u"}),
        json!({"alg": "HS256", "x5c": ["AA=="]}),
        json!({"alg": "HS256", "crit": ["exp"], "exp": 1}),
        json!({"alg": "HS256", "crit": []}),
        json!({"alg": "HS256", "crit": "b64", "b64": false}),
        json!({"alg": "HS256", "typ": "at+jwt"}),
        json!({"alg": "HS256", "typ": "JWE"}),
        json!({"alg": "HS256", "typ": 5}),
    ] {
        refused(&app, &forged(&header, &valid_claims()), &header.to_string()).await;
    }
    // The same token, signed by the attacker.
    let attacker = EncodingKey::from_secret(b"the attacker's own key, quite long");
    for header in [
        Header { kid: Some("../../dev/null".into()), ..Header::default() },
        Header { jku: Some("https://evil.example".into()), ..Header::default() },
    ] {
        refused(&app, &encode(&header, &valid_claims(), &attacker).unwrap(), "signed by another").await;
    }
}

#[on_both_databases]
async fn the_subject_is_the_only_identity_and_must_be_a_valid_user_id(app: TestApp) {
    let exp = in_seconds(600);
    for claims in [
        json!({"exp": exp}),
        json!({"exp": exp, "userId": "alice", "email": "alice@example.com", "id": "alice", "user_id": "alice"}),
        json!({"exp": exp, "sub": ""}),
        json!({"exp": exp, "sub": null}),
        json!({"exp": exp, "sub": 1}),
        json!({"exp": exp, "sub": ["alice"]}),
        json!({"exp": exp, "sub": "a\0b"}),
        json!({"exp": exp, "sub": "x".repeat(256)}),
    ] {
        refused(&app, &signed(&claims), &claims.to_string()).await;
    }
    let twice = format!(r#"{{"exp":{exp},"sub":"alice","sub":"bob"}}"#);
    let signed_part = format!("{}.{}", BASE64.encode(r#"{"alg":"HS256"}"#), BASE64.encode(twice));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), signed_part.as_bytes());
    refused(&app, &format!("{signed_part}.{}", BASE64.encode(signature)), "two subjects").await;
}

#[on_both_databases]
async fn a_token_needs_an_expiry_and_is_refused_before_its_begin(app: TestApp) {
    for claims in [
        json!({"sub": "alice"}),
        json!({"sub": "alice", "exp": null}),
        json!({"sub": "alice", "exp": "tomorrow"}),
        json!({"sub": "alice", "exp": in_seconds(600).to_string()}),
        json!({"sub": "alice", "exp": -1}),
        json!({"sub": "alice", "exp": 1e300}),
        json!({"sub": "alice", "exp": in_seconds(600), "nbf": in_seconds(60)}),
        json!({"sub": "alice", "exp": in_seconds(600), "nbf": "later"}),
        json!(["alice"]),
        json!("alice"),
    ] {
        refused(&app, &signed(&claims), &claims.to_string()).await;
    }
}

#[on_both_databases]
async fn a_modified_token_is_refused(app: TestApp) {
    let good = signed(&valid_claims());
    let parts: Vec<&str> = good.split('.').collect();
    let bobs = BASE64.encode(json!({"sub": "bob", "exp": in_seconds(600)}).to_string());
    for touched in [
        format!("{}.{bobs}.{}", parts[0], parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], BASE64.encode([0; 32])),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{good}="),
        format!("{good}A"),
        format!("{good}.x"),
        format!("x{good}"),
        good.replace('.', ""),
        "opaque-session-token".to_owned(),
        "....".to_owned(),
    ] {
        refused(&app, &touched, &touched).await;
    }
    let other = encode(&Header::default(), &valid_claims(), &EncodingKey::from_secret(b"another secret")).unwrap();
    refused(&app, &other, "another secret").await;
}

#[on_both_databases]
async fn a_token_is_read_only_from_a_single_authorization_header(app: TestApp) {
    let (anonymous, good) = (app.anonymous(), token("alice"));
    let get = |path: &str| anonymous.request(Method::GET, path);
    for (request, code) in [
        (get("/api/tasks"), "token_missing"),
        (get(&format!("/api/tasks?token={good}&access_token={good}")), "token_missing"),
        (
            get("/api/tasks").header("cookie", format!("better-auth.session_token={good}; token={good}")),
            "token_missing",
        ),
        (get("/api/tasks").header("x-access-token", &good), "token_missing"),
        (
            get("/api/tasks")
                .header("authorization", format!("Bearer {good}"))
                .header("authorization", format!("Bearer {good}")),
            "token_malformed",
        ),
        (get("/api/tasks").header("authorization", format!("Bearer {good}, Bearer {good}")), "token_invalid"),
        (get("/api/tasks").header("authorization", &good), "token_malformed"),
        (get("/api/tasks").header("authorization", format!("Basic {good}")), "token_malformed"),
        (get("/api/tasks").header("authorization", "Bearer"), "token_malformed"),
        (get("/api/tasks").header("authorization", format!("Bearer {good} x")), "token_invalid"),
        (get("/api/tasks").header("authorization", format!("Bearer {}", long_token())), "token_invalid"),
    ] {
        assert_eq!(Answer::expect(401, request).await.code(), code);
    }
    Answer::expect(200, get("/api/tasks").header("authorization", format!("bearer {good}"))).await;
}

#[on_both_databases]
async fn issuer_and_audience_are_checked_if_they_are_configured(app: TestApp) {
    let variables = [("BETTER_AUTH_ISSUER", "https://a.example,https://b.example"), ("BETTER_AUTH_AUDIENCE", "tasks")];
    let app = app.with_settings(&variables).await;
    let claims = |iss: Value, aud: Value| json!({"sub": "alice", "exp": in_seconds(600), "iss": iss, "aud": aud});
    for good in [
        claims(json!("https://a.example"), json!("tasks")),
        claims(json!("https://b.example"), json!(["other", "tasks"])),
    ] {
        app.bearer(&signed(&good)).get(200, "/api/tasks").await;
    }
    for bad in [
        valid_claims(),
        claims(json!("https://c.example"), json!("tasks")),
        claims(json!("https://a.example"), json!("other")),
        claims(json!("https://a.example"), json!([])),
        claims(json!(5), json!("tasks")),
        claims(json!("https://a.example"), json!({"tasks": 1})),
        json!({"sub": "alice", "exp": in_seconds(600), "aud": "tasks"}),
        json!({"sub": "alice", "exp": in_seconds(600), "iss": "https://a.example"}),
    ] {
        refused(&app, &signed(&bad), &bad.to_string()).await;
    }
}

#[on_both_databases]
async fn with_the_address_of_better_auth_alone_a_token_must_not_name_another_issuer_or_audience(app: TestApp) {
    let ours = "http://127.0.0.1:1";
    let app = app.with_settings(&[("BETTER_AUTH_URL", "http://127.0.0.1:1/api/auth")]).await;
    let with = |other: Value| {
        let mut claims = valid_claims();
        claims.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        claims
    };
    for good in [
        with(json!({})),
        with(json!({"iss": ours})),
        with(json!({"aud": ours})),
        with(json!({"iss": ours, "aud": ["https://other.example", ours]})),
    ] {
        app.bearer(&signed(&good)).get(200, "/api/tasks").await;
    }
    for bad in [
        with(json!({"iss": "https://other.example"})),
        with(json!({"iss": "http://127.0.0.1:1/api/auth"})),
        with(json!({"aud": "https://other.example"})),
        with(json!({"aud": []})),
        with(json!({"iss": ours, "aud": ["https://other.example"]})),
    ] {
        refused(&app, &signed(&bad), &bad.to_string()).await;
    }

    let app = app.with_settings(&[("BETTER_AUTH_URL", ours), ("BETTER_AUTH_ISSUER", "https://issuer.example")]).await;
    app.bearer(&signed(&with(json!({"iss": "https://issuer.example"})))).get(200, "/api/tasks").await;
    for bad in [with(json!({})), with(json!({"iss": "https://issuer.example", "aud": "https://other.example"}))] {
        refused(&app, &signed(&bad), &bad.to_string()).await;
    }
}
