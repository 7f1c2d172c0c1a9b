//! The answers to the requests of the protocol.

use std::borrow::Cow;
use std::sync::LazyLock;

use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, DiscoverResult, ErrorData,
    Implementation, ListToolsResult, PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};

use super::tools::{self, Answer};
use super::transport::Asked;
use crate::server::ToolOutcome;
use crate::tool::Tool;

/// The handler of all requests. It has no state: the caller comes with each request.
#[derive(Clone, Copy)]
pub(super) struct Handler;

/// The revisions of the protocol that are served, the oldest first.
const VERSIONS: [ProtocolVersion; 3] =
    [ProtocolVersion::V_2025_06_18, ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28];

/// How long a client may keep the list of tools and the description of the server, in milliseconds. They only change with the version of
/// the server or with the token.
const FRESH: u64 = 300_000;

/// The instructions that a model gets before it calls a tool.
const INSTRUCTIONS: &str = "The tools work on the tasks of the signed-in user; there is no argument for a user.
Look for a task with list_tasks before you change it, and use its id.
Deleted tasks can be restored with restore_task.
An error of a tool names the argument to correct.";

static INFO: LazyLock<ServerConfig> = LazyLock::new(|| {
    ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
        .with_protocol_version(ProtocolVersion::V_2025_11_25)
        .with_server_info(Implementation::new("tasks", env!("CARGO_PKG_VERSION")))
        .with_instructions(INSTRUCTIONS)
});

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        INFO.clone()
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(&VERSIONS)
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let info = DiscoverResult::from_server_info(VERSIONS.to_vec(), INFO.clone());
        Ok(info.with_ttl_ms(FRESH).with_cache_scope(CacheScope::Public))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let scopes = asked(&context)?.scopes;
        let tools = tools::descriptions().iter().filter(|(tool, _)| tool.is_allowed_by(scopes));
        let list = ListToolsResult::with_all_items(tools.map(|(_, description)| description.clone()).collect());
        // The list depends on the token.
        Ok(list.with_ttl_ms(FRESH).with_cache_scope(CacheScope::Private))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let asked = asked(&context)?;
        // The guard has refused a tool that the token does not allow. This does not depend on how the guard reads a message.
        let tool = Tool::named(&request.name).filter(|tool| tool.is_allowed_by(asked.scopes));
        let tool = tool.ok_or_else(|| ErrorData::invalid_params("There is no such tool", None))?;
        let outcome = tools::call(tool, asked, request.arguments.unwrap_or_default()).await;
        let (result, outcome) = match outcome {
            Ok(Answer { value, note }) => {
                let mut result = CallToolResult::structured(value);
                result.content.extend(note.map(ContentBlock::text));
                (result, ToolOutcome::Success)
            }
            Err(error) => {
                let outcome = match error.failure() {
                    Some(causes) => {
                        log::error!("the tool {} failed: {causes}", tool.name());
                        ToolOutcome::Failed
                    }
                    None => ToolOutcome::Refused,
                };
                (CallToolResult::error(vec![ContentBlock::text(error.sentence())]), outcome)
            }
        };
        asked.state.record_tool_call(tool, outcome, &asked.caller);
        Ok(result.into())
    }
}

/// Returns the caller of a request, and what comes with it.
fn asked(context: &RequestContext<RoleServer>) -> Result<&Asked, ErrorData> {
    let parts = context.extensions.get::<http::request::Parts>();
    let extensions = parts.and_then(|parts| parts.extensions.get::<rmcp::model::Extensions>());
    let asked = extensions.and_then(|extensions| extensions.get::<Asked>());
    asked.ok_or_else(|| ErrorData::internal_error("the request has no caller", None))
}
