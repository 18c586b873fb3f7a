"""What a generator of calls cannot know of the running stack: which token a route takes, whose the events are, and
which webhook and row are there; and what a description of single fields cannot tell of several, or of the state. Read by
schemathesis (SCHEMATHESIS_HOOKS); the stack is told of in HOOKRAIL_STACK."""

import json
import os
import re

import schemathesis
from hypothesis import strategies

STACK = json.loads(os.environ["HOOKRAIL_STACK"])
# Of the calls that name a webhook or a row, one in so many names one that is not there.
MISSES = 4

# Where requests may be sent on this machine; and where nothing listens.
schemathesis.openapi.format("uri", strategies.sampled_from([STACK["receiver"], STACK["receiver"] + "?a=b", STACK["nowhere"]]))
# Another company's id in an event, or in a new token, is refused however well-formed it is.
schemathesis.openapi.format("company-id", strategies.just(STACK["company"]))


@schemathesis.auth()
class Token:
    def get(self, case, context):
        security = context.operation.definition.raw.get("security", [])
        is_operator = any("operator" in scopes for one in security for scopes in one.values())
        return STACK["operatorToken"] if is_operator else STACK["token"]

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    known = {"row": STACK["row"]}
    path, method = context.operation.path, context.operation.method.upper()
    # The webhook of all other calls must stay.
    if "/webhook/" in path and (method, path.rsplit("/", 1)[1]) != ("DELETE", "{id}"):
        known["id"] = STACK["webhook"]
    for name, value in known.items():
        # Told by the value itself, so that a call comes out the same when it is repeated.
        if name in (path_parameters or {}) and sum(str(path_parameters[name]).encode()) % MISSES:
            path_parameters[name] = value
    return path_parameters


# Why a call that meets the description may be refused all the same: every reason is one of these.
RULES = re.compile(
    "|".join(
        (
            "is another company than your token's",
            "is missing: name the company whose panel is opened",
            "is not a cursor of this list; use the link of the page before",
            "is taken by another webhook of the company",
            "must be later than (from|since)",
            "must be in the future",
            "cannot be changed once saved",
            "does not apply to the trigger [a-z-]+",
            "was used with another body before",
            "is already the signing secret",
            "holds [a-z:]+, which is not a scope of this owner",
            "needs isActive false next to it",
        )
    )
)


# The same of the API on the platform's records: scripts that do not parse, URLs that must not be called, events inside a
# text, and fields that depend on each other.
PLATFORM_RULES = re.compile(
    "(filter|url|event|type|name|authStrategy\\S*|isActive|pageToken|parentType|parentKey|kappSlug|webhook|webhookId"
    "|requestContent|Idempotency-Key) .+",
    re.DOTALL,
)


@schemathesis.check
def refused_for_a_rule(context, response, case):
    """A call that meets the description is refused for what the description cannot tell, and for nothing else."""
    if not case.meta.generation.mode.is_positive or response.status_code not in (400, 422):
        return
    document = response.json()
    is_platform = "statusCode" in document
    if is_platform and "errors" not in document:
        if not PLATFORM_RULES.fullmatch(document["error"]):
            raise AssertionError(f"the call is as described, and was refused: {document['error']}")
        return
    for error in document["errors"]:
        told = f"{error['field']} {error['reason']}"
        if not (PLATFORM_RULES.fullmatch(told) if is_platform else RULES.fullmatch(error["reason"])):
            raise AssertionError(f"{error['field']} is as described, and was refused: {error['reason']}")
