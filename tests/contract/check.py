"""Holds the running API to its own description: schemathesis makes calls from `openapi.json`, good ones and bad ones,
and every answer has to be one that the description tells of. Starts `hookrail dev` and a receiver for itself."""

import argparse
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
CASES_MIN = 5000
DEADLINE_SECONDS = 60
EVENT = {"type": "Auth", "event": "logout", "createdAt": "2026-01-01T00:00:00.000Z", "data": {}}


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


def wait(what, look):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (found := look()):
        if deadline < time.monotonic():
            sys.exit(f"{what}: not within {DEADLINE_SECONDS} s")
        time.sleep(0.05)
    return found


def call(stack, method, path, body=None):
    request = urllib.request.Request(stack["api"] + path, method=method)
    request.add_header("authorization", "Bearer " + stack["token"])
    if body is not None:
        request.add_header("content-type", "application/json")
        request.data = json.dumps(body).encode()
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def furnish(stack):
    """A webhook with a row in its log."""
    hook = {"name": "Contract", "code": "contract", "url": stack["receiver"], "trigger": "logout-user"}
    stack["webhook"] = call(stack, "POST", "/api/v3/webhook/subscription", hook)["_id"]
    call(stack, "POST", "/api/v3/event", EVENT | {"company": stack["company"]})
    logs = f"/api/v3/webhook/subscription/logs/{stack['webhook']}"
    stack["row"] = wait("a row of the log", lambda: call(stack, "GET", logs))[0]["_id"]


def schemathesis(arguments, stack):
    """Runs the calls; tells how many were made, and whether every answer was told of."""
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "hooks", "HOOKRAIL_STACK": json.dumps(stack)}
    command = [
        *(pathlib.Path(sys.executable).parent / "schemathesis", "--config-file", HERE / "schemathesis.toml", "run"),
        *("--seed", str(arguments.seed), "--max-examples", str(arguments.examples)),
        *(*arguments.more, stack["api"] + "/api/v3/openapi.json"),
    ]
    run = subprocess.Popen(list(map(str, command)), cwd=HERE, env=environment, stdout=subprocess.PIPE, text=True)
    output = ""
    for line in run.stdout:
        print(line, end="", flush=True)
        output += line
    cases = re.search(r"([\d,]+) generated", output)
    return int(cases[1].replace(",", "")) if cases else 0, run.wait() == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hookrail", required=True, type=pathlib.Path, help="the built command")
    parser.add_argument("--examples", type=int, default=150, help="calls of each phase for each route at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("more", nargs="*", help="arguments for schemathesis")
    arguments = parser.parse_args()

    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        ready, log = pathlib.Path(folder, "ready.json"), pathlib.Path(folder, "log")
        command = [arguments.hookrail, "dev", "--port", "0", "--ready-file", ready]
        with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output) as dev:
            try:
                wait("hookrail dev", lambda: ready.exists() or dev.poll() is not None)
                if dev.poll() is not None:
                    sys.exit(log.read_text())
                port = receiver.server_address[1]
                stack = json.loads(ready.read_text())
                stack |= {"receiver": f"http://127.0.0.1:{port}/hook", "nowhere": "http://127.0.0.1:1/hook"}
                furnish(stack)
                cases, is_told = schemathesis(arguments, stack)
            finally:
                dev.terminate()
    print(f"{cases} calls were made")
    if not is_told or cases < CASES_MIN:
        sys.exit(f"the API is not as it is described, or fewer than {CASES_MIN} calls were made")


if __name__ == "__main__":
    main()
