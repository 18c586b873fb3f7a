#!/usr/bin/env python3
"""Checks that an SQS or DynamoDB endpoint behaves as AWS documents it.

The same checks run against any endpoint: Hookrail's own queues and embedded tables (`.ci/run` does that against
`hookrail dev`), or another emulator. They print PASS / FAIL / ERROR per check, with --bench rough ops/s, and with
--start CMD the start-up time. They wait out real time-outs, so run them on a machine that is otherwise idle.

  pip install boto3
  aws_fidelity.py --sqs http://127.0.0.1:9324 --ddb http://127.0.0.1:8000 --strict
  aws_fidelity.py --endpoint http://127.0.0.1:4566 --start "ministack --port 4566" --bench 1000
  aws_fidelity.py ... --json out.json --match dlq

Only loopback endpoints are accepted: never a real account.
'core' checks are those that a FIFO line with one group per webhook depends on; 'extra' ones are nice to have.
Exit status: 0 when every core check passes (with --strict every check), 1 otherwise, 2 for usage errors.
"""
import argparse
import concurrent.futures as cf
import hashlib
import http.client
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import urllib.parse
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

CHECKS = []
ARGS = None
CLIENTS, LOCK = {}, threading.Lock()


def check(svc, name, core=True):
    def deco(fn):
        CHECKS.append({"svc": svc, "name": name, "core": core, "fn": fn})
        return fn
    return deco


class Fail(Exception):
    pass


def expect(cond, why):
    if not cond:
        raise Fail(why)


def client(svc):
    """One client per service for all threads (boto3 clients are thread safe, slow to make)."""
    with LOCK:
        if svc not in CLIENTS:
            CLIENTS[svc] = boto3.session.Session().client(
                svc, endpoint_url=ARGS.sqs if svc == "sqs" else ARGS.ddb, region_name="us-east-1",
                aws_access_key_id="test", aws_secret_access_key="test",
                config=Config(retries={"max_attempts": 0, "mode": "standard"},
                              connect_timeout=5, read_timeout=40, max_pool_connections=64))
        return CLIENTS[svc]


def err(fn, *a, **k):
    """Returns (code, message, response) of the ClientError, or fails."""
    try:
        fn(*a, **k)
    except ClientError as e:
        return e.response["Error"].get("Code", ""), e.response["Error"].get("Message", ""), e.response
    raise Fail("call was accepted, an error was expected")


def code_has(code, *names):
    return any(n.lower() in code.lower() for n in names)


# ------------------------------------------------------------------ SQS helpers
def mkq(fifo=True, **attrs):
    s = client("sqs")
    name = "q" + uuid.uuid4().hex[:12] + (".fifo" if fifo else "")
    a = {"VisibilityTimeout": "30"}
    if fifo:
        a["FifoQueue"] = "true"
    a.update({k: str(v) for k, v in attrs.items()})
    return s.create_queue(QueueName=name, Attributes=a)["QueueUrl"]


def arn(url):
    return client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def send(url, body, group="g", dedup=None, **k):
    return client("sqs").send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group,
                                      MessageDeduplicationId=dedup or uuid.uuid4().hex, **k)


def recv(url, n=10, wait=0, **k):
    return client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=n, WaitTimeSeconds=wait,
                                         MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"],
                                         **k).get("Messages", [])


def bodies(ms):
    return [m["Body"] for m in ms]


def delete(url, m):
    client("sqs").delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])


def qattrs(url):
    a = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return {k: int(a.get("ApproximateNumberOfMessages" + s, -1)) for k, s in
            (("vis", ""), ("inflight", "NotVisible"), ("delayed", "Delayed"))}, a


# ------------------------------------------------------------------ SQS checks
@check("sqs", "fifo: order within one group, one by one")
def _():
    q = mkq()
    for i in range(12):
        send(q, str(i))
    got = []
    for _ in range(12):
        m = recv(q, 1)
        expect(m, f"nothing received after {got}")
        got.append(m[0]["Body"])
        delete(q, m[0])
    expect(got == [str(i) for i in range(12)], f"order {got}")


@check("sqs", "fifo: one receive may return several of a group, in order")
def _():
    q = mkq()
    for i in range(5):
        send(q, str(i))
    b = bodies(recv(q, 10))
    expect(b == [str(i) for i in range(5)], f"got {b}")


@check("sqs", "fifo: group is blocked while a message of it is in flight")
def _():
    q = mkq()
    for i in range(3):
        send(q, str(i))
    m = recv(q, 1)
    expect(bodies(m) == ["0"], f"first {bodies(m)}")
    m2 = recv(q, 10)
    expect(not m2, f"group leaked {bodies(m2)}")
    delete(q, m[0])
    m3 = recv(q, 1)
    expect(bodies(m3) == ["1"], f"after delete {bodies(m3)}")


@check("sqs", "fifo: other groups flow while one group is blocked")
def _():
    q = mkq()
    for g in ("a", "b"):
        for i in range(2):
            send(q, f"{g}{i}", group=g)
    m = recv(q, 1)
    expect(bodies(m) == ["a0"], f"first {bodies(m)}")
    b = bodies(recv(q, 10))
    expect(b == ["b0", "b1"], f"other group gave {b}")


@check("sqs", "fifo: group stays blocked until the whole received batch is settled")
def _():
    q = mkq()
    for i in range(4):
        send(q, str(i))
    m = recv(q, 2)
    expect(bodies(m) == ["0", "1"], f"batch {bodies(m)}")
    delete(q, m[0])
    x = recv(q, 10)
    expect(not x, f"leaked {bodies(x)} while 1 is in flight")
    delete(q, m[1])
    expect(bodies(recv(q, 10)) == ["2", "3"], "2,3 expected after the batch was deleted")


@check("sqs", "fifo: after visibility expiry the message comes back first, in order")
def _():
    q = mkq(VisibilityTimeout=2)
    for i in range(3):
        send(q, str(i))
    m = recv(q, 2)
    expect(bodies(m) == ["0", "1"], f"batch {bodies(m)}")
    time.sleep(2.6)
    b = bodies(recv(q, 10))
    expect(b == ["0", "1", "2"], f"redelivery {b}")


@check("sqs", "fifo: ChangeMessageVisibility to 30 holds past the queue's timeout")
def _():
    q = mkq(VisibilityTimeout=2)
    send(q, "0"), send(q, "1")
    m = recv(q, 1)
    client("sqs").change_message_visibility(QueueUrl=q, ReceiptHandle=m[0]["ReceiptHandle"], VisibilityTimeout=30)
    time.sleep(2.8)
    x = recv(q, 10)
    expect(not x, f"came back early: {bodies(x)}")
    delete(q, m[0])
    expect(bodies(recv(q, 10)) == ["1"], "1 expected after delete")


@check("sqs", "fifo: ChangeMessageVisibility to 0 redelivers at once, same head")
def _():
    q = mkq()
    send(q, "0"), send(q, "1")
    m = recv(q, 1)
    client("sqs").change_message_visibility(QueueUrl=q, ReceiptHandle=m[0]["ReceiptHandle"], VisibilityTimeout=0)
    b = bodies(recv(q, 1))
    expect(b == ["0"], f"got {b}")


@check("sqs", "fifo: shortened visibility (30 -> 2) expires after 2 s")
def _():
    q = mkq()
    send(q, "0"), send(q, "1")
    m = recv(q, 1)
    client("sqs").change_message_visibility(QueueUrl=q, ReceiptHandle=m[0]["ReceiptHandle"], VisibilityTimeout=2)
    x = recv(q, 1)
    expect(not x, f"at once: {bodies(x)}")
    time.sleep(2.5)
    expect(bodies(recv(q, 1)) == ["0"], "0 expected after 2 s")


