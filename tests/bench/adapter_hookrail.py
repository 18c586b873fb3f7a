"""Adapter of the webhook bench for a `hookrail dev` on loopback (its public HTTP API).

Environment: HOOKRAIL_READY, the ready file of the running stack.
"""
import http.client
import json
import os
import urllib.parse

READY = json.load(open(os.environ["HOOKRAIL_READY"]))


def create(name, apps, endpoints_per_app, sink):
    url = urllib.parse.urlparse(READY["api"])
    assert url.hostname == "127.0.0.1"
    connection = http.client.HTTPConnection(url.hostname, url.port)

    def post(path, token, body):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 201, (path, answer.status, text[:300])
        return json.loads(text)

    streams = []
    for app in range(apps):
        made = post("/api/v3/company", READY["operatorToken"], {"company": f"{name}-{app}"})
        for endpoint in range(endpoints_per_app):
            post("/api/v3/webhook/subscription", made["token"], {
                "name": "bench", "code": f"bench_{endpoint}", "trigger": "create-edit-delete-task",
                "url": f"{sink}/{name}/{app}/{endpoint}"})
        event = {"company": made["company"], "type": "COTTask", "event": "create", "createdAt": "@NOW@",
                 "extraData": None, "data": "@P@"}
        streams.append({
            "key": f"{name}-{app}", "method": "POST", "url": READY["api"] + "/api/v3/event",
            "headers": {"Authorization": f"Bearer {made['token']}", "Content-Type": "application/json"},
            "body": json.dumps(event).replace('"@P@"', "@PAYLOAD@"), "fanout": endpoints_per_app})
    return streams
