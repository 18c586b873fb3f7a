"""Memory of fan-out at the largest fan-out: 1,000 webhooks and events of 256 KiB full of quotes.

Starts `hookrail dev` with one sandbox of fan-out and one event for one webhook, then with the others. Reads the peak
resident memory (VmHWM) of the fan-out process from /proc. Fails when it is above 160 MiB, or when a delivery of the last
event does not arrive.

usage: fan_out_memory.py HOOKRAIL [WEBHOOKS [EVENTS]]
"""
import http.server
import json
import sys
import tempfile
import threading
import time

from isolation import Api, PATIENCE_SECONDS, Server, start
from memory import peak_kib

EVENT_BYTES_MAX = 256 * 1024
PEAK_KIB_MAX = 160 * 1024


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    arrived = 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        assert len(body) == EVENT_BYTES_MAX
        with Receiver.lock:
            Receiver.arrived += 1
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def largest_event(company):
    """An event of which almost every character takes two in JSON."""
    event = {"company": company, "type": "COTTask", "event": "create", "data": ""}
    room = EVENT_BYTES_MAX - len(json.dumps(event))
    event["data"] = '"' * (room // 2) + "x" * (room % 2)
    return event


def wait_for(count):
    deadline = time.monotonic() + 5 * PATIENCE_SECONDS
    while Receiver.arrived < count:
        assert time.monotonic() < deadline, f"{Receiver.arrived} of {count} arrived"
        time.sleep(0.1)


def main():
    hookrail = sys.argv[1]
    webhooks = int(sys.argv[2]) if 2 < len(sys.argv) else 1000
    events = int(sys.argv[3]) if 3 < len(sys.argv) else 1
    server = Server(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as directory:
        stack, ready = start(hookrail, directory)
        try:
            api = Api(ready)
            for number in range(webhooks):
                url = f"http://127.0.0.1:{server.server_address[1]}/{number}"
                webhook = {"name": "bench", "code": f"bench_{number}", "trigger": "create-edit-delete-task", "url": url}
                api.post("/api/v3/webhook/subscription", webhook, 201)
            pushed_at = time.monotonic()
            for _ in range(events):
                api.post("/api/v3/event", largest_event(ready["company"]), 202)
            wait_for(webhooks * events)
            seconds = time.monotonic() - pushed_at
            with open(f"{directory}/ready.json", encoding="utf-8") as file:
                peak = max(peak_kib(pid) for pid in json.load(file)["pids"]["fanOut"])
        finally:
            stack.terminate()
            stack.wait()
    print(f"{webhooks} webhooks, {events} events of 256 KiB: all arrived after {seconds:.0f} s")
    print(f"peak of fan-out: {peak / 1024:.0f} MiB")
    return 0 if peak <= PEAK_KIB_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
