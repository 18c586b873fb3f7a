"""What a dead endpoint costs the others: p99 of the delay from push to arrival, with and without one.

Starts `hookrail dev` for each run, twenty webhooks of one company, and pushes the same events at the same rate: once
with all endpoints responding, once with one that takes every request and never responds. Runs alternate; compared is the
median of the runs' p99 over the same nineteen webhooks. Fails above 1.2, and when an event of a healthy webhook is
missing or out of order.

usage: isolation.py HOOKRAIL [EVENTS [EVENTS_PER_SECOND [RUNS]]]
"""
import collections
import http.client
import http.server
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

WEBHOOKS = 20
RATIO_MAX = 1.2
PATIENCE_SECONDS = 60


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    arrivals = collections.defaultdict(list)
    dead = None
    over = threading.Event()

    def do_POST(self):
        data = json.loads(self.rfile.read(int(self.headers["content-length"])))["data"]
        now = time.monotonic()
        if self.path == Receiver.dead:
            Receiver.over.wait()
            self.close_connection = True
            return
        Receiver.arrivals[self.path].append((data["number"], now - data["pushedAt"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        """The stack is ended while it sends to the dead endpoint."""


def start(hookrail, directory, *flags):
    ready = os.path.join(directory, "ready.json")
    stack = subprocess.Popen(
        [hookrail, "dev", "--port", "0", "--ready-file", ready, "--log-level", "error", *flags],
        stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not os.path.exists(ready):
        assert stack.poll() is None and time.monotonic() < deadline, "the stack did not start"
        time.sleep(0.05)
    return stack, json.load(open(ready))


class Api:
    def __init__(self, ready):
        self.ready = ready
        self.connection = http.client.HTTPConnection(urllib.parse.urlparse(ready["api"]).netloc)

    def post(self, path, body, expected):
        headers = {"Authorization": f"Bearer {self.ready['token']}", "Content-Type": "application/json"}
        self.connection.request("POST", path, json.dumps(body), headers)
        answer = self.connection.getresponse()
        text = answer.read()
        assert answer.status == expected, (path, answer.status, text[:300])


def push(api, events, rate):
    began = time.monotonic()
    for number in range(events):
        # On time whatever the call before took.
        time.sleep(max(0, began + number / rate - time.monotonic()))
        event = {"company": api.ready["company"], "type": "COTTask", "event": "create",
                 "createdAt": "2022-05-05T19:54:29.924Z", "extraData": None,
                 "data": {"number": number, "pushedAt": time.monotonic()}}
        api.post("/api/v3/event", event, 202)


def run(hookrail, base, events, rate, dead):
    """Delays in ms of all events of the healthy webhooks."""
    Receiver.arrivals.clear()
    Receiver.over.clear()
    Receiver.dead = "/0" if dead else None
    with tempfile.TemporaryDirectory() as directory:
        stack, ready = start(hookrail, directory)
        try:
            api = Api(ready)
            for number in range(WEBHOOKS):
                webhook = {"name": "bench", "code": f"bench_{number}", "trigger": "create-edit-delete-task",
                           "url": f"{base}/{number}"}
                api.post("/api/v3/webhook/subscription", webhook, 201)
            push(api, events, rate)
            healthy = [f"/{number}" for number in range(1, WEBHOOKS)]
            deadline = time.monotonic() + PATIENCE_SECONDS
            while any(len(Receiver.arrivals[path]) < events for path in healthy):
                assert time.monotonic() < deadline, {path: len(Receiver.arrivals[path]) for path in healthy}
                time.sleep(0.1)
        finally:
            Receiver.over.set()
            stack.terminate()
            stack.wait()
    for path in healthy:
        assert [number for number, _ in Receiver.arrivals[path]] == list(range(events)), f"{path}: not in order"
    return [delay * 1000 for path in healthy for _, delay in Receiver.arrivals[path]]


def main():
    hookrail = sys.argv[1]
    events, rate, runs = (int(argument) for argument in (sys.argv[2:] + ["300", "5", "3"][len(sys.argv) - 2:])[:3])
    server = Server(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    print(f"{WEBHOOKS} webhooks, {events} events at {rate}/s\n\n| run | dead | p50 ms | p99 ms | max ms |")
    print("| --- | --- | --- | --- | --- |")
    p99s = {False: [], True: []}
    for number in range(1, runs + 1):
        for dead in (False, True):
            delays = sorted(run(hookrail, base, events, rate, dead))
            p50, p99 = (delays[int(len(delays) * share)] for share in (0.5, 0.99))
            p99s[dead].append(p99)
            print(f"| {number} | {int(dead)} | {p50:.1f} | {p99:.1f} | {delays[-1]:.1f} |", flush=True)
    ratio = statistics.median(p99s[True]) / statistics.median(p99s[False])
    print(f"\np99 with a dead endpoint is {ratio:.2f} times that without")
    return 0 if ratio <= RATIO_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
