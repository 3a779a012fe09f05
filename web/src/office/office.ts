/**
 * The office's way to the server: as the storefront's, but a session that has ended brings back the sign-in,
 * with the page and what was being written kept behind it.
 */
import { signal } from "@preact/signals";
import { api, asProblem, type RequestOptions } from "../api/client.ts";
import { user } from "../lib/session.ts";
import { hintSignedIn, maybeSignedIn } from "../lib/signals.ts";
import { recall, remember } from "../lib/storage.ts";

export const sessionEnded = signal(false);

async function guarded<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (asProblem(error).status === 401) endSession();
    throw error;
  }
}

export function endSession(): void {
  if (user.value) sessionEnded.value = true;
  user.value = null;
  hintSignedIn(false);
}

/**
 * Whether the office was open here last time. Then its pages begin at once, beside the question of who is asking;
 * what they may see is the server's decision either way.
 */
const HINT = "ws.office";
export const maybeOffice = (): boolean => maybeSignedIn() && recall(HINT) === "1";
export const hintOffice = (yes: boolean): void => remember(HINT, yes ? "1" : null);

const at = (path: string): string => `/admin${path}`;

export const office = {
  get: <T>(path: string, options?: RequestOptions) => guarded(api.get<T>(at(path), options)),
  post: <T>(path: string, body?: unknown, options?: RequestOptions) => guarded(api.post<T>(at(path), body, options)),
  put: <T>(path: string, body: unknown, version: number) =>
    guarded(api.put<T>(at(path), body, { headers: { "If-Match": `"${version}"` } })),
  delete: (path: string, version?: number) =>
    guarded(api.delete<void>(at(path), version === undefined ? {} : { headers: { "If-Match": `"${version}"` } })),
};

/** Runs every `everyMs` while the page can be seen, `atOnce` now too; the answer stops it. */
export function repeat(everyMs: number, run: () => void, atOnce = true): () => void {
  const timer = window.setInterval(() => {
    if (document.visibilityState === "visible") run();
  }, everyMs);
  if (atOnce) run();
  return () => clearInterval(timer);
}
