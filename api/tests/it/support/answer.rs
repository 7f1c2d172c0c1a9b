use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

/// An answer of the server. The body of an error has been checked against the contract's shape.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    /// Sends the request and checks the status, and the shape of an error.
    pub async fn expect(status: u16, request: RequestBuilder) -> Self {
        let answer = Self::to(request).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        answer
    }

    /// Sends the request and checks only the shape of an error.
    pub async fn to(request: RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let is_head = request.method() == Method::HEAD;
        let response = client.execute(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Self { status, headers, text: response.text().await.unwrap() };
        assert!(answer.has("x-request-id"), "every answer names its request");
        if status >= 400 {
            assert_eq!(answer.header("content-type"), "application/json");
        }
        if status >= 400 && !is_head {
            answer.check_error();
        }
        answer
    }

    /// Sends two requests under a limit of one per second, and returns the refusal of the second, with the pair's number.
    ///
    /// The limit lets a second request pass a second later, which a busy machine may need for the first. `pair` is then called
    /// with the next number, for two requests of a client that has sent none.
    pub async fn refused_second(first_status: u16, pair: impl Fn(u32) -> [RequestBuilder; 2]) -> (u32, Self) {
        for number in 0..100 {
            let (began, [first, second]) = (Instant::now(), pair(number));
            Self::expect(first_status, first).await;
            let answer = Self::to(second).await;
            if answer.status == 429 {
                return (number, answer);
            }
            assert!(began.elapsed() >= Duration::from_secs(1), "two requests passed within one second");
        }
        panic!("this machine does not answer two requests within one second");
    }

    fn check_error(&self) {
        let body = self.json();
        let detail = body["detail"].as_str().expect("`detail` is a string");
        assert!(!detail.is_empty() && detail.chars().count() < 300 && !detail.contains('\n'), "one sentence: {detail}");
        assert_eq!(body["message"], detail, "`message` is the same sentence");
        let code = body["code"].as_str().expect("`code` is a string");
        assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "snake case: {code}");
        self.check_mistakes(&body);
    }

    /// Checks that an error has mistakes if it is 422, and that the first one is the error's.
    fn check_mistakes(&self, body: &Value) {
        assert_eq!(body.get("errors").is_some(), self.status == 422, "`errors` is that of 422: {body}");
        let Some(errors) = body.get("errors") else { return };
        let errors = errors.as_array().expect("`errors` is an array");
        assert!((1..=20).contains(&errors.len()), "1 to 20 mistakes: {body}");
        assert_eq!(errors[0]["detail"], body["detail"], "`detail` is that of the first mistake");
        for error in errors {
            let mut names: Vec<_> = error.as_object().expect("a mistake is an object").keys().collect();
            names.sort_unstable();
            assert_eq!(names, ["code", "detail", "field"], "{body}");
            assert!(error["field"].as_str().expect("`field` is a string").chars().count() <= 100, "{body}");
            assert!(!error["code"].as_str().expect("`code` is a string").is_empty(), "{body}");
            assert!(!error["detail"].as_str().expect("`detail` is a string").is_empty(), "{body}");
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers)).to_str().unwrap()
    }

    pub fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    /// Returns the `code` of an error.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap().to_owned()
    }

    /// Returns the field and the code of each mistake, in their order.
    pub fn mistakes(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let errors = self.json()["errors"].as_array().unwrap().clone();
        errors.iter().map(|error| (text(&error["field"]), text(&error["code"]))).collect()
    }

    /// Returns the `detail` of an error.
    pub fn detail(&self) -> String {
        self.json()["detail"].as_str().unwrap().to_owned()
    }
}