@check("sqs", "ApproximateReceiveCount grows; system attributes are complete")
def _():
    q = mkq()
    r = send(q, "0", dedup="d1")
    for n in (1, 2, 3):
        m = recv(q, 1)
        expect(m, f"nothing on receive {n}")
        a = m[0].get("Attributes", {})
        expect(a.get("ApproximateReceiveCount") == str(n), f"receive {n}: {a.get('ApproximateReceiveCount')}")
        client("sqs").change_message_visibility(QueueUrl=q, ReceiptHandle=m[0]["ReceiptHandle"], VisibilityTimeout=0)
    miss = [k for k in ("SentTimestamp", "ApproximateFirstReceiveTimestamp", "MessageGroupId",
                        "MessageDeduplicationId", "SequenceNumber", "SenderId") if k not in a]
    expect(not miss, f"missing {miss}")
    expect(a["MessageDeduplicationId"] == "d1" and a["SequenceNumber"] == r.get("SequenceNumber"), "attributes differ")


@check("sqs", "SequenceNumber grows and send returns it with the right MD5")
def _():
    q = mkq()
    rs = [send(q, f"b{i}") for i in range(3)]
    s = [int(r["SequenceNumber"]) for r in rs]
    expect(s == sorted(set(s)), f"sequence {s}")
    expect(rs[0]["MD5OfMessageBody"] == hashlib.md5(b"b0").hexdigest(), "md5")


@check("sqs", "dedup by id: the second send is swallowed")
def _():
    q = mkq()
    send(q, "one", dedup="x"), send(q, "two", dedup="x")
    b = bodies(recv(q, 10))
    expect(b == ["one"], f"got {b}")


@check("sqs", "dedup by id still holds after the first was deleted (5 min window)")
def _():
    q = mkq()
    send(q, "one", dedup="x")
    m = recv(q, 10)
    delete(q, m[0])
    send(q, "two", dedup="x")
    b = bodies(recv(q, 10))
    expect(not b, f"duplicate delivered: {b}")


@check("sqs", "dedup scope is the queue: same id in another group is swallowed")
def _():
    q = mkq()
    send(q, "one", group="a", dedup="x"), send(q, "two", group="b", dedup="x")
    b = bodies(recv(q, 10))
    expect(b == ["one"], f"got {b}")


