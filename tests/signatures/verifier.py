"""Holds a Python verifier to the vectors on standard input; prints per case what it accepted and what it refused, as
JSON. The published one, or the `genuine` of the file that is named."""

import collections
import importlib.util
import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError


def published(secret, headers, body):
    try:
        Webhook(secret).verify(body, headers, json_parse=False)
        return True
    except WebhookVerificationError:
        return False


def by_hand(path):
    spec = importlib.util.spec_from_file_location("by_hand", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda secret, headers, body: module.genuine([secret], headers, body)


genuine = by_hand(sys.argv[1]) if sys.argv[1:] else published
counts = collections.defaultdict(lambda: [0, 0])
for line in sys.stdin.buffer:
    vector = json.loads(line)
    for case in vector["cases"]:
        body = case.get("body", vector["body"]).encode()
        counts[case["case"]][0 if genuine(case["secret"], case["headers"], body) else 1] += 1
print(json.dumps(counts))
