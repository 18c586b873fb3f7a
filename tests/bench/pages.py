"""Long lists: pages of 10,000 webhooks and of a log of 100,000 rows, walked from the first to the last while they grow.

Starts `hookrail dev` with one sandbox of the API and a receiver, and makes 1,000 webhooks, as many as a company may
have: the last 50 while a walk over the list is under way. Copies of one, straight in the table, bring the list to
10,000: it must not be the list that sets the limit. Fills the log of one with copies of its first row and walks it by its links while a thread goes on pushing events. Fails when a row that was there before is
not seen exactly once, when the pages of the last tenth take more than twice the time of those of the first (medians),
or when the walks raise the peak resident memory (VmHWM) of the API's sandbox by more than 16 MiB.

usage: pages.py HOOKRAIL [ROWS]
"""
import collections
import http.client
import http.server
import itertools
import json
import statistics
import sys
import tempfile
import threading
import time
import urllib.parse

from isolation import PATIENCE_SECONDS, Server, start
from memory import peak_kib

WEBHOOKS = 1000
WEBHOOKS_MEANWHILE = 50
COPIES = 9000
PAGE = 100
# What DynamoDB writes in one call.
BATCH = 25
RATIO_MAX = 2
GROWTH_KIB_MAX = 16384
WEBHOOK_PATH = "/api/v3/webhook/subscription"


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Caller:
    """One connection to the API or to the tables; a thread has its own."""

    def __init__(self, url, headers):
        self.connection = http.client.HTTPConnection(urllib.parse.urlparse(url).netloc)
        self.headers = headers

    def call(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body and json.dumps(body), {**self.headers, **(headers or {})})
        answer = self.connection.getresponse()
        text = answer.read()
        assert answer.status in (200, 201, 202), (method, path, answer.status, text[:300])
        return json.loads(text or b"null"), answer.headers


def api(ready):
    return Caller(ready["api"], {"Authorization": f"Bearer {ready['token']}", "Content-Type": "application/json"})


def webhooks(caller, numbers, trigger, url):
    """Makes one for each number, and gives its id."""
    for number in numbers:
        webhook = {"name": f"bench {number}", "code": f"bench_{number}", "trigger": trigger, "url": url}
        yield caller.call("POST", WEBHOOK_PATH, webhook)[0]["_id"]


def pushes(caller, company):
    """Pushes one event after the other."""
    event = {"company": company, "type": "COTTask", "event": "create", "data": {"text": "x" * 300}}
    while True:
        yield caller.call("POST", "/api/v3/event", event)


def copy(ready, table, one, many):
    """Puts what `many` makes of the item with this partition and sort key, or its beginning, into the table."""
    tables = Caller(ready["dynamodb"], {"Content-Type": "application/x-amz-json-1.0"})

    def act(action, request):
        return tables.call("POST", "/", request, {"x-amz-target": f"DynamoDB_20120810.{action}"})[0]

    found = act("Query", {
        "TableName": table, "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
        "ExpressionAttributeValues": {":pk": {"S": one[0]}, ":sk": {"S": one[1]}}})
    [item] = found["Items"]
    copies = many(item)
    while puts := [{"PutRequest": {"Item": made}} for made in itertools.islice(copies, BATCH)]:
        written = act("BatchWriteItem", {"RequestItems": {table: puts}})
        assert not written["UnprocessedItems"], written


def fill(ready, webhook, rows):
    """Copies of the one row of a log, a millisecond apart, up to this many."""
    def many(row):
        started = int(row["startedAt"]["N"])
        for sequence in range(1, rows + 1):
            at = {"N": str(started - rows + sequence)}
            yield {**row, "sk": {"S": f"seq#{sequence:020}#{1:06}"}, "startedAt": at}

    copy(ready, "hookrail-log", (f"{ready['company']}#{webhook}", "seq#"), many)


def multiply(ready, webhook):
    """Copies of a webhook, and their ids. They are older than every webhook that was made."""
    ids = [f"{number:024x}" for number in range(1, COPIES + 1)]

    def many(item):
        for one in ids:
            yield {**item, "sk": {"S": f"webhook#{one}"}}

    copy(ready, "hookrail-config", (f"company#{ready['company']}", f"webhook#{webhook}"), many)
    return ids


