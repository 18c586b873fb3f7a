#!/usr/bin/env bash
# What a client of the reference system does by its published documentation, with the base URL changed: bash and curl.
#
#   BASE=http://127.0.0.1:8080 TOKEN=hkr_… RECEIVER=http://127.0.0.1:9000/ tests/contract/reference_client.sh
#
# TOKEN is of the company of the published event, 625bcbdcc9a8e3a86dbf041c, which `hookrail dev` begins with.
# RECEIVER stands in for the published webhook's URL, at which nothing can be received: that and BASE are all that is
# changed. The reference system makes events by itself; here the platform pushes them, which `push` stands for.
# Prints each step, and fails at the first answer that is not what such a client expects. It runs once for each stack,
# since the published code can be taken once.
set -euo pipefail

: "${BASE:?the base URL of the API}" "${TOKEN:?a token of the company}" "${RECEIVER:?a URL to receive at}"
readonly WEBHOOKS=/api/v3/webhook/subscription
readonly PUBLISHED_URL=https://www.server.com
readonly DEADLINE_SECONDS=60

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
samples=$here/../../events/samples
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
answer=$work/answer
headers=$work/headers

fail() {
  echo "FAILED: $*" >&2
  if [ -s "$answer" ]; then
    cat "$answer" >&2
    echo >&2
  fi
  exit 1
}

# The call that the documentation shows, its answer's status compared: status, method, path, further flags of curl.
call() {
  local expected=$1 method=$2 path=$3 status
  shift 3
  : > "$answer"
  status=$(curl --silent --show-error --max-time 30 --request "$method" "$BASE$path" \
    --header "Authorization: Bearer $TOKEN" --header 'Admin: true' --header 'Content-Type: application/json' \
    --dump-header "$headers" --output "$answer" --write-out '%{http_code}' "$@") || fail "$method $path: no answer"
  [ "$status" = "$expected" ] || fail "$method $path: status $status instead of $expected"
  echo "$status $method $path"
}

# The answer holds this text.
holds() {
  grep --quiet --fixed-strings -- "$1" "$answer" || fail "no $1 in the answer"
}

# A header of the answer.
header() {
  tr -d '\r' < "$headers" | { grep --ignore-case "^$1: " || true; } | cut -d ' ' -f 2-
}

push() {
  call "$1" POST /api/v3/event --data-binary "@$samples/$2"
}

# How many rows of the answer tell of an accepted attempt. The published event has a status, too, which is a text.
accepted() {
  { grep --only-matching '"status":200,' "$answer" || true; } | wc -l
}

# Reads the log, by the documented call, until so many attempts were accepted.
log_until() {
  local wanted=$1
  SECONDS=0
  while call 200 GET "$WEBHOOKS/logs/$id" > "$work/step"; [ "$(accepted)" -lt "$wanted" ]; do
    [ "$SECONDS" -lt "$DEADLINE_SECONDS" ] || fail "the log has $(accepted) accepted attempts instead of $wanted"
    sleep 0.1
  done
  [ "$(accepted)" -eq "$wanted" ] || fail "the log has $(accepted) accepted attempts instead of $wanted"
  cat "$work/step"
}

# The ids of an answer's rows, one a line.
ids() {
  { grep --only-matching '"_id":"[0-9a-f]\{24\}","company"' "$answer" || true; } | cut -d '"' -f 4
}

# Walks a list by its links in pages of one, and leaves the ids in $work/walked.
walk() {
  local next="$1?limit=1" link
  : > "$work/walked"
  while [ -n "$next" ]; do
    call 200 GET "$next"
    ids >> "$work/walked"
    link=$(header link)
    next=$(sed -n 's/^<\(.*\)>; rel="next"$/\1/p' <<< "$link")
    [ -z "$link" ] || [ -n "$next" ] || fail "no next page in Link: $link"
  done
}

echo '# list'
call 200 GET "$WEBHOOKS"
TOKEN=unknown call 401 GET "$WEBHOOKS"

echo '# create'
sed "s|$PUBLISHED_URL|$RECEIVER|" "$samples/cot_webhook.json" > "$work/webhook.json"
call 201 POST "$WEBHOOKS" --data-binary "@$work/webhook.json"
for text in '"company":"625bcbdcc9a8e3a86dbf041c"' '"isActive":true' '"code":"wo_update"' '"__v":0' "\"$RECEIVER\"" \
  '"context":{"survey":"","group":"","taskGroup":"6261612a8f1e99002e5c8cce"}'; do
  holds "$text"
done
id=$(grep --only-matching '"_id":"[0-9a-f]\{24\}"' "$answer" | cut -d '"' -f 4)
call 409 POST "$WEBHOOKS" --data-binary "@$work/webhook.json"

echo '# get'
call 200 GET "$WEBHOOKS/$id"
holds '"name":"Work Orders Update"'
call 200 GET "$WEBHOOKS"
holds "\"_id\":\"$id\""
call 404 GET "$WEBHOOKS/62685990d918fb5557f9f992"

echo '# events'
push 202 cot_event_task_create.json
push 202 cot_event_survey_create.json
push 202 cot_event_logout.json
# The published edit of a user is another company's.
push 400 cot_event_user_edit.json
log_until 1
[[ $(cat "$answer") == *"$(cat "$samples/cot_event_task_create.json")"* ]] || fail 'the log shows another event'
holds "\"subscription\":\"$id\""

echo '# deactivate and activate'
call 200 PATCH "$WEBHOOKS/$id" --data '{"isActive":false}'
holds '"isActive":false'
push 202 cot_event_task_create.json
call 400 PATCH "$WEBHOOKS/$id" --data '{"code":"other"}'
call 400 PATCH "$WEBHOOKS/$id" --data '{"context":null}'
call 200 PATCH "$WEBHOOKS/$id" --data '{"isActive":true}'
holds '"isActive":true'
holds '"__v":2'
push 202 cot_event_task_create.json
log_until 2

echo '# pages'
ids > "$work/listed"
[ "$(wc -l < "$work/listed")" -ge 2 ] || fail 'the log has fewer than two rows'
walk "$WEBHOOKS/logs/$id"
cmp --silent "$work/listed" "$work/walked" || fail 'the pages do not hold what the whole list does'

echo '# an active webhook is not deleted'
call 409 DELETE "$WEBHOOKS/$id"
call 200 GET "$WEBHOOKS/$id"
echo "done: $id"
