"""Order and no loss while functions are killed: 5,000 events for 50 webhooks, deliver and fan-out killed every 2 s.

Starts `hookrail dev`, ten companies with five webhooks each, pushes the events, and kills a sandbox of deliver, one of
fan-out and one of recover at a fixed rate until everything has arrived. A share of the requests is answered 500. Fails when an event never arrives, when first arrivals are out of order, or when an event comes under two
webhook-ids.

usage: chaos.py HOOKRAIL [EVENTS [KILL_SECONDS [FAILING_PERCENT]]]
"""
import collections
import http.client
import http.server
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

COMPANIES = 10
WEBHOOKS_PER_COMPANY = 5
# Of one call: what the API takes at most.
EVENTS_PER_CALL = 100
PATIENCE_SECONDS = 900
FLAGS = "--retry-delay 1 --timeout 4 --function-timeout 8 --log-level error".split()


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    failing = 0.0
    rng = random.Random(1)
    lock = threading.Lock()
    arrivals = collections.defaultdict(list)

    def do_POST(self):
        data = json.loads(self.rfile.read(int(self.headers["content-length"])))["data"]
        with Receiver.lock:
            Receiver.arrivals[self.path].append((data["number"], self.headers["webhook-id"]))
            status = 500 if Receiver.rng.random() < Receiver.failing else 200
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        """Killed senders close their connections as they please."""


def call(api, token, path, body, key=None):
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    if key:
        headers["Idempotency-Key"] = key
    connection = http.client.HTTPConnection(urllib.parse.urlparse(api).netloc)
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status in (201, 202), (path, answer.status, text[:300])
    return json.loads(text)


def kill_one_of_each(ready_file, functions):
    pids = json.load(open(ready_file))["pids"]
    killed = 0
    for function in functions:
        if pids.get(function):
            try:
                os.kill(random.choice(pids[function]), signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass
    return killed


def push(api, token, company, events):
    for first in range(0, events, EVENTS_PER_CALL):
        batch = [{"company": company, "type": "COTTask", "event": "create",
                  "createdAt": "2022-05-05T19:54:29.924Z", "extraData": None, "data": {"number": number}}
                 for number in range(first, min(first + EVENTS_PER_CALL, events))]
        call(api, token, "/api/v3/event", batch, f"{company}-{first}")


def judge(path, events):
    """First arrivals in order, nothing missing, one webhook-id per event. Returns how many came again."""
    ids = {}
    for number, webhook_id in Receiver.arrivals[path]:
        assert ids.setdefault(number, webhook_id) == webhook_id, f"{path}: event {number} under two webhook-ids"
    assert list(ids) == list(range(events)), f"{path}: lost or out of order"
    return len(Receiver.arrivals[path]) - events


def main():
    hookrail = sys.argv[1]
    arguments = sys.argv[2:] + ["5000", "2", "5"][len(sys.argv) - 2:]
    events, every, failing = int(arguments[0]), float(arguments[1]), float(arguments[2])
    Receiver.failing = failing / 100
    server = Server(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    per_company = events // COMPANIES
    paths = [f"/{company}/{webhook}" for company in range(COMPANIES) for webhook in range(WEBHOOKS_PER_COMPANY)]
    with tempfile.TemporaryDirectory() as directory:
        ready_file = os.path.join(directory, "ready.json")
        stack = subprocess.Popen([hookrail, "dev", "--port", "0", "--ready-file", ready_file, *FLAGS],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not os.path.exists(ready_file):
                assert stack.poll() is None, "the stack did not start"
                time.sleep(0.05)
            ready = json.load(open(ready_file))
            pushers = []
            for company in range(COMPANIES):
                made = call(ready["api"], ready["operatorToken"], "/api/v3/company", {})
                for webhook in range(WEBHOOKS_PER_COMPANY):
                    document = {"name": "chaos", "code": f"chaos_{webhook}", "trigger": "create-edit-delete-task",
                                "url": f"{base}/{company}/{webhook}"}
                    call(ready["api"], made["token"], "/api/v3/webhook/subscription", document)
                pushers.append(threading.Thread(
                    target=push, args=(ready["api"], made["token"], made["company"], per_company)))
            began = time.monotonic()
            for pusher in pushers:
                pusher.start()
            kills, next_kill = 0, began + every
            while any(len({number for number, _ in Receiver.arrivals[path]}) < per_company for path in paths):
                missing = {path: per_company - len({number for number, _ in Receiver.arrivals[path]}) for path in paths}
                print(f"\r{sum(missing.values())} to come, {kills} killed ", end="", file=sys.stderr)
                assert time.monotonic() - began < PATIENCE_SECONDS, missing
                time.sleep(max(0, next_kill - time.monotonic()))
                next_kill += every
                kills += kill_one_of_each(ready_file, ["deliver", "fanOut", "recover"])
            seconds = time.monotonic() - began
            for pusher in pushers:
                pusher.join()
        finally:
            stack.terminate()
            stack.wait()
    again = sum(judge(path, per_company) for path in paths)
    total = per_company * len(paths)
    print(f"\n{total} deliveries of {per_company * COMPANIES} events in {seconds:.0f} s, {kills} sandboxes killed: "
          f"0 lost, 0 out of order, {again} requests more than deliveries, all under a known webhook-id")
    return 0


if __name__ == "__main__":
    sys.exit(main())
