// The public API, and the session that calls are made in. The panel knows nothing else of the server.

const KEY = "hookrail.session";
export const WEBHOOKS = "/api/v3/webhook/subscription";
export const LOGS = `${WEBHOOKS}/logs`;
const TOKEN = "/api/v3/token/self";
const SESSION = "/api/v3/panel/session";
/** Pages looked through at most to fill one page of what passes a filter. */
const PAGES_MAX = 20;

/** A call that was refused, or that never came to an answer (status 0). */
export class Problem extends Error {
  constructor(status, document = {}) {
    super(document.detail ?? document.error ?? document.title ?? "");
    this.status = status;
    this.fields = document.errors ?? [];
  }
}

/** Who is signed in: `{token, company, scopes, expiresAt, isSession}`, or null. Ends with the browser's tab. */
export function session() {
  const text = sessionStorage.getItem(KEY);
  return text ? JSON.parse(text) : null;
}

export function may(scope) {
  return session()?.scopes.includes(scope) ?? false;
}

function begin(session) {
  sessionStorage.setItem(KEY, JSON.stringify(session));
}

export function forget() {
  sessionStorage.removeItem(KEY);
}

/** Signs in with a token. */
export async function signIn(token) {
  const { body } = await request("GET", TOKEN, { token });
  begin({ ...body, token, isSession: false });
}

/** Signs in with a code that works once. */
export async function exchange(code) {
  const { body } = await request("POST", SESSION, { token: null, body: { code } });
  begin({ ...body, isSession: true });
}

/** Signs out; a session is worth nothing afterwards. */
export async function signOut() {
  const held = session();
  forget();
  if (held?.isSession) await request("DELETE", SESSION, { token: held.token }).catch(() => {});
}

/** Makes a call: `{body, next}`. A session that has ended is told to the whole page. */
export async function call(method, path, body, signal) {
  try {
    return await request(method, path, { token: session()?.token, body, signal });
  } catch (problem) {
    if (problem.status === 401 && session()) {
      forget();
      dispatchEvent(new Event("expired"));
    }
    throw problem;
  }
}

async function request(method, path, { token, body, signal }) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  if (body !== undefined) headers["content-type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      signal,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0);
  }
  const text = await answer.text();
  const document = parse(text);
  if (!answer.ok) throw new Problem(answer.status, document);
  const next = /<([^>]+)>;\s*rel="next"/.exec(answer.headers.get("link") ?? "")?.[1] ?? null;
  return { body: document, next };
}

function parse(text) {
  try {
    return text ? JSON.parse(text) : {};
  } catch {
    return {};
  }
}

/** The path with these queries; what is empty is left out. */
export function withQuery(path, queries) {
  const given = Object.entries(queries).filter(
    ([, value]) => value !== undefined && value !== null && value !== "",
  );
  const text = new URLSearchParams(given).toString();
  return text ? `${path}?${text}` : path;
}

/** Rows of a list that pass, from this path on: as many whole pages as give `least` of them: `{rows, next,
 * pages}`. `read` finds both in an answer. */
export async function filled(path, passes, least, signal, read = ({ body, next }) => ({ rows: body, next })) {
  const rows = [];
  let [next, pages] = [path, 0];
  while (next && pages < PAGES_MAX) {
    const answer = read(await call("GET", next, undefined, signal));
    rows.push(...answer.rows.filter(passes));
    next = answer.next;
    pages += 1;
    if (least <= rows.length) break;
  }
  return { rows, next, pages };
}
