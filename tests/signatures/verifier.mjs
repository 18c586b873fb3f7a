// Holds the published JavaScript verifier to the vectors on standard input; prints per case what it accepted and what
// it refused, as JSON.

import { readFileSync } from "node:fs";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

function genuine(secret, headers, body) {
  try {
    new Webhook(secret).verify(body, headers, { jsonParse: false });
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
}

const counts = {};
for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const vector = JSON.parse(line);
  for (const one of vector.cases) {
    const accepted = genuine(one.secret, one.headers, Buffer.from(one.body ?? vector.body));
    (counts[one.case] ??= [0, 0])[accepted ? 0 : 1] += 1;
  }
}
console.log(JSON.stringify(counts));
