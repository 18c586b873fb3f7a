// Calls to the public API, and the session that they are made in. The panel knows nothing else of the server.

const KEY = "hookrail.session";
export const WEBHOOKS = "/api/v3/webhook/subscription";
export const LOGS = `${WEBHOOKS}/logs`;
const TOKEN = "/api/v3/token/self";
const SESSION = "/api/v3/panel/session";
/** The most pages that are read to fill one page with rows that pass a filter. */
const PAGES_MAX = 20;

/** A call that was refused, or that got no response (status 0). */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {{ detail?: string, error?: string, title?: string, errors?: FieldProblem[] }} [document]
   */
  constructor(status, document = {}) {
    super(document.detail ?? document.error ?? document.title ?? "");
    this.status = status;
    this.fields = document.errors ?? [];
  }
}

/** Returns the session of this tab, or null. @returns {Session | null} */
export function session() {
  const text = sessionStorage.getItem(KEY);
  return text ? JSON.parse(text) : null;
}

/** Returns whether the session has a scope. @param {string} scope */
export function may(scope) {
  return session()?.scopes.includes(scope) ?? false;
}

/** @param {object} session */
function begin(session) {
  sessionStorage.setItem(KEY, JSON.stringify(session));
}

function forget() {
  sessionStorage.removeItem(KEY);
}

/** Signs in with a token. @param {string} token */
export async function signIn(token) {
  const { body } = await request("GET", TOKEN, { token });
  begin({ ...body, token, isSession: false });
}

/** Signs in with the code of a link, which works once. @param {string} code */
export async function exchange(code) {
  const { body } = await request("POST", SESSION, { content: JSON.stringify({ code }) });
  begin({ ...body, isSession: true });
}

/** Signs out. A session of a link ends at the server too. */
export async function signOut() {
  const held = session();
  forget();
  if (held?.isSession) await request("DELETE", SESSION, { token: held.token }).catch(() => {});
}

/**
 * Makes a call. An expired session is reported to the whole page.
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {AbortSignal} [signal]
 * @returns {Promise<ApiResponse>}
 */
export function call(method, path, body, signal) {
  return send(method, path, body === undefined ? undefined : JSON.stringify(body), signal);
}

/**
 * Makes a POST call whose body has one more member, the JSON text of which is sent as it is.
 * @param {string} path
 * @param {object} body
 * @param {string} name
 * @param {string} text
 */
export function callWithText(path, body, name, text) {
  const members = JSON.stringify(body).slice(1, -1);
  return send("POST", path, `{${members}${members && ","}${JSON.stringify(name)}:${text}}`);
}

/** @param {string} method @param {string} path @param {string} [content] @param {AbortSignal} [signal] */
async function send(method, path, content, signal) {
  try {
    return await request(method, path, { token: session()?.token, content, signal });
  } catch (problem) {
    if (problem.status === 401 && session()) {
      forget();
      dispatchEvent(new Event("expired"));
    }
    throw problem;
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {{ token?: string, content?: string, signal?: AbortSignal }} options
 * @returns {Promise<ApiResponse>}
 */
async function request(method, path, { token, content, signal }) {
  /** @type {Record<string, string>} */
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  if (content !== undefined) headers["content-type"] = "application/json";
  const response = await fetch(path, { method, headers, signal, body: content }).catch((error) => {
    throw error.name === "AbortError" ? error : new Problem(0);
  });
  const text = await response.text();
  const body = parse(text);
  if (!response.ok) throw new Problem(response.status, body);
  const next = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get("link") ?? "")?.[1] ?? null;
  return { body, text, next };
}

/** @param {string} text */
function parse(text) {
  try {
    return text ? JSON.parse(text) : {};
  } catch {
    return {};
  }
}

/** Reads the rows of a bare list. @param {ApiResponse} response @returns {Page} */
function bare({ body, next }) {
  return { rows: body, next };
}

/**
 * Returns the rows of a list that pass a filter: as many whole pages as contain `least` of them.
 * @param {string} path
 * @param {(row: any) => boolean} passes
 * @param {number} least
 * @param {AbortSignal} signal
 * @param {(response: ApiResponse) => Page} [read] finds the rows of a page
 * @returns {Promise<Page & { pages: number }>}
 */
export async function filled(path, passes, least, signal, read = bare) {
  const rows = [];
  /** @type {string | null} */
  let next = path;
  let pages = 0;
  while (next && pages < PAGES_MAX) {
    const page = read(await call("GET", next, undefined, signal));
    rows.push(...page.rows.filter(passes));
    next = page.next;
    pages += 1;
    if (least <= rows.length) break;
  }
  return { rows, next, pages };
}
