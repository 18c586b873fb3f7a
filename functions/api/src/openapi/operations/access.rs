//! Companies, tokens, the panel, and this description.

use super::{PLAIN, answer};
use crate::openapi::operation::{Call, Input, Operation, Shape, Tag};

pub(super) const ACCESS: &[Operation] = &[
    Operation {
        route: ("POST", "/api/v3/company"),
        id: "createCompany",
        tag: Tag::Access,
        summary: "Make a company and its first token",
        body: Call::Optional("NewCompany"),
        answer: answer(201, "The company. Its token is shown this once.", Shape::One("Company")),
        refusals: &[(409, "The id is taken.")],
        ..PLAIN
    },
    Operation {
        route: ("GET", "/api/v3/token"),
        id: "listTokens",
        tag: Tag::Access,
        summary: "List tokens and panel sessions",
        inputs: &[Input::Company],
        answer: answer(200, "The tokens, without their texts.", Shape::List("Token")),
        ..PLAIN
    },
    Operation {
        route: ("POST", "/api/v3/token"),
        id: "createToken",
        tag: Tag::Access,
        summary: "Make a token",
        description: "It can do no more than its maker, and lives no longer.",
        body: Call::Needed("NewToken"),
        answer: answer(201, "The token. Its text is shown this once.", Shape::One("Token")),
        refusals: &[(409, "There are as many tokens as there may be.")],
        ..PLAIN
    },
    Operation {
        route: ("GET", "/api/v3/token/self"),
        id: "ownToken",
        tag: Tag::Access,
        summary: "Show what the caller's own token may do",
        answer: answer(200, "The token.", Shape::One("OwnToken")),
        ..PLAIN
    },
    Operation {
        route: ("DELETE", "/api/v3/token/{id}"),
        id: "revokeToken",
        tag: Tag::Access,
        summary: "Revoke a token and its sessions",
        inputs: &[Input::Company],
        answer: answer(204, "It is worth nothing, five seconds later everywhere.", Shape::Nothing),
        refusals: &[(404, "There is no such token.")],
        ..PLAIN
    },
    Operation {
        route: ("GET", "/api/v3/audit"),
        id: "listAudit",
        tag: Tag::Access,
        summary: "List who did what, the newest first",
        inputs: &[Input::Limit(50), Input::Cursor, Input::Company],
        answer: answer(200, "A page of the audit log.", Shape::Page("AuditEntry")),
        ..PLAIN
    },
];

pub(super) const PANEL: &[Operation] = &[
    Operation {
        route: ("POST", "/api/v3/panel/link"),
        id: "createPanelLink",
        tag: Tag::Access,
        summary: "Make a link into the panel that works once",
        body: Call::Optional("NewPanelLink"),
        answer: answer(201, "The link's code and path.", Shape::One("PanelLink")),
        ..PLAIN
    },
    Operation {
        route: ("POST", "/api/v3/panel/session"),
        id: "startPanelSession",
        tag: Tag::Access,
        summary: "Exchange a link's code for a session",
        body: Call::Needed("PanelCode"),
        answer: answer(201, "The session. Its token is shown this once.", Shape::One("PanelSession")),
        refusals: &[
            (401, "The code was used, or is too old."),
            (409, "There are as many tokens as there may be."),
        ],
        ..PLAIN
    },
    Operation {
        route: ("DELETE", "/api/v3/panel/session"),
        id: "endPanelSession",
        tag: Tag::Access,
        summary: "Sign out of the panel",
        answer: answer(204, "The session has ended.", Shape::Nothing),
        ..PLAIN
    },
];

pub(super) const DESCRIPTION: &[Operation] = &[
    Operation {
        route: ("GET", "/api/v3/openapi.json"),
        id: "describe",
        tag: Tag::Description,
        summary: "This description, as OpenAPI 3.1",
        answer: answer(200, "The description.", Shape::Object),
        ..PLAIN
    },
    Operation {
        route: ("GET", "/api/v3/reference"),
        id: "readReference",
        tag: Tag::Description,
        summary: "This description, for people",
        answer: answer(200, "A page.", Shape::Html),
        ..PLAIN
    },
];
