//! One route of the API: its path, who may call it, its audit action, its description.
//!
//! Each resource lists its routes next to their handlers; the router, the OpenAPI description and the tests read those lists.

use std::borrow::Cow;
use std::sync::Arc;

use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use hookrail_domain::audit::AuditAction;
use http::Method;
use utoipa::openapi::path::ParameterIn;

use crate::auth::Access;
use crate::openapi::input::Input;
use crate::{App, Ports};

/// A route and its handler.
pub type Served<P> = (Route, MethodRouter<Arc<App<P>>>);

/// A route without its handler. Begin one with [`get`], [`post`], [`patch`], [`put`] or [`delete`], end it with
/// [`Route::to`].
#[derive(Debug, Clone)]
pub struct Route {
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: String,
    pub access: Access,
    /// Its name in the audit log; none for routes that only read, and for the traffic of events.
    pub action: Option<AuditAction>,
    /// True if a call is executed once for each `Idempotency-Key`.
    pub is_once: bool,
    /// Its own limit at the gateway; none for the limit of every route.
    pub throttle: Option<Throttle>,
    /// None for the files of the panel, which OpenAPI does not describe.
    pub title: Option<Title>,
    /// Details that the summary leaves out; may be empty.
    pub description: &'static str,
    pub inputs: Vec<Input>,
    pub body: Body,
    pub success: Success,
    /// Refusals in addition to those that every route of its kind has.
    pub refusals: Vec<Refusal>,
}

/// Query parameters that clients of the reference systems send and that change nothing here.
const ECHOED_QUERY: [&str; 4] = ["debug", "export", "include", "manage"];

/// The place of a route in the reference.
#[derive(Debug, Clone)]
pub struct Title {
    pub tag: Tag,
    /// The operation's id, which no other route has.
    pub id: Cow<'static, str>,
    pub summary: Cow<'static, str>,
}

/// Requests that the gateway lets through to a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    pub per_second: u32,
    pub burst: u32,
}

/// The chapters of the reference, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    Webhooks,
    Secrets,
    Logs,
    Queue,
    Events,
    Tests,
    Platform,
    Access,
    Description,
}

