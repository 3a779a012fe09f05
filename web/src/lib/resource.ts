/**
 * Answers kept by key, so that a page seen before shows at once and "back" finds the same list. An answer
 * older than `STALE_MS` is shown and fetched again behind it. The gateway's data of the first page is put
 * in here before the first render.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { asProblem, isAbort, type ApiProblem } from "../api/client.ts";

interface Entry {
  data: unknown;
  at: number;
}

const STALE_MS = 15_000;
/** For what may be a little old, such as the pages of a list that "back" returns to. */
export const LONG_MS = 600_000;
const BUSY_TRIES = 6;
const BUSY_MS = 2000;
const MOST = 500;
const kept = new Map<string, Entry>();

export function putResource(key: string, data: unknown): void {
  kept.delete(key);
  kept.set(key, { data, at: Date.now() });
  if (kept.size > MOST) kept.delete(kept.keys().next().value as string);
}

export function peekResource<T>(key: string): T | undefined {
  return kept.get(key)?.data as T | undefined;
}

export function dropResources(prefix: string): void {
  for (const key of [...kept.keys()]) if (key.startsWith(prefix)) kept.delete(key);
}

export interface Resource<T> {
  data: T | undefined;
  problem: ApiProblem | undefined;
  loading: boolean;
  reload: () => void;
}

/** With a null key nothing is fetched. */
export function useResource<T>(
  key: string | null,
  load: (signal: AbortSignal) => Promise<T>,
  staleMs = STALE_MS,
): Resource<T> {
  const [, redraw] = useState(0);
  const [round, setRound] = useState(0);
  const problem = useRef<ApiProblem | undefined>(undefined);
  const loading = useRef(false);
  const shown = useRef<string | null>(null);
  const tries = useRef(0);
  if (shown.current !== key) {
    shown.current = key;
    problem.current = undefined;
    tries.current = 0;
    loading.current = key !== null && !kept.has(key);
  }

  useEffect(() => {
    if (key === null) return;
    const entry = kept.get(key);
    if (entry && round === 0 && Date.now() - entry.at < staleMs) return;
    const stop = new AbortController();
    let again = 0;
    loading.current = true;
    load(stop.signal).then(
      (data) => {
        putResource(key, data);
        if (shown.current !== key) return;
        problem.current = undefined;
        loading.current = false;
        redraw((n) => n + 1);
      },
      (error: unknown) => {
        if (isAbort(error) || shown.current !== key) return;
        problem.current = asProblem(error);
        loading.current = false;
        // A service that says it is busy, such as a search being rebuilt, is asked again by itself.
        if (problem.current.status === 503 && tries.current++ < BUSY_TRIES) {
          again = window.setTimeout(
            () => setRound((n) => n + 1),
            problem.current.retryAfter * 1000 || BUSY_MS,
          );
        }
        redraw((n) => n + 1);
      },
    );
    return () => {
      stop.abort();
      clearTimeout(again);
    };
  }, [key, round]);

  return {
    data: key === null ? undefined : peekResource<T>(key),
    problem: problem.current,
    loading: loading.current,
    reload: () => setRound((n) => n + 1),
  };
}
