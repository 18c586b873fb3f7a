// The place in the address, behind the #: everything that can be linked.

/** @typedef {{ isNeeded: () => boolean, ask: () => Promise<boolean> }} Guard */

/** @type {Guard | null} */
let guard = null;
let here = location.hash;

/** Returns the parts and the queries of an address such as `#/webhooks/ID/logs?result=FAILED`. */
export function place() {
  const { hash } = location;
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const parts = path.split("/").filter((part) => part !== "");
  /** @type {Queries} */
  const queries = Object.fromEntries(new URLSearchParams(query));
  return { parts: parts.map(decode), queries };
}

/** @param {string} part */
function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Returns a path with these queries, without the empty ones. @param {string} path @param {object} queries */
export function withQuery(path, queries) {
  const given = Object.entries(queries).filter(
    ([, value]) => value !== undefined && value !== null && value !== "",
  );
  const text = new URLSearchParams(given).toString();
  return text ? `${path}?${text}` : path;
}

/** Returns the address of a place. @param {string[]} parts @param {Queries} [queries] */
export function link(parts, queries = {}) {
  return withQuery(`#/${parts.map(encodeURIComponent).join("/")}`, queries);
}

/** Goes to a place. @param {string[]} parts @param {Queries} [queries] */
export function go(parts, queries = {}) {
  location.hash = link(parts, queries);
}

/**
 * Changes queries of this place, as a new step of the history or instead of this one.
 * @param {Queries} changes
 * @param {{ inPlace?: boolean }} [how]
 */
export function query(changes, { inPlace = false } = {}) {
  const { parts, queries } = place();
  const target = link(parts, { ...queries, ...changes });
  if (target === location.hash) return;
  if (inPlace) {
    history.replaceState(null, "", target);
    here = location.hash;
    dispatchEvent(new Event("place"));
  } else {
    location.hash = target;
  }
}

/** Asks before this place is left; null does not ask. @param {Guard | null} next */
export function askBeforeLeaving(next) {
  guard = next;
}

addEventListener("beforeunload", (event) => {
  if (guard?.isNeeded()) event.preventDefault();
});

addEventListener("hashchange", async () => {
  const target = location.hash;
  if (target === here) return;
  if (guard?.isNeeded()) {
    history.replaceState(null, "", here);
    if (!(await guard.ask())) return;
    guard = null;
    history.replaceState(null, "", target);
  }
  here = target;
  dispatchEvent(new Event("place"));
});
