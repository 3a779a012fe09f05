/**
 * The one way to the server. Every call answers JSON or throws an `ApiProblem`: the server's own problem
 * document (RFC 9457), or status 0 when no answer came. Reads are repeated once after a network failure;
 * writes never are, except where the caller sends an Idempotency-Key and repeats them itself.
 */

export interface FieldError {
  field: string;
  message: string;
  /** With `out_of_stock`: how many bottles are left. */
  available?: number;
}

export interface ProblemDocument {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  errors?: FieldError[];
  code?: string;
  trace_id?: string;
}

export class ApiProblem extends Error {
  readonly status: number;
  /** The stable word for what happened, such as "price_changed"; empty if the server gave none. */
  readonly code: string;
  readonly detail: string;
  readonly errors: FieldError[];
  readonly traceId: string;
  readonly retryAfter: number;
  readonly document: Readonly<Record<string, unknown>>;

  constructor(status: number, document: ProblemDocument, retryAfter = 0) {
    super(document.detail || document.title || `HTTP ${status}`);
    this.name = "ApiProblem";
    this.status = status;
    this.code = document.code ?? (document.type ?? "").replace(/^.*[/:#]/, "");
    this.detail = document.detail || document.title || "";
    this.errors = document.errors ?? [];
    this.traceId = document.trace_id ?? "";
    this.retryAfter = retryAfter;
    this.document = document as Record<string, unknown>;
  }

  get offline(): boolean {
    return this.status === 0;
  }
}

export type QueryValue = string | number | boolean | null | undefined | readonly (string | number)[];
export type Query = Record<string, QueryValue>;

export interface RequestOptions {
  query?: Query;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  timeoutMs?: number;
}

let onSessionOver: () => void = () => undefined;

/** Called when the server no longer knows the session that a call counted on. */
export function whenSessionOver(run: () => void): void {
  onSessionOver = run;
}

const BASE = "/api/v1";
const TIMEOUT_MS = 20_000;

/** Parameters in the order given; empty values are left out, lists repeat their name. */
export function queryString(query: Query | undefined): string {
  const out = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined || value === null || value === "" || value === false) continue;
    for (const one of Array.isArray(value) ? value : [value]) out.append(name, String(one));
  }
  const text = out.toString();
  return text ? `?${text}` : "";
}

export function apiUrl(path: string, query?: Query): string {
  return BASE + path + queryString(query);
}

async function problemOf(response: Response): Promise<ApiProblem> {
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  let document: ProblemDocument = { status: response.status, title: response.statusText };
  try {
    const parsed: unknown = await response.json();
    if (parsed && typeof parsed === "object") document = parsed as ProblemDocument;
  } catch {
    // A proxy's HTML page, or nothing: the status alone has to do.
  }
  return new ApiProblem(response.status, document, retryAfter);
}

async function send(method: string, url: string, options: RequestOptions): Promise<Response> {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), options.timeoutMs ?? TIMEOUT_MS);
  const stop = () => timeout.abort();
  options.signal?.addEventListener("abort", stop);
  const headers: Record<string, string> = { Accept: "application/json", ...options.headers };
  const init: RequestInit = { method, headers, credentials: "same-origin", signal: timeout.signal };
  if (options.body instanceof Blob) init.body = options.body;
  else if (options.body !== undefined) {
    headers["Content-Type"] ??= "application/json";
    init.body = JSON.stringify(options.body);
  }
  try {
    return await fetch(url, init);
  } catch (cause) {
    if (options.signal?.aborted) throw cause;
    throw new ApiProblem(0, { title: "No answer" });
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", stop);
  }
}

async function call<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
  const url = apiUrl(path, options.query);
  let response: Response;
  try {
    response = await send(method, url, options);
  } catch (problem) {
    if (method !== "GET" || !(problem instanceof ApiProblem)) throw problem;
    response = await send(method, url, options);
  }
  if (!response.ok) {
    const problem = await problemOf(response);
    if (problem.code === "unauthenticated") onSessionOver();
    throw problem;
  }
  if (response.status === 204 || response.headers.get("Content-Length") === "0") return undefined as T;
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

/** True for the error of a call that its own caller gave up. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

export function asProblem(error: unknown): ApiProblem {
  return error instanceof ApiProblem ? error : new ApiProblem(0, { title: String(error) });
}

export const api = {
  get: <T>(path: string, options?: RequestOptions) => call<T>("GET", path, options),
  post: <T>(path: string, body?: unknown, options?: RequestOptions) =>
    call<T>("POST", path, { ...options, body }),
  put: <T>(path: string, body?: unknown, options?: RequestOptions) =>
    call<T>("PUT", path, { ...options, body }),
  patch: <T>(path: string, body?: unknown, options?: RequestOptions) =>
    call<T>("PATCH", path, { ...options, body }),
  delete: <T>(path: string, options?: RequestOptions) => call<T>("DELETE", path, options),
};
