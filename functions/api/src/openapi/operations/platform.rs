//! Webhooks on the platform's records.

use super::{NO_WEBHOOK, PLAIN, answer};
use crate::openapi::operation::{Call, Input, Operation, Shape, Tag};

const FULL: (u16, &str) = (409, "The company has as many webhooks as it may have.");
const LOST: (u16, &str) = (409, "Another change came first.");
const NO_SCOPE: (u16, &str) = (404, "There is no such scope, or it does not offer the type.");
const NO_KAPP: (u16, &str) = (404, "What stands in the path is no slug.");
const SHOWN: Shape = Shape::One("PlatformWebhookEnvelope");
const CREATING: &str = "Filter and URL are parsed, and not run. A URL that begins with a slash continues the operator's workflow \
                        engine; any other must be one that events may be sent to.";
const CHANGING: &str = "What the body does not name stays. A new name renames, and the old one is free at once. A signing secret \
                        is never shown; it stays if it is not said, and an empty strategy replaces it by one that is made here.";
const LISTING: &str = "By name, and with `all=true` those of each kapp behind the space's own. All of them, but for what one \
                       answer has no room for: that is told by `nextPageToken`.";
const OF_KAPP: &str =
    "By name, all of them, but for what one answer has no room for: that is told by `nextPageToken`.";

pub(super) const SPACE: &[Operation] = &[
    Operation { route: ("GET", "/app/api/v1/webhooks"), id: "listSpaceWebhooks", ..LIST },
    Operation { route: ("POST", "/app/api/v1/webhooks"), id: "createSpaceWebhook", ..CREATE },
    Operation { route: ("GET", "/app/api/v1/webhooks/{name}"), id: "findSpaceWebhook", ..FIND },
    Operation { route: ("PUT", "/app/api/v1/webhooks/{name}"), id: "changeSpaceWebhook", ..CHANGE },
    Operation { route: ("DELETE", "/app/api/v1/webhooks/{name}"), id: "deleteSpaceWebhook", ..DELETE },
];

pub(super) const KAPP: &[Operation] = &[
    Operation {
        route: ("GET", "/app/api/v1/kapps/{kappSlug}/webhooks"),
        id: "listKappWebhooks",
        summary: "List the webhooks of a kapp",
        description: OF_KAPP,
        inputs: &[Input::Include, Input::PageToken],
        refusals: &[NO_KAPP],
        ..LIST
    },
    Operation {
        route: ("POST", "/app/api/v1/kapps/{kappSlug}/webhooks"),
        id: "createKappWebhook",
        summary: "Make a webhook of a kapp",
        ..CREATE
    },
    Operation {
        route: ("GET", "/app/api/v1/kapps/{kappSlug}/webhooks/{name}"),
        id: "findKappWebhook",
        summary: "Read a webhook of a kapp",
        ..FIND
    },
    Operation {
        route: ("PUT", "/app/api/v1/kapps/{kappSlug}/webhooks/{name}"),
        id: "changeKappWebhook",
        summary: "Change, rename, activate or deactivate a webhook of a kapp",
        ..CHANGE
    },
    Operation {
        route: ("DELETE", "/app/api/v1/kapps/{kappSlug}/webhooks/{name}"),
        id: "deleteKappWebhook",
        summary: "Delete a webhook of a kapp",
        ..DELETE
    },
];

const LIST: Operation = Operation {
    tag: Tag::Platform,
    summary: "List the webhooks of the space",
    description: LISTING,
    inputs: &[Input::All, Input::Include, Input::PageToken],
    answer: answer(200, "The webhooks, inactive ones included.", Shape::One("PlatformWebhooks")),
    ..PLAIN
};

const CREATE: Operation = Operation {
    tag: Tag::Platform,
    summary: "Make a webhook of the space",
    description: CREATING,
    inputs: &[Input::Include],
    body: Call::Needed("NewPlatformWebhook"),
    answer: answer(200, "The webhook as it was made.", SHOWN),
    refusals: &[(404, "The token's company does not exist, or what stands for a kapp is no slug."), FULL],
    ..PLAIN
};

const FIND: Operation = Operation {
    tag: Tag::Platform,
    summary: "Read a webhook of the space",
    inputs: &[Input::Include],
    answer: answer(200, "The webhook.", SHOWN),
    refusals: &[NO_WEBHOOK],
    ..PLAIN
};

const CHANGE: Operation = Operation {
    tag: Tag::Platform,
    summary: "Change, rename, activate or deactivate a webhook of the space",
    description: CHANGING,
    inputs: &[Input::Include],
    body: Call::Needed("PlatformWebhookChange"),
    answer: answer(200, "The webhook as it is now.", SHOWN),
    refusals: &[NO_WEBHOOK, (409, "Another change came first, or what waited for it is being dropped.")],
    ..PLAIN
};

const DELETE: Operation = Operation {
    tag: Tag::Platform,
    summary: "Delete a webhook of the space",
    inputs: &[Input::Include],
    answer: answer(200, "The webhook as it was.", SHOWN),
    refusals: &[NO_WEBHOOK, LOST],
    ..PLAIN
};

pub(super) const META: &[Operation] = &[
    Operation {
        route: ("GET", "/app/api/v1/meta/webhooks/types/{scope}"),
        id: "listTypes",
        tag: Tag::Platform,
        summary: "List the types that webhooks can be made for",
        answer: answer(200, "Their names.", Shape::Texts),
        refusals: &[NO_SCOPE],
        ..PLAIN
    },
    Operation {
        route: ("GET", "/app/api/v1/meta/webhooks/events/{scope}"),
        id: "listEvents",
        tag: Tag::Platform,
        summary: "List the events of each type",
        answer: answer(200, "Their names, by the type's.", Shape::TextsByName),
        refusals: &[NO_SCOPE],
        ..PLAIN
    },
    Operation {
        route: ("GET", "/app/api/v1/meta/webhooks/events/{scope}/{type}"),
        id: "listEventsOfType",
        tag: Tag::Platform,
        summary: "List the events of one type",
        answer: answer(200, "Their names.", Shape::Texts),
        refusals: &[NO_SCOPE],
        ..PLAIN
    },
    Operation {
        route: ("GET", "/app/api/v1/meta/webhooks/catalogue"),
        id: "readCatalogue",
        tag: Tag::Platform,
        summary: "Read all that a form for webhooks offers",
        description: "Types with their events, the functions that filters and URLs may call, and a webhook for each \
                      workflow tree of the naming convention. The URLs of those take the name of the workflow engine's \
                      source from the space's attribute `Task Source`.",
        answer: answer(200, "Every type that is offered anywhere.", Shape::One("PlatformCatalogue")),
        ..PLAIN
    },
    Operation {
        route: ("POST", "/app/api/v1/meta/webhooks/try"),
        id: "tryWebhook",
        tag: Tag::Platform,
        summary: "Try a filter and a URL on an event",
        description: "Nothing is sent, and nothing is kept. A script that fails says why in its place.",
        body: Call::Needed("NewPlatformTrial"),
        answer: answer(
            200,
            "Whether the webhook is for the event, and where it goes.",
            Shape::One("PlatformTrial"),
        ),
        ..PLAIN
    },
];
