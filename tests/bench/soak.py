"""Healthy webhooks beside one webhook for every misbehaving receiver, for minutes.

Starts `hookrail dev` and the receivers of `tests/receivers`. Each event goes to one webhook, in turn. In the first
third of the time only the twenty healthy webhooks get events; then all webhooks do, and the healthy ones as many as
before. Prints the delay of the healthy webhooks from push to arrival without and with the others, and the resident
memory of the processes at the beginning and at the end of the second part. Fails when an event of a healthy webhook is
lost, repeated or out of order, or when the log of another webhook has a gap.

usage: soak.py HOOKRAIL RECEIVERS [MINUTES [EVENTS_PER_SECOND]]
"""
import collections
import http.server
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from isolation import Api, PATIENCE_SECONDS, Server, start

HEALTHY = 20
# Of the second part: how long memory is sampled at its beginning and at its end.
MEMORY_SHARE = 0.1
SAMPLE_SECONDS = 1
FUNCTIONS = ("api", "fanOut", "deliver", "recover")


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    arrivals = collections.defaultdict(list)

    def do_POST(self):
        data = json.loads(self.rfile.read(int(self.headers["content-length"])))["data"]
        delay = time.monotonic() - data["pushedAt"]
        Receiver.arrivals[self.path].append((data["number"], delay, data["part"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Load:
    """Pushes events to webhooks in turn, each under its own number per webhook."""

    def __init__(self, api):
        self.api = api
        self.pushed = collections.Counter()

    def push(self, webhooks, rate, seconds, part):
        began = time.monotonic()
        for turn in range(int(seconds * rate)):
            # On time whatever the call before took.
            time.sleep(max(0, began + turn / rate - time.monotonic()))
            group, size = webhooks[turn % len(webhooks)]
            data = {"taskGroup": group, "number": self.pushed[group], "part": part, "pushedAt": time.monotonic()}
            event = {"company": self.api.ready["company"], "type": "COTTask", "event": "edit", "data": data}
            data["fill"] = ""
            data["fill"] = "x" * (size - len(json.dumps(event)))
            self.api.post("/api/v3/event", event, 202)
            self.pushed[group] += 1
        late = time.monotonic() - began - seconds
        if 1 < late:
            print(f"the pushes of part {part!r} took {late:.0f} s longer than {seconds:.0f} s")


def resident_kib(pid):
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    except (FileNotFoundError, ProcessLookupError, StopIteration):
        return 0  # A sandbox that has just ended.


def memory(stack, ready_file):
    """Resident KiB of the stack itself, and of the largest sandbox of each function."""
    with open(ready_file, encoding="utf-8") as text:
        pids = json.load(text)["pids"]
    found = {"stack": resident_kib(stack.pid)}
    found.update({name: max(map(resident_kib, pids[name]), default=0) for name in FUNCTIONS})
    return found


class Sampler(threading.Thread):
    """Samples memory until it is told to stop."""

    def __init__(self, stack, ready_file):
        super().__init__(daemon=True)
        self.look = lambda: memory(stack, ready_file)
        self.samples = []
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(SAMPLE_SECONDS):
            self.samples.append(self.look())

    def parts(self):
        """The medians of the first and of the last samples."""
        self.over.set()
        self.join()
        count = max(1, int(len(self.samples) * MEMORY_SHARE))
        return [{name: statistics.median(sample[name] for sample in part) for name in part[0]}
                for part in (self.samples[:count], self.samples[-count:])]


def rows(ready, webhook):
    """Every row of a webhook's log."""
    path = f"/api/v3/webhook/subscription/logs/{webhook}?limit=100"
    found = []
    while path:
        request = urllib.request.Request(
            ready["api"] + path, headers={"Authorization": f"Bearer {ready['token']}"})
        with urllib.request.urlopen(request) as answer:
            found += json.load(answer)
            link = answer.headers["link"] or ""
        path = link[link.index("<") + 1:link.index(">")] if 'rel="next"' in link else None
        if path and path.startswith(ready["api"]):
            path = path[len(ready["api"]):]
    return found


def create(ready, name, url):
    """A webhook of the events of one task group, which has its name."""
    webhook = {"name": name, "code": name, "trigger": "create-edit-delete-task", "url": url,
               "context": {"taskGroup": name}}
    headers = {"Authorization": f"Bearer {ready['token']}", "Content-Type": "application/json"}
    call = urllib.request.Request(
        f"{ready['api']}/api/v3/webhook/subscription", json.dumps(webhook).encode(), headers)
    with urllib.request.urlopen(call) as answer:
        return json.load(answer)["_id"]


def faults(pushed, ready, others):
    """What went wrong: each as a sentence."""
    found = []
    for group in (group for group in pushed if group.startswith("healthy")):
        numbers = [number for number, _, _ in Receiver.arrivals[f"/{group}"]]
        if numbers != list(range(pushed[group])):
            lost = len(set(range(pushed[group])) - set(numbers))
            back = sum(after < before for before, after in zip(numbers, numbers[1:]))
            repeated = len(numbers) - len(set(numbers))
            found.append(f"{group}: {lost} lost, {back} out of order, {repeated} repeated of {pushed[group]}")
    for name, webhook in others.items():
        sequences = {row["sequence"] for row in rows(ready, webhook)}
        if not sequences or sequences != set(range(1, len(sequences) + 1)):
            found.append(f"{name}: a gap in the log, {sorted(sequences)}")
    return found


def report(pushed, first, last):
    print(f"{pushed.total()} events to {len(pushed)} webhooks\n\n| healthy webhooks | events | p50 ms | p99 ms | max ms |")
    print("| --- | --- | --- | --- | --- |")
    for part in ("alone", "beside the others"):
        delays = sorted(delay * 1000 for arrivals in Receiver.arrivals.values()
                        for _, delay, found in arrivals if found == part)
        p50, p99 = (delays[int(len(delays) * share)] for share in (0.5, 0.99))
        print(f"| {part} | {len(delays)} | {p50:.1f} | {p99:.1f} | {delays[-1]:.1f} |")
    print("\n| largest process | first MiB | last MiB |\n| --- | --- | --- |")
    for name, kib in first.items():
        print(f"| {name} | {kib / 1024:.1f} | {last[name] / 1024:.1f} |")


def run(hookrail, base, receivers, minutes, rate):
    """The faults of a run."""
    with tempfile.TemporaryDirectory() as directory:
        stack, ready = start(hookrail, directory)
        try:
            healthy, everyone, others = [], [], {}
            for number in range(HEALTHY):
                group = f"healthy{number}"
                create(ready, group, f"{base}/{group}")
                healthy.append((group, 0))
            for number, receiver in enumerate(receivers):
                group = f"other{number}"
                others[receiver["name"]] = create(ready, group, receiver["url"])
                everyone.append((group, receiver["eventBytes"]))
            everyone += healthy
            load = Load(Api(ready))
            seconds = minutes * 60
            load.push(healthy, rate * len(healthy) / len(everyone), seconds / 3, "alone")
            sampler = Sampler(stack, os.path.join(directory, "ready.json"))
            sampler.start()
            load.push(everyone, rate, seconds * 2 / 3, "beside the others")
            first, last = sampler.parts()
            deadline = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < deadline and any(
                    len(Receiver.arrivals[f"/{group}"]) < load.pushed[group] for group, _ in healthy):
                time.sleep(0.1)
            report(load.pushed, first, last)
            return faults(load.pushed, ready, others)
        finally:
            stack.terminate()
            stack.wait()


def main():
    hookrail, program = sys.argv[1:3]
    minutes, rate = (float(argument) for argument in (sys.argv[3:] + ["10", "20"][len(sys.argv) - 3:])[:2])
    server = Server(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with subprocess.Popen([program], stdout=subprocess.PIPE, text=True) as serving:
        try:
            receivers = json.loads(serving.stdout.readline())
            found = run(hookrail, f"http://127.0.0.1:{server.server_address[1]}", receivers, minutes, rate)
        finally:
            serving.terminate()
    print("\n" + ("\n".join(found) or "nothing lost, repeated or out of order, no gap in a log"))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
