//! An agent: a client of `/mcp`.

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::User;

/// A revision of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revision {
    /// 2026-07-28: each message states its version.
    Newest,
    /// 2025-11-25: the version is stated by `initialize`, and then by a header.
    Initialized,
}

impl Revision {
    pub const BOTH: [Self; 2] = [Self::Newest, Self::Initialized];

    pub fn name(self) -> &'static str {
        match self {
            Self::Newest => "2026-07-28",
            Self::Initialized => "2025-11-25",
        }
    }
}

/// An agent of a user, or one without a token.
#[derive(Clone)]
pub struct Agent {
    pub user: User,
    pub revision: Revision,
}

/// An answer to an agent. All answers are JSON, or empty with 202.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub json: Value,
}

impl Agent {
    pub fn new(user: User, revision: Revision) -> Self {
        Self { user, revision }
    }

    /// Builds the request with this body.
    pub fn raw(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let request = self.user.request(Method::POST, "/mcp").body(body);
        let request = request.header("content-type", "application/json");
        let request = request.header("accept", "application/json, text/event-stream");
        request.header("mcp-protocol-version", self.revision.name())
    }

    /// Builds a request of the protocol.
    pub fn request(&self, method: &str, mut params: Value) -> RequestBuilder {
        let name = params["name"].as_str().map(str::to_owned);
        if self.revision == Revision::Newest {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": self.revision.name(),
                "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        let message = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        let request = self.raw(message.to_string());
        match (self.revision, name) {
            (Revision::Initialized, _) => request,
            (Revision::Newest, None) => request.header("mcp-method", method),
            (Revision::Newest, Some(name)) => request.header("mcp-method", method).header("mcp-name", name),
        }
    }

    /// Sends a request that succeeds, and returns its result.
    pub async fn result(&self, method: &str, params: Value) -> Value {
        let reply = Reply::to(self.request(method, params)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert!(reply.json["result"].is_object(), "{}", reply.text);
        assert_eq!(reply.json["id"], 7);
        reply.json["result"].clone()
    }

    /// Calls a tool, and returns its result, which can be an error.
    pub async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.result("tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    /// Calls a tool that succeeds, and returns its structured result. The text has the same JSON.
    pub async fn does(&self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], false, "{tool}: {result}");
        let text = result["content"][0]["text"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), result["structuredContent"]);
        result["structuredContent"].clone()
    }

    /// Calls a tool that refuses, and returns its sentence.
    pub async fn refused(&self, tool: &str, arguments: Value) -> String {
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], true, "{tool}: {result}");
        assert!(result.get("structuredContent").is_none(), "{tool}: {result}");
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }
}

impl Reply {
    /// Sends a request, and checks that its answer is JSON.
    pub async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let json = if status == 202 {
            assert_eq!(text, "");
            Value::Null
        } else {
            assert_eq!(headers["content-type"], "application/json", "{status} {text}");
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
        };
        Self { status, headers, text, json }
    }

    /// Sends a request that is refused in the form of JSON-RPC, and checks the status and the code.
    pub async fn refused(request: RequestBuilder, status: u16, code: i32) -> Self {
        let reply = Self::to(request).await;
        assert_eq!((reply.status, &reply.json["error"]["code"]), (status, &json!(code)), "{}", reply.text);
        assert_eq!(reply.json["jsonrpc"], "2.0");
        assert!(!reply.json["error"]["message"].as_str().unwrap().is_empty(), "{}", reply.text);
        reply
    }

    /// Sends a request that is refused before the protocol begins, and checks the status and the code.
    pub async fn refused_before(request: RequestBuilder, status: u16, code: &str) -> Self {
        let reply = Self::to(request).await;
        assert_eq!((reply.status, &reply.json["code"]), (status, &json!(code)), "{}", reply.text);
        assert!(reply.json["detail"].is_string(), "{}", reply.text);
        reply
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers)).to_str().unwrap()
    }
}
