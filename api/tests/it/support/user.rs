use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Answer, SECRET};

/// A client of the server. Each call takes the expected status.
#[derive(Clone)]
pub struct User {
    client: Client,
    address: String,
    token: Option<String>,
}

/// Returns a valid token for this user.
pub fn token(id: &str) -> String {
    let claims = json!({ "sub": id, "exp": get_current_timestamp() + 600 });
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

impl User {
    pub fn new(address: &str, token: Option<&str>) -> Self {
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { client, address: address.to_owned(), token: token.map(str::to_owned) }
    }

    /// Returns a client that is signed in as another user, over the same connections.
    pub fn signed_in_as(&self, id: &str) -> Self {
        Self { token: Some(token(id)), ..self.clone() }
    }

    /// Builds a request; send it with [`Answer::expect`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.address));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, status: u16, path: &str) -> Answer {
        Answer::expect(status, self.request(Method::GET, path)).await
    }

    pub async fn post(&self, status: u16, path: &str, body: Value) -> Answer {
        Answer::expect(status, self.request(Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, status: u16, path: &str, body: Value) -> Answer {
        Answer::expect(status, self.request(Method::PUT, path).json(&body)).await
    }

    pub async fn patch(&self, status: u16, path: &str, body: Value) -> Answer {
        Answer::expect(status, self.request(Method::PATCH, path).json(&body)).await
    }

    pub async fn delete(&self, status: u16, path: &str) -> Answer {
        Answer::expect(status, self.request(Method::DELETE, path)).await
    }

    /// Toggles a task's `completed`.
    pub async fn toggle(&self, status: u16, path: &str) -> Answer {
        Answer::expect(status, self.request(Method::PATCH, &format!("{path}/complete"))).await
    }

    /// Creates a task and returns its path.
    pub async fn create(&self, title: &str) -> String {
        self.post(201, "/api/tasks", json!({ "title": title })).await.header("location").to_owned()
    }

    /// Returns the titles of a list, in its order.
    pub async fn titles(&self, path: &str) -> Vec<String> {
        let list = self.get(200, path).await.json();
        list.as_array().unwrap().iter().map(|task| task["title"].as_str().unwrap().to_owned()).collect()
    }
}
