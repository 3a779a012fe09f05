/**
 * Tells the store what was seen, so that it learns what to suggest: views, impressions, clicks and searches,
 * gathered and sent a few at a time. Who asks browsers not to be followed (Global Privacy Control) is not.
 * Nothing here is ever in the way: a failure is forgotten.
 */
import { useEffect, useRef } from "preact/hooks";
import { apiUrl } from "../api/client.ts";

/** Where a wine was shown: what goes with its impressions and clicks. */
export interface Shown {
  list?: string;
  /** The search that found it. */
  query?: string;
  /** From 1. */
  position?: number;
  /** As the list of recommendations gave it. */
  experiment?: { id: string; arm: "a" | "b" };
}

export interface Activity extends Omit<Shown, "experiment"> {
  type: "activity.viewed" | "activity.impression" | "activity.clicked" | "activity.searched";
  wine_id?: string;
  results?: number;
  experiment?: string;
  arm?: "a" | "b";
  at?: string;
}

const EVERY_MS = 5000;
const AT_ONCE = 50;
let waiting: Activity[] = [];
let timer = 0;

const refused = (): boolean =>
  (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl === true;

function flush(leaving: boolean): void {
  clearTimeout(timer);
  timer = 0;
  while (waiting.length) {
    const body = JSON.stringify({ events: waiting.slice(0, AT_ONCE) });
    waiting = waiting.slice(AT_ONCE);
    const url = apiUrl("/events");
    const sent = leaving && navigator.sendBeacon?.(url, new Blob([body], { type: "application/json" }));
    if (!sent) {
      const headers = { "Content-Type": "application/json" };
      fetch(url, { method: "POST", body, headers, keepalive: true }).catch(() => undefined);
    }
  }
}

export function noteActivity(activity: Activity): void {
  if (refused()) return;
  waiting.push({ ...activity, at: new Date().toISOString() });
  if (waiting.length >= AT_ONCE) flush(false);
  else timer ||= window.setTimeout(() => flush(false), EVERY_MS);
}

const MAX_QUERY = 200;
const MAX_POSITION = 10_000;

export function noteShown(type: "activity.impression" | "activity.clicked", wineId: string, shown: Shown): void {
  const { list, query, position, experiment } = shown;
  noteActivity({
    type,
    wine_id: wineId,
    list,
    ...(query && { query: query.slice(0, MAX_QUERY) }),
    ...(position && position <= MAX_POSITION && { position }),
    ...(experiment && { experiment: experiment.id, arm: experiment.arm }),
  });
}

export function startActivity(): void {
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") flush(true);
  });
  window.addEventListener("pagehide", () => flush(true));
}

let observer: IntersectionObserver | undefined;
const onScreen = new WeakMap<Element, () => void>();

function watch(element: Element, onShown: () => void): () => void {
  observer ??= new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        onScreen.get(entry.target)?.();
        observer?.unobserve(entry.target);
      }
    },
    { threshold: 0.6 },
  );
  onScreen.set(element, onShown);
  observer.observe(element);
  return () => observer?.unobserve(element);
}

/** A reference for a card: once most of it has been on the screen, that is an impression. */
export function useImpression<E extends Element>(wineId: string, shown: Shown) {
  const ref = useRef<E>(null);
  const { list, query, position, experiment } = shown;
  useEffect(() => {
    if (!ref.current || typeof IntersectionObserver === "undefined") return;
    return watch(ref.current, () => noteShown("activity.impression", wineId, shown));
  }, [wineId, list, query, position, experiment?.id, experiment?.arm]);
  return ref;
}