def walk(caller, path):
    """Every item from page to page, and the time of each page in ms."""
    items, times = [], []
    path = f"{path}?limit={PAGE}"
    while path:
        began = time.monotonic()
        page, headers = caller.call("GET", path)
        times.append((time.monotonic() - began) * 1000)
        assert len(page) <= PAGE, len(page)
        items += page
        link = headers.get("link")
        path = link and link[link.index("<") + 1:link.index(">")]
    return items, times


def walk_while(caller, path, before, work):
    """Walks while `work` goes on, step by step; fails unless each of `before` is seen once, and nothing twice."""
    over, done = threading.Event(), []

    def go_on():
        for step in work:
            done.append(step)
            if over.is_set():
                break

    worker = threading.Thread(target=go_on)
    worker.start()
    try:
        items, times = walk(caller, path)
    finally:
        over.set()
        worker.join()
    seen = collections.Counter(item["_id"] for item in items)
    missing, twice = [one for one in before if one not in seen], [one for one, count in seen.items() if 1 < count]
    assert not missing and not twice, (len(missing), len(twice), (missing + twice)[:5])
    assert done, "nothing was added meanwhile"
    return items, times, len(done)


def told(what, times, added):
    tenth = max(1, len(times) // 10)
    first, last = statistics.median(times[:tenth]), statistics.median(times[-tenth:])
    print(f"{what}: {len(times)} pages of {PAGE}, median {statistics.median(times):.1f} ms, max {max(times):.1f} ms; "
          f"last tenth {last:.1f} ms, first {first:.1f} ms: {last / first:.2f} times; {added} added meanwhile", flush=True)
    return last / first


def until_newest(caller, path, sequence):
    """Waits until an event with this number, and so each before it, is in the log."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (rows := caller.call("GET", f"{path}?limit=1")[0]) or rows[0]["sequence"] < sequence:
        assert time.monotonic() < deadline, rows
        time.sleep(0.05)


def measure_webhooks(caller, other, url, made):
    more = webhooks(other, range(len(made) - COPIES, WEBHOOKS), "create-edit-delete-user", url)
    _, times, added = walk_while(caller, WEBHOOK_PATH, made, more)
    rest = len(list(more))
    assert len(walk(caller, WEBHOOK_PATH)[0]) == len(made) + added + rest == WEBHOOKS + COPIES
    return told(f"{WEBHOOKS + COPIES} webhooks", times, added)


def measure_log(caller, path, rows, work):
    there, _ = walk(caller, path)
    assert [row["sequence"] for row in there] == list(range(rows, 0, -1)), len(there)
    _, times, added = walk_while(caller, path, [row["_id"] for row in there], work)
    ratio = told(f"{rows} rows", times, added)
    until_newest(caller, path, rows + added)
    return ratio


def measure(ready, ready_file, url, rows):
    def sandbox():
        with open(ready_file, encoding="utf-8") as file:
            [pid] = json.load(file)["pids"]["api"]
        return pid

    caller = api(ready)
    [logged] = webhooks(caller, [0], "create-edit-delete-task", url)
    log = f"{WEBHOOK_PATH}/logs/{logged}"
    next(pushes(caller, ready["company"]))
    until_newest(caller, log, 1)
    first = range(1, WEBHOOKS - WEBHOOKS_MEANWHILE)
    made = [logged, *webhooks(caller, first, "create-edit-delete-user", url)]
    made += multiply(ready, made[-1])
    began = time.monotonic()
    fill(ready, logged, rows)
    print(f"{rows} rows written in {time.monotonic() - began:.0f} s", flush=True)
    # Connections that were idle for so long have been closed.
    caller, other = api(ready), api(ready)
    pid = sandbox()
    before = peak_kib(pid)
    ratios = [measure_webhooks(caller, other, url, made)]
    ratios.append(measure_log(caller, log, rows, pushes(api(ready), ready["company"])))
    assert sandbox() == pid, "the sandbox was replaced"
    growth = peak_kib(pid) - before
    print(f"peak of the API: {before} KiB before the walks, {growth} KiB more after them")
    return 0 if max(ratios) <= RATIO_MAX and growth <= GROWTH_KIB_MAX else 1


def main():
    hookrail = sys.argv[1]
    rows = int(sys.argv[2]) if 2 < len(sys.argv) else 100_000
    server = Server(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as directory:
        stack, ready = start(hookrail, directory, "--concurrency", "1")
        try:
            url = f"http://127.0.0.1:{server.server_address[1]}/"
            return measure(ready, f"{directory}/ready.json", url, rows)
        finally:
            stack.terminate()
            stack.wait()


if __name__ == "__main__":
    sys.exit(main())
