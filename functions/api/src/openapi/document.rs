//! The OpenAPI document: the routes as they describe themselves, and the schemas of their documents.

use hookrail_wire::openapi::kinds::text;
use hookrail_wire::openapi::{example, named, schemas};
use hookrail_wire::problem::MEDIA_TYPE;
use http::Method;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem, PathsBuilder,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ArrayBuilder, ComponentsBuilder, ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Required};

use super::input::Input;
use crate::auth::Access;
use crate::route::{Body, Refusal, Route, Shape, Success, Tag, Title};

const JSON: &str = "application/json";
const JSON_ANSWER: &str = "application/json; charset=utf-8";
const BEARER: &str = "bearer";
const BASIC: &str = "basic";
const ABOUT: &str = "Webhooks delivered strictly in order. Every error is a problem document (RFC 9457) that names \
                     each bad field. Lists are bare arrays; the next page is in the `Link` header. Below `/app/api/v1` \
                     both are as clients of spaces and kapps know them.";

/// Returns the routes as OpenAPI 3.1. The panel's files are not included.
#[must_use]
pub(super) fn document(routes: &[Route]) -> OpenApi {
    let mut paths = PathsBuilder::new();
    for route in routes {
        if let Some(title) = &route.title {
            let item = PathItem::new(method(&route.method), described(title, route));
            paths = paths.path(route.path.clone(), item);
        }
    }
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
        "A token of Hookrail, or a JWT of the identity provider that the operator has named.",
    ));
    let basic = HttpBuilder::new().scheme(HttpAuthScheme::Basic).description(Some(
        "The same token as the password, whatever the user name. Below `/app/api/v1` only.",
    ));
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas())
        .security_scheme(BEARER, SecurityScheme::Http(scheme.build()))
        .security_scheme(BASIC, SecurityScheme::Http(basic.build()));
    let info = InfoBuilder::new()
        .title("Hookrail")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(LicenseBuilder::new().name(env!("CARGO_PKG_LICENSE")).build()));
    let tags = Tag::ALL.map(|tag| TagBuilder::new().name(tag.name()).build());
    OpenApiBuilder::new()
        .info(info.build())
        .paths(paths.build())
        .components(Some(components.build()))
        .tags(Some(tags))
        .build()
}

fn method(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PATCH => HttpMethod::Patch,
        Method::PUT => HttpMethod::Put,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn described(title: &Title, route: &Route) -> OperationBuilder {
    let mut built = OperationBuilder::new()
        .operation_id(Some(title.id.as_ref()))
        .tag(title.tag.name())
        .summary(Some(title.summary.as_ref()))
        .description(Some(description(route)).filter(|text| !text.is_empty()))
        .request_body(request_body(route.body))
        .response(route.success.status.to_string(), response(route));
    for name in path_names(&route.path) {
        built = built.parameter(path_parameter(name));
    }
    for input in &route.inputs {
        built = built.parameter(input.parameter());
    }
    for (status, why) in refusals(title.tag, route) {
        built = built.response(status.to_string(), refused(title.tag, status, why));
    }
    match scope(route.access) {
        None => built,
        Some(scopes) if title.tag == Tag::Platform => built
            .security(SecurityRequirement::new(BEARER, scopes.clone()))
            .security(SecurityRequirement::new(BASIC, scopes)),
        Some(scopes) => built.security(SecurityRequirement::new(BEARER, scopes)),
    }
}

/// The route's own description, and who may call it.
fn description(route: &Route) -> String {
    let who = match route.access {
        Access::Anyone => None,
        Access::AnyToken => Some("Every valid token may call this.".to_owned()),
        Access::Company(scope) => Some(format!("Needs the scope `{}`.", scope.name())),
        Access::CompanyOrOperator(scope) => {
            Some(format!("Needs the scope `{}`, or an operator's token.", scope.name()))
        }
        Access::Operator => Some("Needs an operator's token.".to_owned()),
    };
    let said = Some(route.description.to_owned()).filter(|text| !text.is_empty());
    said.into_iter().chain(who).collect::<Vec<_>>().join(" ")
}

/// The scopes that a token needs; none if no token is needed.
fn scope(access: Access) -> Option<Vec<&'static str>> {
    match access {
        Access::Anyone => None,
        Access::AnyToken => Some(Vec::new()),
        Access::Company(scope) | Access::CompanyOrOperator(scope) => Some(vec![scope.name()]),
        Access::Operator => Some(vec!["operator"]),
    }
}

fn path_names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn path_parameter(name: &str) -> Parameter {
    let description = match name {
        "name" => "The webhook's name, percent-encoded.",
        "kappSlug" => "The kapp's slug: 1 to 64 letters, digits, `-` and `_`.",
        "scope" => "`space` or `kapp`.",
        "type" => "A type's name, percent-encoded.",
        _ => "24 hexadecimal characters. An invalid id returns 404.",
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(text()))
        .build()
}

