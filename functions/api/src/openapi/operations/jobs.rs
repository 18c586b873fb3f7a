//! Webhook jobs.

use hookrail_domain::platform::Scope;

use super::{OTHER_BODY, PLAIN, answer};
use crate::openapi::operation::{Call, Input, Operation, Shape, Tag};

const NO_JOB: (u16, &str) = (404, "There is no such webhook job.");
const LISTING: &str = "The latest first. A list that is narrowed may have a page that is not full: it ends where `nextPageToken` \
                       is null.";
const CREATING: &str = "It is sent in the line of its webhook, or in one of its own for all jobs of the space or kapp that have \
                        none, behind everything accepted before its time. The webhook's filter is not asked.";
const CHANGING: &str = "`status` `Queued` sends a failed job again, at `url` if one is given; `Cancelled` stops one that has not \
                        begun; `scheduledAt` puts off one that waits for its time, or says when a failed one is sent again. Another `url` needs the scope `webhooks:write` as well. All other fields may be sent along as they were read, and are ignored.";
const DELETING: &str =
    "It is no longer listed, and never sent if it had not begun. The log keeps what was sent.";
const SHOWN: Shape = Shape::One("WebhookJobEnvelope");

pub(super) const SPACE: &[Operation] = &[
    Operation { route: ("GET", "/app/api/v1/webhookJobs"), id: "listSpaceJobs", ..LIST },
    Operation { route: ("POST", "/app/api/v1/webhookJobs"), id: "createSpaceJob", ..CREATE },
    Operation { route: ("GET", "/app/api/v1/webhookJobs/{id}"), id: "findSpaceJob", ..FIND },
    Operation { route: ("PUT", "/app/api/v1/webhookJobs/{id}"), id: "changeSpaceJob", ..CHANGE },
    Operation { route: ("DELETE", "/app/api/v1/webhookJobs/{id}"), id: "deleteSpaceJob", ..DELETE },
];

pub(super) const KAPP: &[Operation] = &[
    Operation {
        route: ("GET", "/app/api/v1/kapps/{kappSlug}/webhookJobs"),
        id: "listKappJobs",
        summary: "List the webhook jobs of a kapp",
        inputs: &[
            Input::JobLimit,
            Input::PageToken,
            Input::JobStatus,
            Input::JobWebhook,
            Input::ParentType(Scope::Kapp),
            Input::ParentKey,
            Input::Start,
            Input::End,
            Input::Include,
        ],
        refusals: &[(404, "What stands in the path is no slug.")],
        ..LIST
    },
    Operation {
        route: ("POST", "/app/api/v1/kapps/{kappSlug}/webhookJobs"),
        id: "createKappJob",
        summary: "Post a webhook job of a kapp, for now or later",
        ..CREATE
    },
    Operation {
        route: ("GET", "/app/api/v1/kapps/{kappSlug}/webhookJobs/{id}"),
        id: "findKappJob",
        summary: "Read a webhook job of a kapp",
        ..FIND
    },
    Operation {
        route: ("PUT", "/app/api/v1/kapps/{kappSlug}/webhookJobs/{id}"),
        id: "changeKappJob",
        summary: "Queue a webhook job of a kapp again, or cancel it",
        ..CHANGE
    },
    Operation {
        route: ("DELETE", "/app/api/v1/kapps/{kappSlug}/webhookJobs/{id}"),
        id: "deleteKappJob",
        summary: "Delete a webhook job of a kapp",
        ..DELETE
    },
];

const LIST: Operation = Operation {
    tag: Tag::Platform,
    summary: "List the webhook jobs of the space",
    description: LISTING,
    inputs: &[
        Input::JobLimit,
        Input::PageToken,
        Input::JobStatus,
        Input::JobWebhook,
        Input::ParentType(Scope::Space),
        Input::ParentKey,
        Input::Start,
        Input::End,
        Input::All,
        Input::Include,
    ],
    answer: answer(200, "A page of jobs.", Shape::One("WebhookJobs")),
    ..PLAIN
};

const CREATE: Operation = Operation {
    tag: Tag::Platform,
    summary: "Post a webhook job of the space, for now or later",
    description: CREATING,
    inputs: &[Input::Include, Input::IdempotencyKey],
    body: Call::Needed("NewWebhookJob"),
    answer: answer(200, "The job as it was made.", SHOWN),
    refusals: &[
        (404, "The token's company does not exist, or what stands for a kapp is no slug."),
        (409, "The webhook is not active, or the company has as many webhooks as it may have."),
        OTHER_BODY,
    ],
    ..PLAIN
};

const FIND: Operation = Operation {
    tag: Tag::Platform,
    summary: "Read a webhook job of the space or of one of its kapps",
    inputs: &[Input::Include],
    answer: answer(200, "The job.", SHOWN),
    refusals: &[NO_JOB],
    ..PLAIN
};

const CHANGE: Operation = Operation {
    tag: Tag::Platform,
    summary: "Queue a webhook job again, or cancel it",
    description: CHANGING,
    inputs: &[Input::Include],
    body: Call::Needed("WebhookJobChange"),
    answer: answer(200, "The job as it is now.", SHOWN),
    refusals: &[NO_JOB, (409, "The job cannot go there from where it is.")],
    ..PLAIN
};

const DELETE: Operation = Operation {
    tag: Tag::Platform,
    summary: "Delete a webhook job",
    description: DELETING,
    inputs: &[Input::Include],
    answer: answer(200, "The job as it was.", SHOWN),
    refusals: &[NO_JOB, (409, "The job is in progress, or is tried again.")],
    ..PLAIN
};