/// The body that a call takes, by the name of its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    None,
    Required(&'static str),
    Optional(&'static str),
}

/// The response to a call that succeeds.
#[derive(Debug, Clone, Copy)]
pub struct Success {
    pub status: u16,
    pub description: &'static str,
    pub shape: Shape,
}

/// The body of a response, by the name of its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Nothing,
    One(&'static str),
    /// One that was made, with a `Location`.
    Created(&'static str),
    /// An array, whole.
    List(&'static str),
    /// An array of texts.
    Texts,
    /// An object of such arrays.
    TextsByName,
    /// An array, with a link to the next page.
    Page(&'static str),
    /// A document that holds a page of a list, with a link to the next page.
    LinkedOne(&'static str),
    /// Any JSON object.
    Object,
    Html,
}

/// A status and its reason.
pub type Refusal = (u16, &'static str);

/// Refusals that several resources share.
pub mod refusal {
    use super::Refusal;

    pub const NO_WEBHOOK: Refusal = (404, "The company has no such webhook.");
    pub const NO_ROW: Refusal = (404, "The company has no such webhook, or its log no such row.");
    pub const MOVED: Refusal = (409, "Another change came first, or the state does not allow it.");
    pub const TOKENS_FULL: Refusal = (409, "There are 200 tokens, the most that there may be: revoke one.");
    pub const NO_SPACE: Refusal =
        (404, "The token's company does not exist, or the path does not contain a valid slug.");
    pub const NO_KAPP: Refusal = (404, "The path does not contain a valid slug.");
}

impl Throttle {
    /// For routes with little normal traffic: they create tokens and companies, send requests or run scripts.
    pub const RARE: Self = Self { per_second: 10, burst: 20 };
    /// For the way into the panel.
    pub const SIGN_IN: Self = Self { per_second: 50, burst: 100 };
}

impl Tag {
    pub const ALL: [Self; 9] = [
        Self::Webhooks,
        Self::Secrets,
        Self::Logs,
        Self::Queue,
        Self::Events,
        Self::Tests,
        Self::Platform,
        Self::Access,
        Self::Description,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhooks => "Webhooks",
            Self::Secrets => "Signing secrets",
            Self::Logs => "Logs",
            Self::Queue => "Queue and replay",
            Self::Events => "Events",
            Self::Tests => "Tests",
            Self::Platform => "Webhooks on records of spaces and kapps",
            Self::Access => "Access",
            Self::Description => "This description",
        }
    }
}

pub fn get(path: impl Into<String>, access: Access) -> Route {
    Route::new((Method::GET, path.into()), access)
}

pub fn post(path: impl Into<String>, access: Access) -> Route {
    Route::new((Method::POST, path.into()), access)
}

pub fn patch(path: impl Into<String>, access: Access) -> Route {
    Route::new((Method::PATCH, path.into()), access)
}

pub fn put(path: impl Into<String>, access: Access) -> Route {
    Route::new((Method::PUT, path.into()), access)
}

pub fn delete(path: impl Into<String>, access: Access) -> Route {
    Route::new((Method::DELETE, path.into()), access)
}

impl Route {
    fn new((method, path): (Method, String), access: Access) -> Self {
        Self {
            method,
            path,
            access,
            action: None,
            is_once: false,
            throttle: None,
            title: None,
            description: "",
            inputs: Vec::new(),
            body: Body::None,
            success: Success { status: 200, description: "Done.", shape: Shape::Nothing },
            refusals: Vec::new(),
        }
    }

    /// Its chapter, its operation id and its summary in the reference.
    #[must_use]
    pub fn titled(
        self,
        tag: Tag,
        id: impl Into<Cow<'static, str>>,
        summary: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { title: Some(Title { tag, id: id.into(), summary: summary.into() }), ..self }
    }

    #[must_use]
    pub fn described(self, description: &'static str) -> Self {
        Self { description, ..self }
    }

    /// Values of the query, and headers.
    #[must_use]
    pub fn takes(mut self, inputs: impl IntoIterator<Item = Input>) -> Self {
        self.inputs.extend(inputs);
        self
    }

    #[must_use]
    pub fn needs_body(self, schema: &'static str) -> Self {
        Self { body: Body::Required(schema), ..self }
    }

    #[must_use]
    pub fn may_have_body(self, schema: &'static str) -> Self {
        Self { body: Body::Optional(schema), ..self }
    }

    #[must_use]
    pub fn responds(self, status: u16, description: &'static str, shape: Shape) -> Self {
        Self { success: Success { status, description, shape }, ..self }
    }

    #[must_use]
    pub fn refuses(self, refusals: impl Into<Vec<Refusal>>) -> Self {
        Self { refusals: refusals.into(), ..self }
    }

    /// The action is written down before it is done, and how it ended after it.
    #[must_use]
    pub fn audited(self, action: AuditAction) -> Self {
        Self { action: Some(action), ..self }
    }

    /// A call is done once for each `Idempotency-Key`.
    #[must_use]
    pub fn once(self) -> Self {
        Self { is_once: true, ..self.takes([Input::IdempotencyKey]) }
    }

    #[must_use]
    pub fn throttled(self, throttle: Throttle) -> Self {
        Self { throttle: Some(throttle), ..self }
    }

    /// The names that its query may hold, if it is described.
    pub(crate) fn query_names(&self) -> Option<Arc<[String]>> {
        self.title.as_ref()?;
        let parameters = self.inputs.iter().map(|input| input.parameter());
        let queries = parameters.filter(|parameter| parameter.parameter_in == ParameterIn::Query);
        Some(queries.map(|parameter| parameter.name).chain(ECHOED_QUERY.map(str::to_owned)).collect())
    }

    /// The route with its handler.
    pub fn to<P, H, T>(self, handler: H) -> Served<P>
    where
        P: Ports,
        H: Handler<T, Arc<App<P>>>,
        T: 'static,
    {
        let filter = match self.method {
            Method::POST => MethodFilter::POST,
            Method::PATCH => MethodFilter::PATCH,
            Method::PUT => MethodFilter::PUT,
            Method::DELETE => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        (self, on(filter, handler))
    }
}