fn request_body(body: Body) -> Option<RequestBody> {
    let (name, required) = match body {
        Body::None => return None,
        Body::Required(name) => (name, Required::True),
        Body::Optional(name) => (name, Required::False),
    };
    let content = ContentBuilder::new().schema(Some(named(name))).example(example(name)).build();
    Some(RequestBodyBuilder::new().content(JSON, content).required(Some(required)).build())
}

fn response(route: &Route) -> Response {
    let Success { description, shape, .. } = route.success;
    let array = |name| ArrayBuilder::new().items(named(name));
    let texts = || ArrayBuilder::new().items(text());
    let (media_type, content) = match shape {
        Shape::Nothing => return ResponseBuilder::new().description(description).build(),
        Shape::One(name) | Shape::Created(name) | Shape::LinkedOne(name) => {
            let content = ContentBuilder::new().schema(Some(named(name))).example(example(name));
            (JSON_ANSWER, content)
        }
        Shape::List(name) | Shape::Page(name) => {
            (JSON_ANSWER, ContentBuilder::new().schema(Some(array(name))))
        }
        Shape::Texts => (JSON_ANSWER, ContentBuilder::new().schema(Some(texts()))),
        Shape::TextsByName => {
            let object = ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(texts()));
            (JSON_ANSWER, ContentBuilder::new().schema(Some(object)))
        }
        Shape::Object => {
            let object = ObjectBuilder::new().schema_type(Type::Object);
            (JSON_ANSWER, ContentBuilder::new().schema(Some(object)))
        }
        Shape::Html => ("text/html; charset=utf-8", ContentBuilder::new().schema(Some(text()))),
    };
    let mut response = ResponseBuilder::new().description(description).content(media_type, content.build());
    if matches!(shape, Shape::Page(_) | Shape::LinkedOne(_)) {
        response =
            response.header("Link", header("The next page, as `rel=\"next\"`. Absent on the last page."));
    }
    if matches!(shape, Shape::Created(_)) {
        response = response.header("Location", header("The path of the webhook."));
    }
    if route.inputs.contains(&Input::IdempotencyKey) {
        response = response
            .header(
                "Idempotency-Key",
                header("The key of the call. Hookrail makes one if the call has none."),
            )
            .header("Idempotent-Replayed", header("`true` if this is the response to an earlier call."));
    }
    response.build()
}

fn header(description: &str) -> utoipa::openapi::Header {
    HeaderBuilder::new().schema(Some(text())).description(Some(description)).build()
}

/// The refusals of the route's kind, then its own.
fn refusals(tag: Tag, route: &Route) -> Vec<Refusal> {
    let has_body = route.body != Body::None;
    let own = |status: u16| route.refusals.iter().any(|(of, _)| *of == status);
    let is_static = tag == Tag::Description;
    let needs_token = route.access != Access::Anyone;
    let common = [
        (
            400,
            has_body || !route.inputs.is_empty(),
            "A field or a query parameter is unknown or has a bad value. The response names each.",
        ),
        (401, needs_token, "The token is missing or not valid."),
        (
            403,
            needs_token || route.method != Method::GET,
            "The token lacks the scope, or the `Origin` header names another site.",
        ),
        (
            413,
            has_body,
            "The body is larger than 65,536 bytes, or 1,000,000 for a call that carries an event.",
        ),
        (415, has_body, "The content type is not JSON."),
        (
            422,
            route.inputs.contains(&Input::IdempotencyKey),
            "The idempotency key was used with another body before.",
        ),
        (431, true, "Path, query and headers are too large."),
        (500, !is_static, "The call failed inside Hookrail."),
        (503, !is_static, "The call may succeed later; see `Retry-After`."),
    ];
    let common = common.into_iter().filter(|(status, applies, _)| *applies && !own(*status));
    common.map(|(status, _, why)| (status, why)).chain(route.refusals.iter().copied()).collect()
}

fn refused(tag: Tag, status: u16, why: &str) -> Response {
    let (name, media_type) = match tag {
        Tag::Platform => ("PlatformProblem", JSON_ANSWER),
        _ => ("Problem", MEDIA_TYPE),
    };
    let content = ContentBuilder::new().schema(Some(named(name)));
    let content = if status == 400 { content.example(example(name)) } else { content };
    let response = ResponseBuilder::new().description(why).content(media_type, content.build());
    match status {
        503 => response.header("Retry-After", header("Seconds until another try makes sense.")).build(),
        401 => response.header("WWW-Authenticate", header("`Bearer`.")).build(),
        _ => response.build(),
    }
}
