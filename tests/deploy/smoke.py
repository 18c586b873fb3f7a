"""Drives a deployed stack from outside and checks what it does: the API, order, retries, the log, bad input.

Each check prints `ok` or `FAILED` with what was seen; the last line counts them. Knows the stack by its name only:
everything else comes from its outputs. With --deleted it checks what is left after `sam delete`.
"""

import argparse
import http.server
import json
import os
import pathlib
import re
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid

import boto3
import botocore.exceptions

EVENTS = pathlib.Path(__file__).resolve().parents[2] / "events"
TASK_EVENT = (EVENTS / "samples" / "cot_event_task_create.json").read_text(encoding="utf-8")
COMPANY = json.loads(TASK_EVENT)["company"]
OTHER_COMPANY = "625be93a286ef83c1c0e845f"
TRIGGER = "create-edit-delete-task"
DEADLINE_SECONDS = 120


class Checks:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, 0

    def that(self, claim, truth, seen=""):
        if truth:
            self.passed += 1
            print(f"ok      {claim}", flush=True)
        else:
            self.failed += 1
            print(f"FAILED  {claim}: {seen}", flush=True)
        return truth

    def equal(self, claim, seen, expected):
        return self.that(claim, seen == expected, f"saw {seen!r:.400}, expected {expected!r:.400}")

    def skip(self, claim, reason):
        self.skipped += 1
        print(f"skipped {claim}: {reason}", flush=True)

    def summary(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        print(f"smoke: {self.passed} passed, {self.failed} failed{skipped}", flush=True)
        return 1 if self.failed else 0


class Stack:
    """Outputs of the stack, and the clients of what they name."""

    def __init__(self, name):
        stack = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        self.name, self.status = name, stack["StackStatus"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        self.sqs = boto3.client("sqs")
        self.producer = boto3.client(
            "sqs",
            aws_access_key_id=os.environ["PRODUCER_KEY"],
            aws_secret_access_key=os.environ["PRODUCER_SECRET"],
        )
        # An emulator answers for the API's own host name at its endpoint, under a path with the API's id.
        api = self.outputs["ApiUrl"].split("//")[1].split(".")[0]
        self.api = f"{os.environ['AWS_ENDPOINT_URL']}/_aws/execute-api/{api}/$default"

    def resources(self, kind):
        pages = boto3.client("cloudformation").describe_stack_resources(StackName=self.name)["StackResources"]
        return [resource for resource in pages if resource["ResourceType"] == kind]

    def call(self, method, path, token=None, body=None, headers=None):
        """Status, headers and body (parsed when it is JSON) of one call of the API."""
        headers = {"content-type": "application/json", **(headers or {})}
        if token:
            headers["authorization"] = f"Bearer {token}"
        data = None if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
        request = urllib.request.Request(self.api + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=40) as answer:
                status, received, text = answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as answer:
            status, received, text = answer.code, answer.headers, answer.read().decode()
        try:
            return status, received, json.loads(text)
        except ValueError:
            return status, received, text

    def send(self, sqs, group, body):
        """Puts an event on the queue as the platform does, with an ordinary AWS client."""
        sqs.send_message(
            QueueUrl=self.outputs["EventsQueueUrl"],
            MessageBody=body,
            MessageGroupId=group,
            MessageDeduplicationId=uuid.uuid4().hex,
        )

    def waiting(self, output):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        queue = self.sqs.get_queue_attributes(QueueUrl=self.outputs[output], AttributeNames=names)
        return sum(int(queue["Attributes"][name]) for name in names)


class Receiver:
    """Answers webhooks on one address and keeps every request in order of arrival. `/flaky` fails its first request,
    `/dead` every one until it is repaired."""

    def __init__(self, host, port):
        self.base, self.requests, self.lock = f"http://{host}:{port}", [], threading.Lock()
        self.repaired = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                with receiver.lock:
                    first = not any(path == self.path for path, _, _ in receiver.requests)
                    receiver.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                dead = self.path == "/dead" and not receiver.repaired.is_set()
                fails = dead or (first and self.path == "/flaky")
                self.send_response(500 if fails else 200)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                """The checks tell what arrived."""

        server = http.server.ThreadingHTTPServer((host, port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def at(self, path):
        with self.lock:
            return [(headers, body) for seen, headers, body in self.requests if seen == path]


def wait_until(condition):
    """Whether the condition came true before the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def task_event(number):
    """The published task event, told apart by its serial."""
    event = json.loads(TASK_EVENT)
    event["data"]["serial"] = number
    return json.dumps(event)


def make_producer():
    """Makes an IAM user without any permission of its own, before the stack that names it; prints ARN and key."""
    iam = boto3.client("iam")
    user = iam.create_user(UserName="platform")["User"]
    key = iam.create_access_key(UserName="platform")["AccessKey"]
    print(user["Arn"], key["AccessKeyId"], key["SecretAccessKey"])


def check_deployment(checks, stack, template):
    checks.that("the stack is complete", stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), stack.status)
    declared = len(re.findall(r"^    Type: AWS::CloudWatch::Alarm$", template, re.MULTILINE))
    checks.equal("every alarm is deployed", len(stack.resources("AWS::CloudWatch::Alarm")), declared)
    mappings = boto3.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    checks.equal("each queue that feeds a function has its mapping", len(mappings), 5)
    for mapping in mappings:
        found = (mapping.get("FunctionResponseTypes"), (mapping.get("ScalingConfig") or {}).get("MaximumConcurrency"))
        function = mapping["FunctionArn"].split(":")[-1]
        checks.equal(f"{function} reports item failures and is capped", found, (["ReportBatchItemFailures"], 100))


def check_sample_events(checks, stack):
    """Each event of `events/`, handed to its function as `sam local invoke` does, while no company exists yet."""
    names = {"api": "Api", "fan-out": "FanOut", "deliver": "Deliver", "recover": "Recover"}
    functions = {name: f"{logical}FunctionName" for name, logical in names.items()}
    for path in sorted(EVENTS.glob("*.json")):
        function = next(stack.outputs[output] for name, output in functions.items() if path.name.startswith(name))
        answer = boto3.client("lambda").invoke(FunctionName=function, Payload=path.read_bytes())
        payload = json.loads(answer["Payload"].read())
        understood = "FunctionError" not in answer and (
            payload.get("statusCode") == 401 or "batchItemFailures" in payload
        )
        checks.that(f"{path.name} is understood", understood, payload)


def check_api(checks, stack, operator_token):
    """Makes two companies; returns their tokens."""
    checks.equal("the panel answers", stack.call("GET", "/panel")[0], 200)
    checks.equal("a path that is not ours is 404", stack.call("GET", "/api/v3/nothing")[0], 404)
    checks.equal("a method that is not ours is 405", stack.call("DELETE", "/api/v3/webhook/subscription")[0], 405)
    checks.equal("no token is 401", stack.call("GET", "/api/v3/webhook/subscription")[0], 401)
    refused = stack.call("POST", "/api/v3/company", "x", {"company": COMPANY})
    checks.equal("a wrong operator token is 401", refused[0], 401)
    tokens = []
    for company in (COMPANY, OTHER_COMPANY):
        status, _, made = stack.call("POST", "/api/v3/company", operator_token, {"company": company})
        checks.that(f"company {company} is made", status == 201 and made.get("token"), (status, made))
        tokens.append(made["token"])
    status, _, refused = stack.call("POST", "/api/v3/company", tokens[0], {"company": "625be93a286ef83c1c0e8460"})
    checks.equal("a company's token makes no company", status, 403)
    return tokens


def check_access(checks, stack, token, webhook):
    """Everything that the API's role must be allowed for tokens, links, secrets and the audit log."""
    narrow = {"name": "smoke", "scopes": ["webhooks:read"]}
    status, _, made = stack.call("POST", "/api/v3/token", token, narrow)
    checks.that("a token is made", status == 201 and made.get("token"), (status, made))
    listed = "/api/v3/webhook/subscription"
    checks.equal("it reads webhooks", stack.call("GET", listed, made["token"])[0], 200)
    secret = f"{listed}/{webhook}/secret"
    checks.equal("it sees no secret", stack.call("GET", secret, made["token"])[0], 403)
    checks.equal("it is revoked", stack.call("DELETE", f"/api/v3/token/{made['_id']}", token)[0], 204)
    status, _, link = stack.call("POST", "/api/v3/panel/link", token, {})
    checks.equal("a panel link is made", status, 201)
    code = {"code": link["code"]}
    checks.equal("its code is exchanged", stack.call("POST", "/api/v3/panel/session", None, code)[0], 201)
    checks.equal("and not twice", stack.call("POST", "/api/v3/panel/session", None, code)[0], 401)
    checks.equal("the secret is rotated", stack.call("POST", f"{secret}/rotate", token, {})[0], 200)
    shown = stack.call("GET", secret, token)[2]
    checks.equal("both secrets are shown", len(shown["retired"]), 1)
    checks.equal("the old one is expired", stack.call("POST", f"{secret}/expire", token, {})[0], 200)
    status, _, entries = stack.call("GET", "/api/v3/audit", token)
    actions = {entry["action"] for entry in entries} if status == 200 else set()
    expected = {"token.create", "token.revoke", "link.create", "session.start", "secret.rotate", "secret.reveal"}
    checks.that("the audit log has it all", expected <= actions, (status, actions))


def make_webhook(checks, stack, token, code, url):
    webhook = {"name": f"Smoke {code}", "code": code, "url": url, "trigger": TRIGGER}
    status, _, made = stack.call("POST", "/api/v3/webhook/subscription", token, webhook)
    checks.that(f"webhook {code} is made", status == 201 and made.get("_id"), (status, made))
    return made["_id"]


def check_refusals(checks, stack, token, other_token, webhook):
    path = "/api/v3/webhook/subscription"
    bad = {"name": "x", "code": "metadata", "url": "http://169.254.169.254/latest", "trigger": TRIGGER}
    status, headers, _ = stack.call("POST", path, token, bad)
    checks.equal("a link-local target is refused", status, 400)
    checks.equal("the refusal is a problem document", headers.get_content_type(), "application/problem+json")
    loopback = {**bad, "code": "runtime", "url": "http://127.0.0.1:9001/"}
    checks.equal("a loopback target is refused", stack.call("POST", path, token, loopback)[0], 400)
    checks.equal("another company's webhook is 404", stack.call("GET", f"{path}/{webhook}", other_token)[0], 404)
    checks.equal("another company's log is 404", stack.call("GET", f"{path}/logs/{webhook}", other_token)[0], 404)
    checks.equal("an event that is no JSON is 400", stack.call("POST", "/api/v3/event", token, "{")[0], 400)
    foreign = stack.call("POST", "/api/v3/event", other_token, task_event(0))
    checks.equal("an event of another company is 400", foreign[0], 400)


def push_events(checks, stack, token):
    """Twenty events over the API, ten of them in one call, one message that is not an event, one event by the queue."""
    events = [task_event(number) for number in range(1, 21)]
    statuses = [stack.call("POST", "/api/v3/event", token, event)[0] for event in events[:10]]
    checks.equal("ten events are accepted one by one", statuses, [202] * 10)
    status, _, answer = stack.call("POST", "/api/v3/event", token, f"[{','.join(events[10:])}]")
    accepted = answer.get("events", []) if isinstance(answer, dict) else []
    checks.that("ten events are accepted in one call", status == 202 and len(accepted) == 10, (status, answer))
    stack.send(stack.producer, COMPANY, "this is not an event")
    stack.send(stack.producer, COMPANY, TASK_EVENT)
    try:
        stack.send(stack.sqs, COMPANY, TASK_EVENT)
        refusal = "accepted"
    except botocore.exceptions.ClientError as error:
        refusal = error.response["Error"]["Code"]
    checks.that("only the named producer may use the events queue", "AccessDenied" in refusal, refusal)
    return [*events, TASK_EVENT]


def check_order(checks, name, requests, events):
    """The requests of one webhook, failed ones included, against the events that were pushed."""
    bodies = []
    for headers, body in requests:
        if headers["hookrail-attempt"] == "1":
            bodies.append(body)
    checks.equal(f"{name}: every event arrived once, in order, byte for byte", bodies, events)
    sequences = [int(headers["hookrail-sequence"]) for headers, _ in requests if headers["hookrail-attempt"] == "1"]
    checks.equal(f"{name}: the sequence has no gap", sequences, list(range(1, len(events) + 1)))
    ids = [headers["webhook-id"] for headers, _ in requests]
    checks.that(f"{name}: each event has its own webhook-id", len(set(ids)) == len(events), ids)
    unsigned = [h for h, _ in requests if not re.fullmatch(r"v1,[A-Za-z0-9+/]{43}=", h.get("webhook-signature", ""))]
    checks.equal(f"{name}: every request is signed", unsigned, [])
    off = [h for h, _ in requests if 300 < abs(time.time() - int(h.get("webhook-timestamp", "0")))]
    checks.equal(f"{name}: every request is dated", off, [])
    kinds = {headers["content-type"] for headers, _ in requests}
    checks.equal(f"{name}: every request is JSON", kinds, {"application/json"})


def log_rows(stack, token, webhook):
    """All rows of a webhook's log, page after page."""
    rows, path = [], f"/api/v3/webhook/subscription/logs/{webhook}"
    while path:
        status, headers, page = stack.call("GET", path, token)
        if status != 200:
            raise RuntimeError(f"log answered {status}: {page}")
        rows += page
        following = re.search(r'<([^>]*)>; *rel="next"', headers.get("link", ""))
        path = re.sub(r"^https?://[^/]*", "", following[1]) if following else None
    return rows


def check_deliveries(checks, stack, tokens, receiver):
    token, other_token = tokens
    steady = make_webhook(checks, stack, token, "steady", f"{receiver.base}/steady")
    flaky = make_webhook(checks, stack, token, "flaky", f"{receiver.base}/flaky")
    dead = make_webhook(checks, stack, other_token, "dead", f"{receiver.base}/dead")
    check_refusals(checks, stack, token, other_token, steady)
    check_access(checks, stack, token, steady)

    events = push_events(checks, stack, token)
    began = time.monotonic()
    arrived = wait_until(
        lambda: len(events) <= len(receiver.at("/steady")) and len(events) < len(receiver.at("/flaky"))
    )
    counts = {path: len(receiver.at(path)) for path in ("/steady", "/flaky", "/dead")}
    if not checks.that("all events arrive", arrived, f"after {DEADLINE_SECONDS} s: {counts}"):
        return
    print(f"        after {time.monotonic() - began:.1f} s: {counts}")
    empty = wait_until(lambda: not stack.waiting("EventsQueueUrl") and not stack.waiting("DeliveriesQueueUrl"))
    checks.that("the queues run empty", empty, "messages are left")

    check_order(checks, "steady", receiver.at("/steady"), events)
    check_order(checks, "flaky", receiver.at("/flaky"), events)
    first, second = (headers for headers, _ in receiver.at("/flaky")[:2])
    checks.equal("the failed event was tried again before the next", second["hookrail-attempt"], "2")
    checks.equal("both tries had one webhook-id", first["webhook-id"], second["webhook-id"])
    checks.equal("another company's webhook got nothing", counts["/dead"], 0)

    statuses = [row["status"] for row in log_rows(stack, token, steady)]
    checks.equal("steady: one row per attempt, all accepted", statuses, [200] * len(events))
    statuses = sorted(row["status"] for row in log_rows(stack, token, flaky))
    checks.equal("flaky: one row per attempt, one failed", statuses, [200] * len(events) + [500])

    check_recovery(checks, stack, other_token, dead, receiver)
    check_metric(checks, stack)

    check_rejected(checks, stack, token)
    checks.equal("no delivery is dead-lettered", stack.waiting("DeliveriesDeadLetterQueueUrl"), 0)


def check_rejected(checks, stack, token):
    """A rejected event is kept by recover, corrected, and found across webhooks as the event that it became."""
    listed = "/api/v3/event/rejected"
    checks.that("the rejected event is listed", wait_until(lambda: stack.call("GET", listed, token)[2]), "nothing is")
    rejected = stack.call("GET", listed, token)[2]
    reasons = [(one["body"], len(one["errors"])) for one in rejected]
    checks.equal("with what is wrong with it", reasons, [("this is not an event", 1)])
    checks.that("it leaves its queue", wait_until(lambda: not stack.waiting("EventsDeadLetterQueueUrl")), "it did not")
    path = f"{listed}/{rejected[0]['_id']}/push"
    status, _, pushed = stack.call("POST", path, token, task_event(21))
    checks.equal("it is pushed again, corrected", status, 202)
    event = f"/api/v3/event/{pushed.get('event')}"
    found = wait_until(lambda: len(stack.call("GET", event, token)[2].get("deliveries", [])) == 2)
    checks.that("and found with both webhooks", found, stack.call("GET", event, token)[2])


def check_recovery(checks, stack, token, webhook, receiver):
    """A dead endpoint: one event is exhausted, which suspends the webhook (SuspendAfter=1); two more are parked; the
    first probe, half a minute later, finds the endpoint repaired."""
    events = [json.dumps({**json.loads(task_event(number)), "company": OTHER_COMPANY}) for number in range(1, 4)]
    status = stack.call("POST", "/api/v3/event", token, f"[{','.join(events)}]")[0]
    checks.equal("a dead endpoint's events are accepted", status, 202)

    def set_aside():
        return [(row["sequence"], row["retry"]) for row in log_rows(stack, token, webhook) if row["result"] == "PARKED"]

    wait_until(lambda: len(set_aside()) == 2 and not stack.waiting("DeliveriesQueueUrl"))
    attempts = [headers["hookrail-attempt"] for headers, _ in receiver.at("/dead")]
    checks.equal("dead: three attempts, then parked", attempts, ["1", "2", "3"])
    checks.equal("dead: the others wait in the log, each with one row", set_aside(), [(3, 1), (2, 1)])
    checks.equal("dead: nothing waits in the queue", stack.waiting("DeliveriesQueueUrl"), 0)
    checks.equal("dead: one wake-up waits for its time", stack.waiting("RecoveryQueueUrl"), 1)

    began = time.monotonic()
    receiver.repaired.set()
    wait_until(lambda: 6 <= len(receiver.at("/dead")) and not stack.waiting("RecoveryQueueUrl"))
    print(f"        recovered after {time.monotonic() - began:.1f} s")
    sent_again = receiver.at("/dead")[3:]
    checks.equal("dead: every event came when it was repaired, in order", [body for _, body in sent_again], events)
    attempts = [headers["hookrail-attempt"] for headers, _ in sent_again]
    checks.equal("dead: the one that was given up came first", attempts, ["4", "2", "2"])
    ids = {headers["webhook-id"] for headers, _ in receiver.at("/dead")}
    checks.equal("dead: each event kept its webhook-id", len(ids), 3)
    checks.equal("dead: its wake-up has ended", stack.waiting("RecoveryQueueUrl"), 0)


def function_log(group):
    return [event["message"] for event in boto3.client("logs").filter_log_events(logGroupName=group)["events"]]


def check_metric(checks, stack):
    """The alarm watches the very metric, dimensions included, that the function writes."""
    groups = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in stack.resources("AWS::Logs::LogGroup")}
    written = []
    for line in function_log(groups["DeliverLogGroup"]):
        if '"_aws"' in line:
            line = json.loads(line[line.index("{") :])
            for metrics in line["_aws"]["CloudWatchMetrics"]:
                for metric in metrics["Metrics"]:
                    sets = [{name: line[name] for name in names} for names in metrics["Dimensions"]]
                    written += [(metrics["Namespace"], metric["Name"], dimensions) for dimensions in sets]
    alarms = boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]
    watched = [
        (alarm["Namespace"], alarm["MetricName"], {d["Name"]: d["Value"] for d in alarm["Dimensions"]})
        for alarm in alarms
        if alarm["Namespace"] == "Hookrail"
    ]
    checks.that("what is given up is counted", written, "no metric in the log")
    missing = [metric for metric in watched if metric not in written]
    checks.equal(f"each of our own metrics that has an alarm is written so ({len(watched)})", missing, [])


def check_function_logs(checks, stack):
    for resource in stack.resources("AWS::Logs::LogGroup"):
        lines = function_log(resource["PhysicalResourceId"])
        bad = [line for line in lines if re.search(r"panicked|Runtime\.ExitError|Task timed out", line)]
        checks.equal(f"{resource['LogicalResourceId']}: no crash and no time-out in {len(lines)} lines", bad, [])
        if resource["LogicalResourceId"] == "RecoverLogGroup":
            # A sweep that is refused the index answers like one that found nothing.
            errors = [line for line in lines if re.search(r'"level": ?"ERROR"', line)]
            checks.equal("recover: its sweeps found what they looked for", errors, [])


def check_deleted(checks, name):
    queues = boto3.client("sqs").list_queues(QueueNamePrefix=name).get("QueueUrls", [])
    checks.equal("no queue is left", queues, [])
    checks.equal("no function is left", boto3.client("lambda").list_functions()["Functions"], [])
    tables = boto3.client("dynamodb").list_tables()["TableNames"]
    checks.equal("both tables outlive the stack", len([table for table in tables if table.startswith(name)]), 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack")
    parser.add_argument("--template", type=pathlib.Path)
    parser.add_argument("--receiver", default="", metavar="ADDRESS:PORT", help="empty: deliveries are not checked")
    parser.add_argument("--deleted", action="store_true", help="the stack was deleted: check what is left")
    parser.add_argument("--make-producer", action="store_true", help="before deploying: make EventProducers' user")
    arguments = parser.parse_args()
    if arguments.make_producer:
        make_producer()
        return 0
    checks = Checks()
    if arguments.deleted:
        check_deleted(checks, arguments.stack)
        return checks.summary()
    stack = Stack(arguments.stack)
    check_deployment(checks, stack, arguments.template.read_text(encoding="utf-8"))
    check_sample_events(checks, stack)
    tokens = check_api(checks, stack, os.environ["OPERATOR_TOKEN"])
    if arguments.receiver:
        host, port = arguments.receiver.rsplit(":", 1)
        check_deliveries(checks, stack, tokens, Receiver(host, int(port)))
    else:
        checks.skip("deliveries", "this machine has no address but loopback, which deployed functions refuse")
    check_function_logs(checks, stack)
    return checks.summary()


if __name__ == "__main__":
    sys.exit(main())
