//! The API's account of itself: each call stands in one table with its handler, its description
//! and its schemas, and `/openapi.json` is written from that table.
//!
//! A call is added in two steps: `#[utoipa::path(...)]` over the handler says the method, the path,
//! the parameters, the bodies and the good answer, and [`Routes::call`] takes the `__path_HANDLER`
//! that the attribute made together with the handler. Who may call, the refusals and the vector's
//! header are filled in here. No route is decided about here.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::{MethodFilter, MethodRouter, get};
use utoipa::__dev::SchemaReferences;
use utoipa::ToSchema;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterIn};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HeaderBuilder, Info, ObjectBuilder, OpenApi, Paths, Ref,
    RefOr, Type,
};

use crate::answer::VECTOR_HEADER;
use crate::problem::{CONTENT, Problem, ProblemBody};

/// The operator's token, as `security(("operator" = []))` names it.
pub const OPERATOR: &str = "operator";
/// A till's token.
pub const TILL: &str = "till";

/// The header that a writing call needs, for `params(IdempotencyKey)`.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IdempotencyKey {
    /// The till's own counter, or any text of 1 to 64 visible characters
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 64, example = "17")]
    pub idempotency_key: String,
}

/// A table of calls with handlers over the state `S`.
pub struct Routes<S> {
    router: Router<S>,
    document: OpenApi,
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        let document = OpenApi::new(Info::default(), Paths::new());
        Self { router: Router::new(), document }
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// Adds the call that `#[utoipa::path]` describes over `handler`, as in
    /// `call(__path_sell, sell::<E>)`.
    #[must_use]
    pub fn call<P, H, T>(self, path: P, handler: H) -> Self
    where
        P: utoipa::Path + SchemaReferences,
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(path, |filter| MethodRouter::new().on(filter, handler))
    }

    /// Adds a call whose body may have up to `bytes_max` bytes.
    #[must_use]
    pub fn large_call<P, H, T>(self, path: P, handler: H, bytes_max: usize) -> Self
    where
        P: utoipa::Path + SchemaReferences,
        H: Handler<T, S>,
        T: 'static,
    {
        let limit = DefaultBodyLimit::max(bytes_max);
        self.add(path, |filter| MethodRouter::new().on(filter, handler).layer(limit))
    }

    /// Adds every call of another table.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.document.merge(other.document);
        self
    }

    /// The router of every call, which serves the document too, under this title.
    pub fn into_router(self, title: &str) -> Router<S> {
        let text = document(self.document, title);
        let text = serde_json::to_string(&text).unwrap_or_default();
        let serve = move || std::future::ready(([(CONTENT_TYPE, "application/json")], text));
        self.router.route(DOCUMENT_PATH, get(serve))
    }

    fn add<P: utoipa::Path + SchemaReferences>(
        mut self,
        _: P,
        route: impl FnOnce(MethodFilter) -> MethodRouter<S>,
    ) -> Self {
        let (path, methods) = (P::path(), P::methods());
        let mut operation = P::operation();
        complete(&mut operation, &path, &methods);
        let filters = methods.iter().map(filter).reduce(MethodFilter::or);
        if let Some(filter) = filters {
            self.router = self.router.route(&path, route(filter));
        }
        let mut schemas = Vec::new();
        P::schemas(&mut schemas);
        self.document.components.get_or_insert_default().schemas.extend(schemas);
        self.document.paths.add_path_operation(path, methods, operation);
        self
    }
}

/// Where the document is served.
const DOCUMENT_PATH: &str = "/openapi.json";

/// This document
#[utoipa::path(get, path = "/openapi.json", tag = "about", security(()),
    responses((status = 200, description = "the document", content_type = "application/json")))]
#[expect(dead_code, reason = "only its description is used; `into_router` has the handler")]
fn openapi() {}

/// Fills in what every call has: who may call it, the refusals, the vector's header.
fn complete(operation: &mut Operation, path: &str, methods: &[HttpMethod]) {
    let token = |name: &str| SecurityRequirement::new(name, [] as [&str; 0]);
    let security = operation.security.get_or_insert_with(|| vec![token(TILL), token(OPERATOR)]);
    let open = security.contains(&SecurityRequirement::default());
    let parameters = operation.parameters.as_deref().unwrap_or_default();
    let has_body = operation.request_body.is_some();
    let writes = parameters.iter().any(|one| one.parameter_in == ParameterIn::Header);
    let reads = path.starts_with("/v1/") && methods.contains(&HttpMethod::Get);
    let mut refusals = Vec::new();
    if !open {
        refusals.extend([StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN]);
        refusals.push(StatusCode::SERVICE_UNAVAILABLE);
    }
    if has_body || !parameters.is_empty() {
        refusals.push(StatusCode::BAD_REQUEST);
    }
    if has_body {
        refusals.push(StatusCode::PAYLOAD_TOO_LARGE);
    }
    if writes {
        refusals.push(StatusCode::UNPROCESSABLE_ENTITY);
    }
    if path.contains('{') {
        refusals.push(StatusCode::NOT_FOUND);
    }
    let answers = &mut operation.responses.responses;
    for status in refusals {
        answers.entry(status.as_str().to_owned()).or_insert_with(|| RefOr::T(refusal(status)));
    }
    if let Some(RefOr::T(answer)) = answers.get_mut("200").filter(|_| reads) {
        let header = HeaderBuilder::new()
            .schema(ObjectBuilder::new().schema_type(Type::String).pattern(Some(HASH_PATTERN)))
            .description(Some("the hash of the version vector that the answer holds at"));
        answer.headers.insert(VECTOR_HEADER.to_owned(), header.build());
    }
}

const HASH_PATTERN: &str = "^[0-9a-f]{64}$";

/// The answer with any problem of this status.
fn refusal(status: StatusCode) -> Response {
    let kinds = Problem::kinds().into_iter().filter(|(_, of, _)| *of == status);
    let kinds: Vec<String> = kinds.map(|(name, _, title)| format!("`{name}`: {title}")).collect();
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name())));
    ResponseBuilder::new().description(kinds.join("; ")).content(CONTENT, content.build()).build()
}

/// The whole document.
fn document(mut described: OpenApi, title: &str) -> OpenApi {
    let own = Routes::<()>::default().add(__path_openapi, |_| MethodRouter::new());
    described.merge(own.document);
    let mut info = Info::new(title, env!("CARGO_PKG_VERSION"));
    info.description = Some(ABOUT.to_owned());
    described.info = info;
    let mut schemas = Vec::new();
    ProblemBody::schemas(&mut schemas);
    let token = |whose: &str| {
        let mut http = Http::new(HttpAuthScheme::Bearer);
        http.description = Some(whose.to_owned());
        SecurityScheme::Http(http)
    };
    let components = ComponentsBuilder::from(described.components.take().unwrap_or_default())
        .schema(ProblemBody::name(), <ProblemBody as utoipa::PartialSchema>::schema())
        .schemas_from_iter(schemas)
        .security_scheme(OPERATOR, token("the text in `admin.token`; on loopback only"))
        .security_scheme(TILL, token("what `till add` printed; a control knows none"));
    described.components = Some(components.build());
    described
}

const ABOUT: &str = "Money is in integer minor units, quantities are in integer thousandths. \
    Every refusal is `application/problem+json` (RFC 9457). docs/api.md tells the rest.";

fn filter(method: &HttpMethod) -> MethodFilter {
    match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Options => MethodFilter::OPTIONS,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Trace => MethodFilter::TRACE,
    }
}
