"""What an outage leaves in the queue, and whether everything comes back: events for a dead endpoint beside healthy ones.

Starts `hookrail dev` (retries after a second) with twenty webhooks of one company, one of which gets its own kind of event and is dead. Pushes
that kind at a rate, and to the others a few a second; looks at the depth of the delivery queue all the while. Then the
endpoint answers again, and more is pushed. Fails when the queue holds more than a hundredth of what was pushed once
the webhook is suspended, or when an event is missing or first arrives out of order.

usage: outage.py HOOKRAIL [EVENTS [EVENTS_PER_SECOND]]
"""
import collections
import http.server
import json
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

from isolation import Api, Server, start

HEALTHY = 19
HEALTHY_PER_SECOND = 5
LIVE = 100
BATCH = 100
# The probe comes a quarter of an hour later at most.
PATIENCE_SECONDS = 1800


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    requests = collections.Counter()
    arrivals = collections.defaultdict(list)
    repaired = threading.Event()

    def do_POST(self):
        data = json.loads(self.rfile.read(int(self.headers["content-length"])))["data"]
        Receiver.requests[self.path] += 1
        is_well = self.path != "/dead" or Receiver.repaired.is_set()
        if is_well:
            Receiver.arrivals[self.path].append(data["number"])
        self.send_response(200 if is_well else 503)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def event(company, subject, number):
    return {"company": company, "type": subject, "event": "create", "createdAt": "2022-05-05T19:54:29.924Z",
            "extraData": None, "data": {"number": number}}


def depth(ready):
    """Messages in the delivery queue: visible, hidden."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    call = json.dumps({"QueueUrl": ready["deliveriesQueueUrls"][0], "AttributeNames": names}).encode()
    request = urllib.request.Request(ready["sqs"], call, {
        "X-Amz-Target": "AmazonSQS.GetQueueAttributes", "Content-Type": "application/x-amz-json-1.0"})
    attributes = json.load(urllib.request.urlopen(request))["Attributes"]
    return [int(attributes[name]) for name in names]


def watch(ready, depths, over):
    while not over.wait(0.25):
        depths.append((time.monotonic(), sum(depth(ready))))


def push_healthy(ready, over, pushed):
    api = Api(ready)
    while not over.wait(1 / HEALTHY_PER_SECOND):
        api.post("/api/v3/event", event(ready["company"], "COTTask", len(pushed)), 202)
        pushed.append(time.monotonic())


def wait(what, is_done, patience):
    deadline = time.monotonic() + patience
    while not is_done():
        assert time.monotonic() < deadline, f"{what}: {dict((path, len(got)) for path, got in Receiver.arrivals.items())}"
        time.sleep(0.05)


def check(ready, port, events, rate):
    api, company = Api(ready), ready["company"]
    for number in range(HEALTHY):
        api.post("/api/v3/webhook/subscription", {
            "name": "bench", "code": f"bench_{number}", "trigger": "create-edit-delete-task",
            "url": f"http://127.0.0.1:{port}/{number}"}, 201)
    api.post("/api/v3/webhook/subscription", {
        "name": "dead", "code": "dead", "trigger": "create-edit-delete-user",
        "url": f"http://127.0.0.1:{port}/dead"}, 201)
    depths, healthy, over = [], [], threading.Event()
    threads = [threading.Thread(target=watch, args=(ready, depths, over), daemon=True),
               threading.Thread(target=push_healthy, args=(ready, over, healthy), daemon=True)]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    for first in range(0, events, BATCH):
        batch = [event(company, "COTUser", number) for number in range(first, min(first + BATCH, events))]
        time.sleep(max(0, began + first / rate - time.monotonic()))
        api.post("/api/v3/event", batch, 202)
    pushed = time.monotonic()
    wait("the queue runs empty", lambda: depths and depths[-1][1] <= events // 100, PATIENCE_SECONDS)
    settled = time.monotonic()
    deepest = max(range(len(depths)), key=lambda place: depths[place][1])
    later = [count for at, count in depths[deepest:] if pushed - (pushed - began) / 4 <= at <= pushed]
    print(f"{events} events pushed in {pushed - began:.1f} s: at most {depths[deepest][1]} messages in the queue, after "
          f"{depths[deepest][0] - began:.1f} s; at most {max(later)} in the last quarter of the pushing")
    assert max(later) <= events // 100, "the queue does not stay short"
    print(f"requests to the dead endpoint: {Receiver.requests['/dead']}")
    Receiver.repaired.set()
    wait("the probe", lambda: Receiver.arrivals["/dead"], PATIENCE_SECONDS)
    back = time.monotonic()
    print(f"the endpoint is found repaired after {back - settled:.1f} s")
    api = Api(ready)
    for number in range(events, events + LIVE):
        api.post("/api/v3/event", event(company, "COTUser", number), 202)
    wait("everything", lambda: events + LIVE <= len(Receiver.arrivals["/dead"]), PATIENCE_SECONDS)
    done = time.monotonic()
    print(f"all {events + LIVE} arrived {done - back:.1f} s later ({events / (done - back):.0f}/s)")
    over.set()
    for thread in threads:
        thread.join()
    wait("the healthy ones", lambda: all(
        len(healthy) <= len(Receiver.arrivals[f"/{number}"]) for number in range(HEALTHY)), 60)
    assert Receiver.arrivals["/dead"] == list(range(events + LIVE)), "the dead one: missing, twice or out of order"
    for number in range(HEALTHY):
        assert Receiver.arrivals[f"/{number}"] == list(range(len(healthy))), f"/{number}: not in order"
    print(f"each once and in order; {HEALTHY} healthy webhooks got {len(healthy)} events each, in order")


def main():
    events = int(sys.argv[2]) if 2 < len(sys.argv) else 20_000
    rate = float(sys.argv[3]) if 3 < len(sys.argv) else 200
    server = Server(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as directory:
        stack, ready = start(sys.argv[1], directory, "--retry-delay", "1")
        try:
            check(ready, server.server_address[1], events, rate)
        finally:
            stack.terminate()
            stack.wait()


if __name__ == "__main__":
    main()
