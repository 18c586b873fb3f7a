// Where the page is: everything that can be linked stands behind the fragment sign of the address.

let guard = null;
let here = location.hash;

/** The place: `{parts, queries}` of `#/webhooks/ID/logs?result=FAILED`. */
export function place(hash = location.hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const parts = path.split("/").filter((part) => part !== "");
  return { parts: parts.map(decode), queries: Object.fromEntries(new URLSearchParams(query)) };
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address of a place. */
export function link(parts, queries = {}) {
  const given = Object.entries(queries).filter(
    ([, value]) => value !== undefined && value !== null && value !== "",
  );
  const query = new URLSearchParams(given).toString();
  return `#/${parts.map(encodeURIComponent).join("/")}${query ? `?${query}` : ""}`;
}

/** Goes there. */
export function go(parts, queries = {}) {
  location.hash = link(parts, queries);
}

/** Changes queries of this place, as a step of its own or in place of this one. */
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

/** Asks `may` (a promise) before this place is left; null asks nobody. */
export function askBeforeLeaving(may) {
  guard = may;
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
