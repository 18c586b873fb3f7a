// Types for `tsc --checkJs`: what the build adds to the script, and the parts of API responses that the panel reads.

/** Every text in every language, from `texts/*.json`. */
declare const TEXTS: Record<string, Record<string, string>>;

/** What an element may contain. False and null stand for nothing. */
type Children = Node | string | false | null | undefined | readonly Children[];

/** Reads or writes the parameters behind the place in the address. */
type Queries = Record<string, string | undefined>;

interface Session {
  token: string;
  name?: string;
  company?: string;
  scopes: string[];
  isSession: boolean;
}

interface FieldProblem {
  field: string;
  reason: string;
}

interface ApiResponse<Body = any> {
  body: Body;
  /** The body as it was received. */
  text: string;
  /** The path of the next page. */
  next: string | null;
}

interface Page<Row = any> {
  rows: Row[];
  next: string | null;
}

interface Webhook {
  _id: string;
  __v: number;
  name: string;
  code: string;
  url: string;
  description?: string | null;
  trigger: string;
  context: Record<string, string>;
  isActive: boolean;
  inactiveReason?: string | null;
  suspendAfter?: number | null;
  headers?: string[];
  basicAuth?: { username: string } | null;
}

interface Head {
  sequence: number;
  event: string;
  attempts: number;
  attemptsMax: number;
  blockedSince: string;
  nextAttemptAt: string;
}

interface Queue {
  state: "active" | "suspended" | "lagging" | "inactive";
  since?: string;
  parked: number;
  failedProbes?: number;
  head: Head | null;
}

interface LogRow {
  _id: string;
  result: "SUCCESS" | "FAILED" | "PARKED";
  status: number;
  error?: string | null;
  createdAt: string;
  durationMs: number;
  retry: number;
  sequence: number;
  manual?: boolean;
  nextAttemptAt?: string | null;
  response: string;
  responseTruncated?: boolean;
  url: string;
  delivery: string;
  webhookVersion: number;
  /** The event as it is stored; null if it is no longer kept. Added by `log_rows.js`. */
  eventText: string | null;
}

/** The attempts of one event, latest first. */
interface Group {
  sequence: number;
  rows: LogRow[];
}

interface Trigger {
  name: string;
  label: string;
  context: { slot: string }[];
}

interface PlatformWebhook {
  id: string;
  _id?: string;
  name: string;
  type: string;
  event: string;
  filter: string;
  url: string;
  isActive: boolean;
  inactiveReason?: string | null;
  scopeType: string;
  scopeId: string;
  createdAt: string;
  createdBy: string;
  updatedAt: string;
  updatedBy: string;
  authStrategy?: { properties: { name: string; value: string }[] } | null;
}

interface RecordType {
  name: string;
  isLegacy: boolean;
  scopes: string[];
  events: string[];
  bindings: Binding[];
  presets: { event: string; group: string; tree: string; url: string }[];
}

interface Binding {
  name: string;
  keys: string[];
  takesAnyKey: boolean;
}

interface Job {
  id: string;
  name: string;
  webhookId: string | null;
  type: string;
  event: string;
  status: string;
  summary: string | null;
  url: string | null;
  scopeType: string;
  scopeId: string;
  parentType: string | null;
  parentId: string | null;
  retryCount: number;
  scheduledAt: string;
  requestContent: string | null;
  responseContent: string | null;
  runId: string | null;
}

/** A screen that is shown. */
interface PanelScreen {
  title?: string;
  /** Called when the address has changed and the screen stays. */
  changed?: () => void;
  /** Called before the screen goes. */
  leave?: () => void;
}

/** What a tab of a webhook is given. */
interface WebhookTab {
  main: HTMLElement;
  /** The webhook (null for a new one) and its queue, as they are known. */
  shown: { webhook: any; queue: Queue | null };
  /** Reports a change of either. */
  tell: (news: { webhook?: any; queue?: Queue | null }) => void;
  signal: AbortSignal;
}
