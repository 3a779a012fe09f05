/**
 * Lists that come a page at a time. What was loaded is kept by its address, so that "back" shows the same rows
 * at once; a list of one page that is older than a few seconds is asked for again behind it.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { asProblem, isAbort, queryString, type ApiProblem, type Query } from "../api/client.ts";
import type { Page } from "../api/types.ts";
import { office, repeat } from "./office.ts";

interface Kept {
  items: unknown[];
  total: number | undefined;
  next: string | null;
  pages: number;
  at: number;
}

const FRESH_MS = 4000;
const LIVE_MS = 15_000;
const MOST = 60;
const kept = new Map<string, Kept>();

export interface List<T> {
  /** Undefined until the first answer; while another query is loading, still the rows of the last one. */
  items: T[] | undefined;
  total: number | undefined;
  hasMore: boolean;
  loading: boolean;
  problem: ApiProblem | undefined;
  loadMore: () => void;
  reload: () => void;
}

type Answer<T> = Page<T> & { total?: number };

function keep<T>(key: string, answer: Answer<T>, before: Kept | undefined): void {
  kept.delete(key);
  kept.set(key, {
    items: [...(before?.items ?? []), ...answer.items],
    total: answer.total,
    next: answer.next_cursor,
    pages: (before?.pages ?? 0) + 1,
    at: Date.now(),
  });
  if (kept.size > MOST) kept.delete(kept.keys().next().value as string);
}

/** A `live` list looks for itself now and then, as long as it is no longer than its first page. */
export function useList<T>(path: string, query: Query, live = false): List<T> {
  const key = path + queryString(query);
  const [, redraw] = useState(0);
  const [round, setRound] = useState(0);
  const state = useRef({ key, shown: key, loading: false, problem: undefined as ApiProblem | undefined });
  const now = state.current;
  now.key = key;
  if (kept.has(key)) now.shown = key;

  const ask = (before: Kept | undefined, signal?: AbortSignal) => {
    now.loading = true;
    const options = { query: before ? { ...query, cursor: before.next } : query, ...(signal ? { signal } : {}) };
    office.get<Answer<T>>(path, options).then(
      (answer) => {
        keep(key, answer, before);
        if (now.key !== key) return;
        Object.assign(now, { shown: key, loading: false, problem: undefined });
        redraw((n) => n + 1);
      },
      (error: unknown) => {
        if (isAbort(error) || now.key !== key) return;
        Object.assign(now, { loading: false, problem: asProblem(error) });
        redraw((n) => n + 1);
      },
    );
  };

  useEffect(() => {
    const entry = kept.get(key);
    now.problem = undefined;
    now.loading = false;
    if (entry && round === 0 && (entry.pages > 1 || Date.now() - entry.at < FRESH_MS)) return;
    const stop = new AbortController();
    ask(undefined, stop.signal);
    redraw((n) => n + 1);
    return () => stop.abort();
  }, [key, round]);

  useEffect(() => {
    if (!live) return;
    const look = () => {
      if (kept.get(key)?.pages === 1 && !now.loading) ask(undefined);
    };
    return repeat(LIVE_MS, look, /* atOnce= */ false);
  }, [key, live]);

  const entry = kept.get(now.shown);
  return {
    items: entry?.items as T[] | undefined,
    total: entry?.total,
    hasMore: now.shown === key && Boolean(entry?.next),
    loading: now.loading,
    problem: now.problem,
    loadMore: () => {
      const before = kept.get(key);
      if (!before?.next || now.loading) return;
      ask(before);
      redraw((n) => n + 1);
    },
    reload: () => setRound((n) => n + 1),
  };
}

/** Puts what has just been changed into the kept lists of a path, so that they need not be asked for again. */
export function patchLists<T extends { id: string }>(path: string, item: T): void {
  for (const [key, entry] of kept) {
    if (!key.startsWith(path)) continue;
    entry.items = (entry.items as T[]).map((one) => (one.id === item.id ? { ...one, ...item } : one));
  }
}

export function dropLists(path: string): void {
  for (const key of [...kept.keys()]) if (key.startsWith(path)) kept.delete(key);
}