@check("sqs", "dedup scope messageGroup (high throughput mode): both delivered", core=False)
def _():
    q = mkq(DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    send(q, "one", group="a", dedup="x"), send(q, "two", group="b", dedup="x")
    b = sorted(bodies(recv(q, 10)))
    expect(b == ["one", "two"], f"got {b}")


@check("sqs", "dedup content-based: same body once, other body delivered")
def _():
    q = mkq(ContentBasedDeduplication="true")
    s = client("sqs")
    for b in ("a", "a", "b"):
        s.send_message(QueueUrl=q, MessageBody=b, MessageGroupId="g")
    got = bodies(recv(q, 10))
    expect(got == ["a", "b"], f"got {got}")


@check("sqs", "a duplicate send returns the original MessageId", core=False)
def _():
    q = mkq()
    a, b = send(q, "one", dedup="x"), send(q, "one", dedup="x")
    expect(a["MessageId"] == b["MessageId"], "new MessageId")


@check("sqs", "no MessageGroupId / no dedup id is rejected on a FIFO queue")
def _():
    q = mkq()
    c, m, _ = err(client("sqs").send_message, QueueUrl=q, MessageBody="x")
    expect(code_has(c, "MissingParameter", "InvalidParameter"), f"code {c}")
    c, m, _ = err(client("sqs").send_message, QueueUrl=q, MessageBody="x", MessageGroupId="g")
    expect(code_has(c, "InvalidParameterValue"), f"code {c}")


@check("sqs", "per-message DelaySeconds is rejected on a FIFO queue", core=False)
def _():
    q = mkq()
    c, _, _ = err(send, q, "x", DelaySeconds=5)
    expect(code_has(c, "InvalidParameterValue"), f"code {c}")


@check("sqs", "batch send keeps order; a bad entry fails alone")
def _():
    q = mkq()
    es = [{"Id": f"e{i}", "MessageBody": str(i), "MessageGroupId": "g", "MessageDeduplicationId": f"d{i}"}
          for i in range(6)]
    es[3]["MessageBody"] = "bad\x02char"
    r = client("sqs").send_message_batch(QueueUrl=q, Entries=es)
    ok = [e["Id"] for e in r.get("Successful", [])]
    bad = [e["Id"] for e in r.get("Failed", [])]
    expect(sorted(ok + bad) == [f"e{i}" for i in range(6)], f"ok {ok} bad {bad}")
    b = bodies(recv(q, 10))
    expect(b == [str(i) for i in (0, 1, 2, 4, 5)], f"received {b!r}, failed {bad}")
    expect(bad == ["e3"], f"failed {bad}")


@check("sqs", "batch limits: empty, >10 and repeated ids are rejected")
def _():
    q = mkq()
    mk = lambda i, k=None: {"Id": k or f"e{i}", "MessageBody": "x", "MessageGroupId": "g",
                            "MessageDeduplicationId": uuid.uuid4().hex}
    c, _, _ = err(client("sqs").send_message_batch, QueueUrl=q, Entries=[mk(i) for i in range(11)])
    expect(code_has(c, "TooManyEntriesInBatchRequest"), f">10: {c}")
    c, _, _ = err(client("sqs").send_message_batch, QueueUrl=q, Entries=[mk(0, "s"), mk(1, "s")])
    expect(code_has(c, "BatchEntryIdsNotDistinct"), f"ids: {c}")


@check("sqs", "delete batch: a bad handle fails alone, the good one is deleted")
def _():
    q = mkq()
    send(q, "0")
    m = recv(q, 1)[0]
    r = client("sqs").delete_message_batch(QueueUrl=q, Entries=[
        {"Id": "ok", "ReceiptHandle": m["ReceiptHandle"]}, {"Id": "no", "ReceiptHandle": "not-a-handle"}])
    expect([e["Id"] for e in r.get("Successful", [])] == ["ok"], f"successful {r.get('Successful')}")
    expect([e["Id"] for e in r.get("Failed", [])] == ["no"], f"failed {r.get('Failed')}")


@check("sqs", "redrive: FIFO DLQ after maxReceiveCount, group then unblocked")
def _():
    d = mkq()
    q = mkq(VisibilityTimeout=1, RedrivePolicy=json.dumps({"deadLetterTargetArn": arn(d), "maxReceiveCount": "2"}))
    send(q, "poison"), send(q, "next")
    for n in (1, 2):
        m = recv(q, 1, wait=3)
        expect(bodies(m) == ["poison"], f"receive {n}: {bodies(m)}")
        expect(m[0]["Attributes"]["ApproximateReceiveCount"] == str(n), "count")
        time.sleep(1.3)
    m = recv(q, 1, wait=3) or recv(q, 1, wait=2)
    expect(bodies(m) == ["next"], f"third receive {bodies(m)}")
    dm = recv(d, 10, wait=2)
    expect(bodies(dm) == ["poison"], f"dlq {bodies(dm)}")
    expect(dm[0]["Attributes"].get("MessageGroupId") == "g", "group id lost")


@check("sqs", "redrive: DLQ keeps the order within each group")
def _():
    d = mkq()
    q = mkq(VisibilityTimeout=1, RedrivePolicy=json.dumps({"deadLetterTargetArn": arn(d), "maxReceiveCount": "1"}))
    for i in range(3):
        for g in "ab":
            send(q, f"{g}{i}", group=g)
    end = time.time() + 14
    seen = []
    while time.time() < end and len(seen) < 6:
        seen += bodies(recv(q, 10))
        time.sleep(0.6)
    time.sleep(1.2)
    recv(q, 10)
    got = {"a": [], "b": []}
    end = time.time() + 4
    while time.time() < end and sum(map(len, got.values())) < 6:
        for m in recv(d, 10):
            got[m["Attributes"].get("MessageGroupId", "?")].append(m["Body"])
            delete(d, m)
        recv(q, 10)
        time.sleep(0.1)
    expect(got == {"a": ["a0", "a1", "a2"], "b": ["b0", "b1", "b2"]}, f"dlq {got}; received {seen}")


@check("sqs", "redrive: a moved message carries DeadLetterQueueSourceArn", core=False)
def _():
    d = mkq()
    q = mkq(VisibilityTimeout=1, RedrivePolicy=json.dumps({"deadLetterTargetArn": arn(d), "maxReceiveCount": "1"}))
    send(q, "p")
    recv(q, 1)
    time.sleep(1.4)
    recv(q, 1)
    m = recv(d, 1, wait=2)
    expect(m, "not moved")
    expect(m[0]["Attributes"].get("DeadLetterQueueSourceArn") == arn(q), f"{sorted(m[0]['Attributes'])}")


@check("sqs", "a FIFO queue with a standard (non-FIFO) DLQ is rejected", core=False)
def _():
    d = mkq(fifo=False)
    err(mkq, RedrivePolicy=json.dumps({"deadLetterTargetArn": arn(d), "maxReceiveCount": "1"}))


@check("sqs", "queue counts: visible and in flight move as messages do")
def _():
    q = mkq()
    for i in range(4):
        send(q, str(i), group=str(i))
    c, _a = qattrs(q)
    expect(c["vis"] == 4 and c["inflight"] == 0, f"after send {c}")
    m = recv(q, 3)
    expect(len(m) == 3, f"received {len(m)} of 3 asked for")
    c, _a = qattrs(q)
    expect(c["vis"] == 1 and c["inflight"] == 3, f"after receive {c}")
    delete(q, m[0])
    c, _a = qattrs(q)
    expect(c["vis"] == 1 and c["inflight"] == 2, f"after delete {c}")


@check("sqs", "long poll: waits when empty, returns early on arrival")
def _():
    q = mkq()
    t = time.time()
    expect(recv(q, 1, wait=2) == [], "not empty")
    w = time.time() - t
    expect(1.7 <= w <= 3.5, f"empty wait took {w:.2f} s, 2 asked for")
    th = threading.Timer(0.7, lambda: send(q, "late"))
    th.start()
    t = time.time()
    m = recv(q, 1, wait=6)
    w = time.time() - t
    th.join()
    expect(bodies(m) == ["late"], f"got {bodies(m)} after {w:.2f} s")
    expect(w < 3, f"arrival seen only after {w:.2f} s")


@check("sqs", "long poll: wakes when an in-flight message becomes visible", core=False)
def _():
    q = mkq(VisibilityTimeout=1)
    send(q, "0")
    recv(q, 1)
    t = time.time()
    m = recv(q, 1, wait=5)
    w = time.time() - t
    expect(bodies(m) == ["0"], f"got {bodies(m)} after {w:.2f} s")
    expect(w < 3, f"only after {w:.2f} s")


@check("sqs", "purge empties the queue")
def _():
    q = mkq()
    for i in range(3):
        send(q, str(i))
    client("sqs").purge_queue(QueueUrl=q)
    time.sleep(0.3)
    expect(not recv(q, 10), "messages left")
    c, _a = qattrs(q)
    expect(c["vis"] == 0 and c["inflight"] == 0, f"{c}")


@check("sqs", "expired receipt handle cannot delete on a FIFO queue", core=False)
def _():
    q = mkq(VisibilityTimeout=1)
    send(q, "0")
    m = recv(q, 1)[0]
    time.sleep(1.4)
    try:
        delete(q, m)
    except ClientError:
        pass
    b = bodies(recv(q, 1, wait=1))
    expect(b == ["0"], "deleted with an expired handle")


@check("sqs", "stale handle (redelivered since) does not delete the message")
def _():
    q = mkq(VisibilityTimeout=1)
    send(q, "0")
    old = recv(q, 1)[0]
    time.sleep(1.4)
    new = recv(q, 1, wait=1)
    expect(bodies(new) == ["0"], "no redelivery")
    expect(new[0]["ReceiptHandle"] != old["ReceiptHandle"], "receipt handle did not change")
    try:
        delete(q, old)
    except ClientError:
        pass
    client("sqs").change_message_visibility(QueueUrl=q, ReceiptHandle=new[0]["ReceiptHandle"], VisibilityTimeout=0)
    expect(bodies(recv(q, 1, wait=1)) == ["0"], "stale handle deleted it")


@check("sqs", "ChangeMessageVisibility on a message not in flight is an error", core=False)
def _():
    q = mkq()
    send(q, "0")
    m = recv(q, 1)[0]
    delete(q, m)
    err(client("sqs").change_message_visibility, QueueUrl=q, ReceiptHandle=m["ReceiptHandle"], VisibilityTimeout=5)


@check("sqs", "size: 1 MiB body accepted, 1 MiB + 1 rejected (limit since 2025)", core=False)
def _():
    q = mkq()
    c, _, _ = err(send, q, "x" * (1024 * 1024 + 1))
    expect(code_has(c, "InvalidParameterValue", "InvalidMessage"), f"code {c}")
    send(q, "x" * (1024 * 1024))


@check("sqs", "size: 256 KiB body accepted and returned whole")
def _():
    q = mkq()
    body = "é" * (128 * 1024)
    send(q, body)
    m = recv(q, 1)
    expect(m and m[0]["Body"] == body, "body differs")
    expect(m[0]["MD5OfBody"] == hashlib.md5(body.encode()).hexdigest(), "md5 differs")


@check("sqs", "message attributes round trip (String, Number, Binary)")
def _():
    q = mkq()
    at = {"s": {"DataType": "String", "StringValue": "v"}, "n": {"DataType": "Number", "StringValue": "1.5"},
          "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}
    send(q, "0", MessageAttributes=at)
    m = recv(q, 1)[0]
    expect(m.get("MessageAttributes") == at, f"{m.get('MessageAttributes')}")


@check("sqs", "unknown queue: QueueDoesNotExist; create is idempotent, differing attributes rejected")
def _():
    s = client("sqs")
    c, _, _ = err(s.get_queue_url, QueueName="nope.fifo")
    expect(code_has(c, "NonExistentQueue", "QueueDoesNotExist"), f"code {c}")
    q = mkq()
    name = q.rsplit("/", 1)[1]
    expect(s.create_queue(QueueName=name, Attributes={"FifoQueue": "true", "VisibilityTimeout": "30"})["QueueUrl"] == q,
           "second create gave another url")
    c, _, _ = err(s.create_queue, QueueName=name, Attributes={"FifoQueue": "true", "VisibilityTimeout": "31"})
    expect(code_has(c, "QueueNameExists", "QueueAlreadyExists"), f"code {c}")


@check("sqs", "standard queue: DelaySeconds hides, then delivers", core=False)
def _():
    q = mkq(fifo=False)
    client("sqs").send_message(QueueUrl=q, MessageBody="x", DelaySeconds=2)
    expect(not recv(q, 1), "delivered at once")
    expect(bodies(recv(q, 1, wait=4)) == ["x"], "not delivered after the delay")


@check("sqs", "concurrent consumers: 20 groups x 5, no group order broken, none lost")
def _():
    q = mkq()
    for i in range(5):
        for g0 in (0, 10):
            client("sqs").send_message_batch(QueueUrl=q, Entries=[
                {"Id": f"e{g}", "MessageBody": f"{g}:{i}", "MessageGroupId": f"g{g}",
                 "MessageDeduplicationId": f"{g}-{i}"} for g in range(g0, g0 + 10)])
    got, lock, end = {}, threading.Lock(), time.time() + 25

    def worker():
        while time.time() < end:
            ms = recv(q, 3)
            for m in ms:
                g, i = m["Body"].split(":")
                with lock:
                    got.setdefault(g, []).append(int(i))
                delete(q, m)
            with lock:
                if sum(map(len, got.values())) >= 100:
                    return
    ts = [threading.Thread(target=worker) for _ in range(4)]
    [t.start() for t in ts]
    [t.join() for t in ts]
    bad = {g: v for g, v in got.items() if v != [0, 1, 2, 3, 4]}
    expect(len(got) == 20 and not bad, f"{len(got)} groups, wrong: {dict(list(bad.items())[:3])}")


# ------------------------------------------------------------------ DynamoDB helpers
def mkt(stream=False):
    d = client("dynamodb")
    name = "t" + uuid.uuid4().hex[:12]
    k = {}
    if stream:
        k["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    d.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": a, "AttributeType": t} for a, t in
                              (("pk", "S"), ("sk", "S"), ("gpk", "S"), ("gsk", "N"))],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[{
            "IndexName": "gsi1",
            "KeySchema": [{"AttributeName": "gpk", "KeyType": "HASH"}, {"AttributeName": "gsk", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "ALL"}}], **k)
    d.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    return name


def S(v):
    return {"S": v}


def N(v):
    return {"N": str(v)}


def K(pk, sk="0"):
    return {"pk": S(pk), "sk": S(sk)}


def put(t, pk, sk="0", **a):
    return client("dynamodb").put_item(TableName=t, Item={**K(pk, sk), **a})


def get(t, pk, sk="0"):
    return client("dynamodb").get_item(TableName=t, Key=K(pk, sk), ConsistentRead=True).get("Item")


# ------------------------------------------------------------------ DynamoDB checks
@check("ddb", "create table: ACTIVE, GSI ACTIVE, second create ResourceInUse, unknown ResourceNotFound")
def _():
    t = mkt()
    d = client("dynamodb")
    r = d.describe_table(TableName=t)["Table"]
    expect(r["TableStatus"] == "ACTIVE" and r["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE", "status")
    expect(r.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST", "billing mode")
    c, _, _ = err(d.create_table, TableName=t, BillingMode="PAY_PER_REQUEST",
                  AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
                  KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}])
    expect(c == "ResourceInUseException", c)
    c, _, _ = err(d.get_item, TableName="nope" + t, Key=K("a"))
    expect(c == "ResourceNotFoundException", c)


@check("ddb", "conditional put: attribute_not_exists fails, item unchanged")
def _():
    t = mkt()
    d = client("dynamodb")
    d.put_item(TableName=t, Item={**K("a"), "v": N(1)}, ConditionExpression="attribute_not_exists(pk)")
    c, _, _ = err(d.put_item, TableName=t, Item={**K("a"), "v": N(2)}, ConditionExpression="attribute_not_exists(pk)")
    expect(c == "ConditionalCheckFailedException", c)
    expect(get(t, "a")["v"] == N(1), "item changed")


@check("ddb", "conditional put: ReturnValuesOnConditionCheckFailure gives the old item")
def _():
    t = mkt()
    put(t, "a", v=N(1))
    _, _, r = err(client("dynamodb").put_item, TableName=t, Item={**K("a"), "v": N(2)},
                  ConditionExpression="attribute_not_exists(pk)", ReturnValuesOnConditionCheckFailure="ALL_OLD")
    expect(r.get("Item", {}).get("v") == N(1), f"Item {r.get('Item')}")


@check("ddb", "optimistic version update: right version wins, stale one fails")
def _():
    t = mkt()
    put(t, "a", ver=N(1))
    up = lambda v: client("dynamodb").update_item(
        TableName=t, Key=K("a"), UpdateExpression="SET ver = ver + :o, x = :x", ConditionExpression="ver = :v",
        ExpressionAttributeValues={":o": N(1), ":v": N(v), ":x": S(f"w{v}")}, ReturnValues="UPDATED_NEW")
    expect(up(1)["Attributes"] == {"ver": N(2), "x": S("w1")}, "UPDATED_NEW")
    c, _, _ = err(up, 1)
    expect(c == "ConditionalCheckFailedException", c)
    expect(get(t, "a")["ver"] == N(2), "version moved")


@check("ddb", "optimistic version update: of 8 concurrent writers exactly one wins")
def _():
    t = mkt()
    put(t, "a", ver=N(1))
    res = []

    def w(i):
        try:
            client("dynamodb").update_item(TableName=t, Key=K("a"), UpdateExpression="SET ver = :n",
                                           ConditionExpression="ver = :v",
                                           ExpressionAttributeValues={":n": N(2), ":v": N(1)})
            res.append(1)
        except ClientError:
            res.append(0)
    ts = [threading.Thread(target=w, args=(i,)) for i in range(8)]
    [x.start() for x in ts]
    [x.join() for x in ts]
    expect(sum(res) == 1 and len(res) == 8, f"{res}")


@check("ddb", "transact write: atomic, CancellationReasons in order, nothing applied")
def _():
    t = mkt()
    put(t, "b", v=N(1))
    d = client("dynamodb")
    c, _, r = err(d.transact_write_items, TransactItems=[
        {"Put": {"TableName": t, "Item": K("a")}},
        {"Put": {"TableName": t, "Item": K("b"), "ConditionExpression": "attribute_not_exists(pk)",
                 "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}},
        {"Update": {"TableName": t, "Key": K("c"), "UpdateExpression": "SET z = :z",
                    "ExpressionAttributeValues": {":z": N(1)}}}])
    expect(c == "TransactionCanceledException", c)
    codes = [x.get("Code") for x in r.get("CancellationReasons", [])]
    expect(codes == ["None", "ConditionalCheckFailed", "None"], f"reasons {codes}")
    expect(r["CancellationReasons"][1].get("Item", {}).get("v") == N(1), "no Item in the reason")
    expect(get(t, "a") is None and get(t, "c") is None, "partly applied")


@check("ddb", "transact write: Put+Update+Delete+ConditionCheck commit together")
def _():
    t = mkt()
    put(t, "u", n=N(1)), put(t, "d"), put(t, "c", ok={"BOOL": True})
    client("dynamodb").transact_write_items(TransactItems=[
        {"Put": {"TableName": t, "Item": K("p")}},
        {"Update": {"TableName": t, "Key": K("u"), "UpdateExpression": "ADD n :o",
                    "ExpressionAttributeValues": {":o": N(4)}}},
        {"Delete": {"TableName": t, "Key": K("d")}},
        {"ConditionCheck": {"TableName": t, "Key": K("c"), "ConditionExpression": "ok = :t",
                            "ExpressionAttributeValues": {":t": {"BOOL": True}}}}])
    expect(get(t, "p") and get(t, "u")["n"] == N(5) and get(t, "d") is None, "state")


@check("ddb", "transact write: ClientRequestToken makes a repeat a no-op")
def _():
    t = mkt()
    put(t, "a", n=N(0))
    tok = uuid.uuid4().hex
    go = lambda by: client("dynamodb").transact_write_items(ClientRequestToken=tok, TransactItems=[
        {"Update": {"TableName": t, "Key": K("a"), "UpdateExpression": "ADD n :o",
                    "ExpressionAttributeValues": {":o": N(by)}}}])
    go(1), go(1)
    expect(get(t, "a")["n"] == N(1), f"applied twice: {get(t, 'a')['n']}")
    c, _, _ = err(go, 2)
    expect(c == "IdempotentParameterMismatchException", c)


@check("ddb", "transact write: same item twice and >100 items are rejected")
def _():
    t = mkt()
    d = client("dynamodb")
    c, _, _ = err(d.transact_write_items, TransactItems=[{"Put": {"TableName": t, "Item": K("a")}},
                                                         {"Delete": {"TableName": t, "Key": K("a")}}])
    expect(c == "ValidationException", c)
    c, _, _ = err(d.transact_write_items,
                  TransactItems=[{"Put": {"TableName": t, "Item": K(str(i))}} for i in range(101)])
    expect(c == "ValidationException", c)
    expect(get(t, "a") is None, "applied")


@check("ddb", "GSI query: sorted, sparse, LastEvaluatedKey has both keys")
def _():
    t = mkt()
    for i in (3, 1, 2):
        put(t, f"p{i}", gpk=S("G"), gsk=N(i))
    put(t, "nogsi")
    q = dict(TableName=t, IndexName="gsi1", KeyConditionExpression="gpk = :g",
             ExpressionAttributeValues={":g": S("G")})
    r = client("dynamodb").query(**q)
    expect([i["gsk"]["N"] for i in r["Items"]] == ["1", "2", "3"], f"{r['Items']}")
    r = client("dynamodb").query(Limit=2, **q)
    expect(sorted(r.get("LastEvaluatedKey", {})) == ["gpk", "gsk", "pk", "sk"], f"{r.get('LastEvaluatedKey')}")
    r = client("dynamodb").query(Limit=2, ExclusiveStartKey=r["LastEvaluatedKey"], **q)
    expect([i["gsk"]["N"] for i in r["Items"]] == ["3"], "second page")
    put(t, "p1")
    expect(client("dynamodb").query(**q)["Count"] == 2, "item left the index")


@check("ddb", "GSI: equal sort keys page without loss or repeat")
def _():
    t = mkt()
    for i in range(7):
        put(t, f"p{i}", gpk=S("G"), gsk=N(5))
    seen, k = [], {}
    for _ in range(10):
        r = client("dynamodb").query(TableName=t, IndexName="gsi1", KeyConditionExpression="gpk = :g",
                                     ExpressionAttributeValues={":g": S("G")}, Limit=2, **k)
        seen += [i["pk"]["S"] for i in r["Items"]]
        if "LastEvaluatedKey" not in r:
            break
        k = {"ExclusiveStartKey": r["LastEvaluatedKey"]}
    expect(sorted(seen) == [f"p{i}" for i in range(7)], f"{seen}")


@check("ddb", "query begins_with and BETWEEN on the sort key")
def _():
    t = mkt()
    for s in ("EVT#1", "EVT#2", "CFG#1", "EVS#9"):
        put(t, "a", s)
    d = client("dynamodb")
    r = d.query(TableName=t, KeyConditionExpression="pk = :p AND begins_with(sk, :s)",
                ExpressionAttributeValues={":p": S("a"), ":s": S("EVT#")})
    expect([i["sk"]["S"] for i in r["Items"]] == ["EVT#1", "EVT#2"], f"{r['Items']}")
    r = d.query(TableName=t, KeyConditionExpression="pk = :p AND sk BETWEEN :l AND :h",
                ExpressionAttributeValues={":p": S("a"), ":l": S("EVS#"), ":h": S("EVT#1")})
    expect([i["sk"]["S"] for i in r["Items"]] == ["EVS#9", "EVT#1"], f"{r['Items']}")


@check("ddb", "pagination: Limit gives LastEvaluatedKey, pages join up")
def _():
    t = mkt()
    for i in range(7):
        put(t, "a", f"{i}")
    got, k, pages = [], {}, 0
    while pages < 10:
        r = client("dynamodb").query(TableName=t, KeyConditionExpression="pk = :p", Limit=3,
                                     ExpressionAttributeValues={":p": S("a")}, **k)
        got += [i["sk"]["S"] for i in r["Items"]]
        pages += 1
        if "LastEvaluatedKey" not in r:
            break
        k = {"ExclusiveStartKey": r["LastEvaluatedKey"]}
    expect(got == [str(i) for i in range(7)] and pages == 3, f"{got} in {pages} pages")


@check("ddb", "pagination: Limit counts before FilterExpression (Count / ScannedCount)")
def _():
    t = mkt()
    for i in range(6):
        put(t, "a", f"{i}", odd={"BOOL": bool(i % 2)})
    r = client("dynamodb").query(TableName=t, KeyConditionExpression="pk = :p", FilterExpression="odd = :t", Limit=4,
                                 ExpressionAttributeValues={":p": S("a"), ":t": {"BOOL": True}})
    expect((r["Count"], r["ScannedCount"]) == (2, 4), f"{r['Count']}/{r['ScannedCount']}")
    expect("LastEvaluatedKey" in r, "no LastEvaluatedKey")


@check("ddb", "pagination: a page stops at 1 MB")
def _():
    t = mkt()
    for i in range(4):
        put(t, "a", f"{i}", big=S("x" * 350_000))
    r = client("dynamodb").query(TableName=t, KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": S("a")})
    expect(r["Count"] < 4 and "LastEvaluatedKey" in r, f"{r['Count']} items of 350 KB in one page")


@check("ddb", "ScanIndexForward=false reverses, also with Limit and start key")
def _():
    t = mkt()
    for i in range(4):
        put(t, "a", f"{i}")
    q = dict(TableName=t, KeyConditionExpression="pk = :p", ScanIndexForward=False, Limit=3,
             ExpressionAttributeValues={":p": S("a")})
    r = client("dynamodb").query(**q)
    expect([i["sk"]["S"] for i in r["Items"]] == ["3", "2", "1"], f"{r['Items']}")
    r = client("dynamodb").query(ExclusiveStartKey=r["LastEvaluatedKey"], **q)
    expect([i["sk"]["S"] for i in r["Items"]] == ["0"], f"{r['Items']}")


@check("ddb", "TTL: attribute accepted and described")
def _():
    t = mkt()
    d = client("dynamodb")
    d.update_time_to_live(TableName=t, TimeToLiveSpecification={"Enabled": True, "AttributeName": "exp"})
    x = d.describe_time_to_live(TableName=t)["TimeToLiveDescription"]
    expect(x.get("AttributeName") == "exp" and x["TimeToLiveStatus"] in ("ENABLED", "ENABLING"), f"{x}")
    put(t, "a", exp=N(int(time.time()) + 3600))
    expect(get(t, "a"), "item with a future expiry is gone")


@check("ddb", "update: list_append(if_not_exists()) on missing and present list")
def _():
    t = mkt()
    for v in ("x", "y"):
        client("dynamodb").update_item(
            TableName=t, Key=K("a"), UpdateExpression="SET #l = list_append(if_not_exists(#l, :e), :v)",
            ExpressionAttributeNames={"#l": "log"}, ExpressionAttributeValues={":e": {"L": []}, ":v": {"L": [S(v)]}})
    expect(get(t, "a")["log"] == {"L": [S("x"), S("y")]}, f"{get(t, 'a')}")


@check("ddb", "update: SET n = n + :1 on a missing attribute is a ValidationException")
def _():
    t = mkt()
    put(t, "a")
    c, _, _ = err(client("dynamodb").update_item, TableName=t, Key=K("a"), UpdateExpression="SET n = n + :o",
                  ExpressionAttributeValues={":o": N(1)})
    expect(c == "ValidationException", c)


@check("ddb", "update: ReturnValues ALL_NEW / UPDATED_OLD / ALL_OLD; upsert, nested SET, REMOVE")
def _():
    t = mkt()
    d = client("dynamodb")
    r = d.update_item(TableName=t, Key=K("a"), UpdateExpression="SET m = :m, n = :n", ReturnValues="ALL_NEW",
                      ExpressionAttributeValues={":m": {"M": {"k": N(1)}}, ":n": N(1)})
    expect(r["Attributes"] == {**K("a"), "m": {"M": {"k": N(1)}}, "n": N(1)}, f"ALL_NEW {r['Attributes']}")
    r = d.update_item(TableName=t, Key=K("a"), UpdateExpression="SET m.k = :k REMOVE n", ReturnValues="UPDATED_OLD",
                      ExpressionAttributeValues={":k": N(2)})
    expect(r["Attributes"] == {"m": {"M": {"k": N(1)}}, "n": N(1)}, f"UPDATED_OLD {r['Attributes']}")
    r = d.update_item(TableName=t, Key=K("a"), UpdateExpression="SET n = :n", ReturnValues="ALL_OLD",
                      ExpressionAttributeValues={":n": N(9)})
    expect(r["Attributes"] == {**K("a"), "m": {"M": {"k": N(2)}}}, f"ALL_OLD {r['Attributes']}")


@check("ddb", "update: ADD / DELETE on string sets, empty set removed", core=False)
def _():
    t = mkt()
    d = client("dynamodb")
    for e in ("ADD s :v", "DELETE s :v"):
        d.update_item(TableName=t, Key=K("a"), UpdateExpression=e, ExpressionAttributeValues={":v": {"SS": ["x", "y"]}})
    expect("s" not in get(t, "a"), f"{get(t, 'a')}")


@check("ddb", "item over 400 KB is rejected, just under is kept (put and update)")
def _():
    t = mkt()
    put(t, "a", b=S("x" * (400 * 1024 - 50)))
    c, _, _ = err(put, t, "b", b=S("x" * (400 * 1024 + 1)))
    expect(c == "ValidationException", c)
    c, _, _ = err(client("dynamodb").update_item, TableName=t, Key=K("a"), UpdateExpression="SET c = :c",
                  ExpressionAttributeValues={":c": S("x" * 100)})
    expect(c == "ValidationException", f"update: {c}")


@check("ddb", "consistent read on the table works, on a GSI is rejected")
def _():
    t = mkt()
    put(t, "a", gpk=S("G"), gsk=N(1))
    expect(get(t, "a"), "get")
    c, _, _ = err(client("dynamodb").query, TableName=t, IndexName="gsi1", KeyConditionExpression="gpk = :g",
                  ExpressionAttributeValues={":g": S("G")}, ConsistentRead=True)
    expect(c == "ValidationException", c)


@check("ddb", "batch write: UnprocessedItems present; >25 and repeated keys rejected")
def _():
    t = mkt()
    d = client("dynamodb")
    mk = lambda i: {"PutRequest": {"Item": K(str(i))}}
    r = d.batch_write_item(RequestItems={t: [mk(i) for i in range(25)]})
    expect(r.get("UnprocessedItems") == {}, f"{r.get('UnprocessedItems')}")
    c, _, _ = err(d.batch_write_item, RequestItems={t: [mk(i) for i in range(26)]})
    expect(c == "ValidationException", f">25: {c}")
    c, _, _ = err(d.batch_write_item, RequestItems={t: [mk(1), mk(1)]})
    expect(c == "ValidationException", f"repeated: {c}")
    g = d.batch_get_item(RequestItems={t: {"Keys": [K(str(i)) for i in range(25)], "ConsistentRead": True}})
    expect(len(g["Responses"][t]) == 25 and g.get("UnprocessedKeys") == {}, "batch get")


@check("ddb", "reserved word in an expression is rejected")
def _():
    t = mkt()
    c, _, _ = err(client("dynamodb").update_item, TableName=t, Key=K("a"), UpdateExpression="SET status = :s",
                  ExpressionAttributeValues={":s": S("x")})
    expect(c == "ValidationException", c)


@check("ddb", "unused and missing expression names / values are rejected")
def _():
    t = mkt()
    u = lambda e, **k: err(client("dynamodb").update_item, TableName=t, Key=K("a"), UpdateExpression=e, **k)[0]
    c = u("SET a = :a", ExpressionAttributeValues={":a": N(1), ":b": N(2)})
    expect(c == "ValidationException", f"unused value: {c}")
    c = u("SET a = :a", ExpressionAttributeValues={":a": N(1)}, ExpressionAttributeNames={"#x": "x"})
    expect(c == "ValidationException", f"unused name: {c}")
    c = u("SET a = :nope", ExpressionAttributeValues={":a": N(1)})
    expect(c == "ValidationException", f"missing value: {c}")


@check("ddb", "update of a key attribute, overlapping paths, empty key are rejected")
def _():
    t = mkt()
    u = lambda e, v: err(client("dynamodb").update_item, TableName=t, Key=K("a"), UpdateExpression=e,
                         ExpressionAttributeValues=v)[0]
    c = u("SET sk = :a", {":a": S("z")})
    expect(c == "ValidationException", f"key: {c}")
    c = u("SET m = :a, m.k = :b", {":a": {"M": {}}, ":b": N(1)})
    expect(c == "ValidationException", f"overlap: {c}")
    c, _, _ = err(put, t, "")
    expect(c == "ValidationException", f"empty key: {c}")


@check("ddb", "wrong type for a GSI key attribute is rejected")
def _():
    t = mkt()
    c, _, _ = err(put, t, "a", gpk=S("G"), gsk=S("not a number"))
    expect(c == "ValidationException", c)


@check("ddb", "numbers: 38 digits kept, normalised, sorted as numbers")
def _():
    t = mkt()
    n = "12345678901234567890123456789012345678"
    put(t, "a", v=N(n), w=N("1.50"), gpk=S("G"), gsk=N(10))
    put(t, "b", gpk=S("G"), gsk=N(9))
    i = get(t, "a")
    expect(i["v"]["N"] == n, f"38 digits: {i['v']}")
    expect(i["w"]["N"] == "1.5", f"1.50 came back as {i['w']}")
    r = client("dynamodb").query(TableName=t, IndexName="gsi1", KeyConditionExpression="gpk = :g",
                                 ExpressionAttributeValues={":g": S("G")})
    expect([x["gsk"]["N"] for x in r["Items"]] == ["9", "10"], "sorted as text")


@check("ddb", "conditions: size, contains, attribute_type, IN, NOT, nested path")
def _():
    t = mkt()
    put(t, "a", s=S("hello"), l={"L": [S("x")]}, m={"M": {"k": N(5)}})
    d = client("dynamodb")
    r = d.query(TableName=t, KeyConditionExpression="pk = :p",
                FilterExpression="size(s) = :five AND contains(l, :x) AND attribute_type(m, :M) "
                                 "AND m.k IN (:four, :five) AND NOT (m.k < :four) AND attribute_not_exists(zz)",
                ExpressionAttributeValues={":p": S("a"), ":five": N(5), ":x": S("x"), ":M": S("M"), ":four": N(4)})
    expect(r["Count"] == 1, f"count {r['Count']}")


@check("ddb", "conditional delete, ReturnValues ALL_OLD, condition on a missing item")
def _():
    t = mkt()
    put(t, "a", v=N(1))
    d = client("dynamodb")
    c, _, _ = err(d.delete_item, TableName=t, Key=K("a"), ConditionExpression="v = :v",
                  ExpressionAttributeValues={":v": N(2)})
    expect(c == "ConditionalCheckFailedException", c)
    r = d.delete_item(TableName=t, Key=K("a"), ReturnValues="ALL_OLD")
    expect(r["Attributes"]["v"] == N(1), "ALL_OLD")
    c, _, _ = err(d.update_item, TableName=t, Key=K("a"), UpdateExpression="SET v = :v",
                  ConditionExpression="attribute_exists(pk)", ExpressionAttributeValues={":v": N(1)})
    expect(c == "ConditionalCheckFailedException", c)
    expect(get(t, "a") is None, "update created it")


@check("ddb", "ProjectionExpression, Select COUNT, ReturnConsumedCapacity", core=False)
def _():
    t = mkt()
    put(t, "a", m={"M": {"k": N(5), "z": N(6)}}, l={"L": [S("x"), S("y")]})
    d = client("dynamodb")
    r = d.get_item(TableName=t, Key=K("a"), ProjectionExpression="m.k, l[1]", ReturnConsumedCapacity="TOTAL")
    expect(r["Item"] == {"m": {"M": {"k": N(5)}}, "l": {"L": [S("y")]}}, f"{r['Item']}")
    expect(r.get("ConsumedCapacity", {}).get("CapacityUnits") == 0.5, f"{r.get('ConsumedCapacity')}")
    r = d.query(TableName=t, KeyConditionExpression="pk = :p", Select="COUNT", ExpressionAttributeValues={":p": S("a")})
    expect(r["Count"] == 1 and "Items" not in r, "COUNT")


@check("ddb", "key condition: missing hash key or non-key attribute is rejected", core=False)
def _():
    t = mkt()
    d = client("dynamodb")
    c, _, _ = err(d.query, TableName=t, KeyConditionExpression="sk = :s", ExpressionAttributeValues={":s": S("a")})
    expect(c == "ValidationException", c)
    c, _, _ = err(d.query, TableName=t, KeyConditionExpression="pk = :s AND other = :s",
                  ExpressionAttributeValues={":s": S("a")})
    expect(c == "ValidationException", c)


@check("ddb", "scan: Limit paging, FilterExpression, parallel segments cover all", core=False)
def _():
    t = mkt()
    for i in range(10):
        put(t, f"p{i}")
    d = client("dynamodb")
    seen = []
    for s in range(3):
        seen += [i["pk"]["S"] for i in d.scan(TableName=t, Segment=s, TotalSegments=3)["Items"]]
    expect(sorted(seen) == [f"p{i}" for i in range(10)], f"segments {seen}")
    n, k = 0, {}
    for _ in range(9):
        r = d.scan(TableName=t, Limit=4, **k)
        n += r["Count"]
        if "LastEvaluatedKey" not in r:
            break
        k = {"ExclusiveStartKey": r["LastEvaluatedKey"]}
    expect(n == 10, f"paged {n}")


@check("ddb", "TransactGetItems returns items in request order", core=False)
def _():
    t = mkt()
    put(t, "a"), put(t, "b")
    r = client("dynamodb").transact_get_items(TransactItems=[{"Get": {"TableName": t, "Key": K(k)}} for k in "bxa"])
    expect([x.get("Item", {}).get("pk", {}).get("S") for x in r["Responses"]] == ["b", None, "a"], f"{r['Responses']}")


@check("ddb", "stream: StreamSpecification gives a stream ARN", core=False)
def _():
    t = mkt(stream=True)
    r = client("dynamodb").describe_table(TableName=t)["Table"]
    expect("/stream/" in r.get("LatestStreamArn", ""), f"{r.get('LatestStreamArn')}")


# ------------------------------------------------------------------ bench
class Raw:
    """Bare keep-alive JSON calls: measures the emulator, not boto3's signing and parsing."""
    SIG = ("AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{}/aws4_request, "
           "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64)

    def __init__(self, svc):
        u = urllib.parse.urlsplit(ARGS.sqs if svc == "sqs" else ARGS.ddb)
        self.svc, self.c = svc, http.client.HTTPConnection(u.hostname, u.port, timeout=30)
        self.c.connect()
        self.c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.prefix = "AmazonSQS." if svc == "sqs" else "DynamoDB_20120810."

    def __call__(self, op, **body):
        self.c.request("POST", "/", json.dumps(body), {
            "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": self.prefix + op,
            "X-Amz-Date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
            "Authorization": self.SIG.format("sqs" if self.svc == "sqs" else "dynamodb")})
        r = self.c.getresponse()
        b = r.read()
        if r.status != 200:
            raise RuntimeError(f"{op}: {r.status} {b[:120]!r}")
        return json.loads(b or b"{}")


def bench(n, threads):
    out = {}

    def timed(name, svc, fn, total, batch=1):
        errs, per, lat = [], max(1, total // threads), []
        raws = [Raw(svc) for _ in range(threads)]

        def w(ti):
            for i in range(per):
                t0 = time.perf_counter()
                try:
                    fn(raws[ti], ti, i)
                except Exception as e:  # noqa
                    errs.append(repr(e)[:160])
                    return
                lat.append(time.perf_counter() - t0)
        t = time.perf_counter()
        ts = [threading.Thread(target=w, args=(ti,)) for ti in range(threads)]
        [x.start() for x in ts]
        [x.join() for x in ts]
        dt = time.perf_counter() - t
        lat.sort()
        p = lambda q: round(lat[min(len(lat) - 1, int(len(lat) * q))] * 1e3, 2) if lat else None
        out[name] = {"per_s": round(len(lat) * batch / dt, 1), "p50_ms": p(.5), "p99_ms": p(.99), "errors": len(errs)}
        print(f"BENCH {name:36s} {out[name]['per_s']:>9.1f} /s   p50 {p(.5)} ms  p99 {p(.99)} ms"
              + (f"  errors {errs[:1]}" if errs else ""), flush=True)

    if ARGS.only in (None, "sqs"):
        q, b = mkq(), "x" * 1024
        timed("sqs send (1 KB, 64 groups)", "sqs", lambda r, ti, i: r(
            "SendMessage", QueueUrl=q, MessageBody=b, MessageGroupId=f"g{i % 64}",
            MessageDeduplicationId=f"{ti}-{i}"), n)

        def rd(r, ti, i):
            for m in r("ReceiveMessage", QueueUrl=q, MaxNumberOfMessages=1).get("Messages", []):
                r("DeleteMessage", QueueUrl=q, ReceiptHandle=m["ReceiptHandle"])
        timed("sqs receive(1)+delete", "sqs", rd, n)
        q2 = mkq()
        timed("sqs send_batch(10), messages", "sqs", lambda r, ti, i: r("SendMessageBatch", QueueUrl=q2, Entries=[
            {"Id": str(j), "MessageBody": b, "MessageGroupId": f"g{(i * 10 + j) % 64}",
             "MessageDeduplicationId": f"{ti}-{i}-{j}"} for j in range(10)]), max(threads, n // 10), 10)
    if ARGS.only in (None, "ddb"):
        t, v = mkt(), {"S": "x" * 1000}
        timed("ddb put_item (1 KB, GSI)", "ddb", lambda r, ti, i: r("PutItem", TableName=t, Item={
            **K(f"{ti}-{i}"), "v": v, "gpk": S(f"g{ti}"), "gsk": N(i)}), n)
        timed("ddb get_item (consistent)", "ddb", lambda r, ti, i: r(
            "GetItem", TableName=t, Key=K(f"{ti}-{i}"), ConsistentRead=True), n)
        timed("ddb update_item (conditional)", "ddb", lambda r, ti, i: r(
            "UpdateItem", TableName=t, Key=K(f"{ti}-{i}"), UpdateExpression="SET ver = if_not_exists(ver, :z) + :o",
            ConditionExpression="attribute_exists(pk)", ExpressionAttributeValues={":z": N(0), ":o": N(1)}), n)
        timed("ddb transact_write (2 items)", "ddb", lambda r, ti, i: r("TransactWriteItems", TransactItems=[
            {"Put": {"TableName": t, "Item": K(f"{ti}-{i}", "tx")}},
            {"Update": {"TableName": t, "Key": K(f"{ti}-{i}"), "UpdateExpression": "ADD n :o",
                        "ExpressionAttributeValues": {":o": N(1)}}}]), n // 2)
    return out


def wait_up(timeout, proc=None):
    t = time.perf_counter()
    while time.perf_counter() - t < timeout:
        if proc is not None and proc.poll() is not None:
            raise SystemExit(f"the emulator ended with {proc.returncode}")
        try:
            if ARGS.only in (None, "sqs"):
                client("sqs").list_queues()
            if ARGS.only in (None, "ddb"):
                client("dynamodb").list_tables()
            return time.perf_counter() - t
        except ClientError:
            raise
        except Exception:
            time.sleep(0.02)
    raise SystemExit("the endpoint did not come up")


def loopback(url):
    h = urllib.parse.urlsplit(url).hostname or ""
    return h == "localhost" or h == "::1" or h.startswith("127.")


def run_one(c):
    t = time.perf_counter()
    try:
        c["fn"]()
        r, d = "PASS", ""
    except Fail as e:
        r, d = "FAIL", str(e)
    except ClientError as e:
        r, d = "ERROR", f"{e.response['Error'].get('Code')}: {e.response['Error'].get('Message')}"
    except Exception as e:  # noqa
        r, d = "ERROR", f"{type(e).__name__}: {e}"
        if ARGS.trace:
            traceback.print_exc()
    return {"svc": c["svc"], "name": c["name"], "core": c["core"], "result": r, "detail": d.replace("\n", " ")[:300],
            "s": round(time.perf_counter() - t, 2)}


def main():
    global ARGS
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--endpoint", help="for both services")
    p.add_argument("--sqs"), p.add_argument("--ddb")
    p.add_argument("--only", choices=["sqs", "ddb"])
    p.add_argument("--match", help="only checks whose name contains this")
    p.add_argument("--jobs", type=int, default=8, help="checks at once (most of their time is sleep)")
    p.add_argument("--bench", type=int, default=0, metavar="N", help="operations per benchmark")
    p.add_argument("--threads", type=int, default=4)
    p.add_argument("--no-checks", action="store_true")
    p.add_argument("--start", help="command that starts the emulator; it is timed, and ended afterwards")
    p.add_argument("--start-log", default=os.devnull)
    p.add_argument("--start-timeout", type=float, default=90)
    p.add_argument("--json"), p.add_argument("--label", default="")
    p.add_argument("--trace", action="store_true")
    p.add_argument("--strict", action="store_true", help="a failed extra check fails the run too")
    ARGS = p.parse_args()
    ARGS.sqs, ARGS.ddb = ARGS.sqs or ARGS.endpoint, ARGS.ddb or ARGS.endpoint
    if ARGS.only is None and not (ARGS.sqs and ARGS.ddb):
        ARGS.only = "sqs" if ARGS.sqs else "ddb"
    for u in [x for x in (ARGS.sqs if ARGS.only != "ddb" else None, ARGS.ddb if ARGS.only != "sqs" else None) if x]:
        if not loopback(u):
            print("only loopback endpoints", file=sys.stderr)
            return 2
    if not (ARGS.sqs or ARGS.ddb):
        p.error("--endpoint, --sqs or --ddb is needed")
    client("sqs") if ARGS.sqs else None    # load the service models before the clock starts
    client("dynamodb") if ARGS.ddb else None
    proc, startup = None, None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))   # so that the emulator is ended too
    try:
        if ARGS.start:
            proc = subprocess.Popen(shlex.split(ARGS.start), stdout=open(ARGS.start_log, "ab"),
                                    stderr=subprocess.STDOUT, start_new_session=True)
        startup = wait_up(ARGS.start_timeout, proc)
        if proc:
            print(f"STARTUP {startup:.2f} s to the first answered call", flush=True)
        res = []
        if not ARGS.no_checks:
            todo = [c for c in CHECKS if (ARGS.only in (None, c["svc"])) and (not ARGS.match or ARGS.match in c["name"])]
            t = time.perf_counter()
            with cf.ThreadPoolExecutor(ARGS.jobs) as ex:
                for r in ex.map(run_one, todo):
                    res.append(r)
                    print(f"{r['result']:5s} {r['svc']} {'core ' if r['core'] else 'extra'} {r['name']}"
                          + (f"  -- {r['detail']}" if r["detail"] else ""), flush=True)
            for svc in ("sqs", "ddb"):
                rs = [r for r in res if r["svc"] == svc]
                if rs:
                    ok = [r for r in rs if r["result"] == "PASS"]
                    print(f"TOTAL {svc}: {len(ok)}/{len(rs)} pass; core {sum(r['core'] for r in ok)}/"
                          f"{sum(r['core'] for r in rs)}")
            print(f"checks took {time.perf_counter() - t:.1f} s")
            passed = sum(r["result"] == "PASS" for r in res)
            print(f"fidelity: {passed} passed, {len(res) - passed} failed", flush=True)
        rss = None
        b = bench(ARGS.bench, ARGS.threads) if ARGS.bench else {}
        if proc:
            try:
                rss = next(int(line.split()[1]) // 1024 for line in open(f"/proc/{proc.pid}/status") if line.startswith("VmRSS"))
                print(f"RSS {rss} MiB (first process only)")
            except Exception:
                pass
        if ARGS.json:
            json.dump({"label": ARGS.label, "startup_s": startup if proc else None, "rss_mib": rss, "checks": res,
                       "bench": b}, open(ARGS.json, "w"), indent=1)
        return 1 if any((r["core"] or ARGS.strict) and r["result"] != "PASS" for r in res) else 0
    finally:
        if proc and proc.poll() is None:
            os.killpg(proc.pid, signal.SIGTERM)
            try:
                proc.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(proc.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
