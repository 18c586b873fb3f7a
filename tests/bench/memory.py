"""What an endless answer costs the memory of deliver: its peak, with receivers that end their answers and without.

Starts `hookrail dev` with one sandbox per function, ten webhooks, and pushes events: first to receivers that answer
with two bytes, then, in a stack of its own, to ones that answer 200 and never end the body. Reads the peak resident
memory (VmHWM) of the deliver process from /proc. Fails when the second is more than 4 MiB above the first, or an event
of an endless answer is not a SUCCESS in the log.

usage: memory.py HOOKRAIL [EVENTS]
"""
import http.server
import json
import sys
import tempfile
import threading
import time
import urllib.request

from isolation import Api, PATIENCE_SECONDS, Server, start

WEBHOOKS = 10
GROWTH_KIB_MAX = 4096
CHUNK = b"x" * 65536


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    requests = 0
    sent = 0

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        with Receiver.lock:
            Receiver.requests += 1
        endless = self.path.startswith("/endless")
        self.send_response(200)
        self.send_header("content-length", str(2**60 if endless else 2))
        self.end_headers()
        if not endless:
            self.wfile.write(b"ok")
            return
        self.close_connection = True
        try:
            while True:
                self.wfile.write(CHUNK)
                with Receiver.lock:
                    Receiver.sent += len(CHUNK)
        except OSError:
            """The sender has had enough."""

    def log_message(self, *_):
        pass


def peak_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1])


def rows(ready, webhook):
    path = f"{ready['api']}/api/v3/webhook/subscription/logs/{webhook}?limit=100"
    request = urllib.request.Request(path, headers={"Authorization": f"Bearer {ready['token']}"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def run(hookrail, base, events):
    """Peak memory of deliver in KiB, after every event was answered."""
    with tempfile.TemporaryDirectory() as directory:
        stack, ready = start(hookrail, directory, "--concurrency", "1")
        try:
            api, webhooks = Api(ready), []
            for number in range(WEBHOOKS):
                webhook = {"name": "bench", "code": f"bench_{number}", "trigger": "create-edit-delete-task",
                           "url": f"{base}/{number}"}
                headers = {"Authorization": f"Bearer {ready['token']}", "Content-Type": "application/json"}
                url = f"{ready['api']}/api/v3/webhook/subscription"
                made = urllib.request.Request(url, json.dumps(webhook).encode(), headers)
                with urllib.request.urlopen(made) as answer:
                    webhooks.append(json.load(answer)["_id"])
            event = {"company": ready["company"], "type": "COTTask", "event": "create", "data": {}}
            for _ in range(events):
                api.post("/api/v3/event", event, 202)
            deadline = time.monotonic() + PATIENCE_SECONDS
            while any(len(rows(ready, webhook)) < events for webhook in webhooks):
                assert time.monotonic() < deadline, [len(rows(ready, webhook)) for webhook in webhooks]
                time.sleep(0.1)
            results = {row["result"] for webhook in webhooks for row in rows(ready, webhook)}
            assert results == {"SUCCESS"}, results
            with open(f"{directory}/ready.json", encoding="utf-8") as file:
                [pid] = json.load(file)["pids"]["deliver"]
            return peak_kib(pid)
        finally:
            stack.terminate()
            stack.wait()


def main():
    hookrail = sys.argv[1]
    events = int(sys.argv[2]) if 2 < len(sys.argv) else 20
    server = Server(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    plain = run(hookrail, f"{base}/plain", events)
    endless = run(hookrail, f"{base}/endless", events)
    print(f"{WEBHOOKS} webhooks, {events} events each; {Receiver.sent / 2**20:.0f} MiB of endless answers were written")
    print(f"peak of deliver: {plain} KiB with answers of two bytes, {endless} KiB with endless ones")
    return 0 if endless - plain <= GROWTH_KIB_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
