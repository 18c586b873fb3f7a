"""Starts the ministack emulator as a back end that behaves like AWS where Hookrail depends on it.

ministack is used as published, with a few private functions replaced, so its version is pinned in requirements.txt.
A name that an upgrade has removed or moved stops the start: silently unpatched, the run would prove less than it says.
"""

import re
import socketserver
import sys

from ministack.core import iam_actions, iam_evaluator, lambda_runtime
from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

ALARM = "AWS::CloudWatch::Alarm"


def require(owner, name):
    """The private function that is about to be replaced."""
    function = getattr(owner, name, None)
    if not callable(function):
        sys.exit(f"ministack has no {owner.__name__}.{name} any more: adapt {__file__} before upgrading")
    return function


def fifo_concurrency(mapping, function, config, queue=None):
    """AWS runs one batch per free group, up to MaximumConcurrency; ministack would run one per FIFO queue, so that one
    slow receiver held up all others. Safe, because its receive withholds a group while a message of it is in flight."""
    # A template's parameters are text, which ministack does not turn into the number that AWS makes of it.
    limit = int((mapping.get("ScalingConfig") or {}).get("MaximumConcurrency") or 5)
    reserved = reserved_concurrency(function, config)
    return limit if reserved is None else min(limit, reserved)


def alarm_record(name, properties):
    """An alarm on an expression is kept under the metric it begins with: ministack refuses metric math."""
    for query in properties.get("Metrics") or []:
        if "MetricStat" in query:
            first = query["MetricStat"]
            rest = {key: value for key, value in properties.items() if key != "Metrics"}
            properties = {**rest, **first["Metric"], "Statistic": first["Stat"], "Period": first["Period"]}
            break
    return plain_alarm_record(name, properties)


def condition_key(key, context):
    """`aws:PrincipalArn` of a function is its role's ARN on AWS; ministack gives that of the session."""
    value = plain_condition_key(key, context)
    if key.lower() == "aws:principalarn" and isinstance(value, str):
        return re.sub(r":sts:(.*):assumed-role/([^/]+)/.*", r":iam:\1:role/\2", value)
    return value


def action_from_target(headers):
    """SQS authorises a batch call as the single one: there is no action `sqs:SendMessageBatch`."""
    action = plain_action_from_target(headers)
    if action and headers.get("x-amz-target", "").startswith("AmazonSQS."):
        return action.removesuffix("Batch")
    return action


reserved_concurrency = require(lambda_svc, "_reserved_concurrency")
require(lambda_svc, "_sqs_esm_concurrency")
lambda_svc._sqs_esm_concurrency = fifo_concurrency

plain_alarm_record = require(provisioners, "_cw_metric_alarm_record")
if ALARM not in provisioners._RESOURCE_HANDLERS:
    sys.exit(f"ministack no longer deploys {ALARM}: adapt {__file__} before upgrading")
provisioners._cw_metric_alarm_record = alarm_record

plain_condition_key = require(iam_evaluator, "_resolve_condition_key")
iam_evaluator._resolve_condition_key = condition_key

plain_action_from_target = require(iam_actions, "_action_from_target")
iam_actions._action_from_target = action_from_target

# Its runtime API waits 50 ms for log lines after each invocation, and 40 ms in Nagle's algorithm for each answer.
require(lambda_runtime.ProvidedWorker, "_drain_stderr")
require(lambda_runtime.ProvidedWorker, "_drain_stderr_bounded")
lambda_runtime.ProvidedWorker._drain_stderr_bounded = lambda self, *_, **__: self._drain_stderr()
socketserver.StreamRequestHandler.disable_nagle_algorithm = True

if __name__ == "__main__":
    from ministack.app import main

    main()
