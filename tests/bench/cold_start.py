"""Cold start, memory and size of the functions.

For each function binary: time from exec to the first answer on a Lambda runtime API served here, resident memory
after it, and the size of the zip that would be deployed. Median of many starts; nothing else should run meanwhile.

usage: cold_start.py RELEASE_DIR [STARTS]
"""
import http.server
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

ENVIRONMENT = {
    "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none",
    # Nothing listens there: the measured answer needs no call.
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_LOG_LEVEL": "ERROR",
    "HOOKRAIL_CONFIG_TABLE": "config", "HOOKRAIL_LOG_TABLE": "log",
    "HOOKRAIL_EVENTS_QUEUE_URLS": "http://127.0.0.1:9/0/events.fifo",
    "HOOKRAIL_DELIVERIES_QUEUE_URLS": "http://127.0.0.1:9/0/deliveries.fifo",
    "HOOKRAIL_EVENTS_DLQ_URL": "http://127.0.0.1:9/0/events-dlq.fifo",
    "HOOKRAIL_DELIVERIES_DLQ_URL": "http://127.0.0.1:9/0/deliveries-dlq.fifo",
    "HOOKRAIL_RECOVERY_QUEUE_URL": "http://127.0.0.1:9/0/recovery.fifo",
    "HOOKRAIL_SUSPEND_AFTER": "5", "HOOKRAIL_PARK_AFTER_SECONDS": "900",
    "HOOKRAIL_ATTEMPTS": "3", "HOOKRAIL_RETRY_DELAY_SECONDS": "30", "HOOKRAIL_TIMEOUT_SECONDS": "10",
    "HOOKRAIL_TARGET_PORTS": "443",
}
REQUEST = {
    "version": "2.0", "routeKey": "$default", "rawPath": "/panel", "rawQueryString": "",
    "headers": {"host": "localhost"}, "isBase64Encoded": False,
    "requestContext": {
        "accountId": "0", "apiId": "a", "domainName": "localhost", "domainPrefix": "a", "requestId": "r",
        "routeKey": "$default", "stage": "$default", "time": "", "timeEpoch": 0,
        "http": {"method": "GET", "path": "/panel", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": ""}},
}
# An empty batch is answered without a call to any service.
PAYLOADS = {"api": REQUEST, "fan-out": {"Records": []}, "deliver": {"Records": []}, "recover": {"Records": []}}


class RuntimeApi(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    payload = b""
    answered = threading.Event()

    def do_GET(self):
        if RuntimeApi.answered.is_set():
            time.sleep(5)  # The sandbox waits for its next invocation until it is ended.
            return
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "r")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 30_000))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:0:function:f")
        self.send_header("Content-Length", str(len(self.payload)))
        self.end_headers()
        self.wfile.write(self.payload)

    def do_POST(self):
        RuntimeApi.when = time.perf_counter()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        RuntimeApi.ok = self.path.endswith("/response")
        RuntimeApi.answered.set()
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def start(binary, name, address):
    RuntimeApi.answered.clear()
    RuntimeApi.payload = json.dumps(PAYLOADS[name]).encode()
    env = {**ENVIRONMENT, "AWS_LAMBDA_FUNCTION_NAME": name, "AWS_LAMBDA_RUNTIME_API": address}
    began = time.perf_counter()
    child = subprocess.Popen([binary], env=env, stdout=subprocess.DEVNULL)
    assert RuntimeApi.answered.wait(10) and RuntimeApi.ok, name
    took = RuntimeApi.when - began
    with open(f"/proc/{child.pid}/status") as status:
        rss = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    child.kill()
    child.wait()
    return took * 1000, rss / 1024


def zip_mb(binary):
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            archive.write(binary, "bootstrap")
        return os.path.getsize(file.name) / 1e6


def main():
    folder, starts = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 30
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_address[1]}"
    print("| function | cold start ms: median (min-max) | resident MiB | binary MB | zip MB |\n| --- | --- | --- | --- | --- |")
    for name in PAYLOADS:
        binary = os.path.join(folder, name)
        runs = [start(binary, name, address) for _ in range(starts)]
        ms = [run[0] for run in runs]
        print(f"| {name} | {statistics.median(ms):.1f} ({min(ms):.1f}-{max(ms):.1f}) | {max(run[1] for run in runs):.0f} "
              f"| {os.path.getsize(binary) / 1e6:.1f} | {zip_mb(binary):.1f} |")


main()
