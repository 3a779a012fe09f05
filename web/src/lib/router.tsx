/**
 * A small history router. `location` is a signal; links are plain anchors caught at the document, so that
 * the server's own markup works too. Scroll positions are kept per history entry and put back when the page
 * has grown tall enough again.
 */
import { signal } from "@preact/signals";

export interface Place {
  path: string;
  query: URLSearchParams;
  /** Changes with every navigation, also to the same address. */
  key: string;
  /** How we came here: "pop" keeps the scroll, "push" goes to the top, "replace" stays. */
  by: "load" | "push" | "replace" | "pop";
}

const SCROLL_KEY = "ws.scroll";

function here(by: Place["by"]): Place {
  const state = history.state as { key?: string } | null;
  return {
    path: decodeURI(window.location.pathname),
    query: new URLSearchParams(window.location.search),
    key: state?.key ?? "first",
    by,
  };
}

export const place = signal<Place>(here("load"));

function scrolls(): Record<string, number> {
  try {
    return JSON.parse(sessionStorage.getItem(SCROLL_KEY) ?? "{}") as Record<string, number>;
  } catch {
    return {};
  }
}

function keepScroll(): void {
  const all = scrolls();
  all[place.value.key] = Math.round(window.scrollY);
  const entries = Object.entries(all).slice(-60);
  try {
    sessionStorage.setItem(SCROLL_KEY, JSON.stringify(Object.fromEntries(entries)));
  } catch {
    // Without storage a page begins at its top again.
  }
}

/** Waits, for a second and a half at most, until the page is tall enough for the old position. */
function returnScroll(key: string): void {
  const wanted = scrolls()[key] ?? 0;
  const until = performance.now() + 1500;
  const attempt = () => {
    if (place.value.key !== key) return;
    const room = document.documentElement.scrollHeight - window.innerHeight;
    if (room >= wanted || performance.now() > until) window.scrollTo(0, Math.min(wanted, Math.max(room, 0)));
    else requestAnimationFrame(attempt);
  };
  requestAnimationFrame(attempt);
}

export function navigate(to: string, options: { replace?: boolean; stay?: boolean } = {}): void {
  const url = new URL(to, window.location.href);
  if (url.origin !== window.location.origin) {
    window.location.assign(url.href);
    return;
  }
  const address = url.pathname + url.search + url.hash;
  const key = options.replace ? place.value.key : Math.random().toString(36).slice(2, 10);
  if (options.replace) history.replaceState({ key }, "", address);
  else {
    keepScroll();
    history.pushState({ key }, "", address);
  }
  place.value = here(options.replace ? "replace" : "push");
  if (url.hash) {
    requestAnimationFrame(() => document.getElementById(url.hash.slice(1))?.scrollIntoView());
  } else if (!options.replace && !options.stay) window.scrollTo(0, 0);
}

/** The shop and the office are two applications: a link from one to the other asks the server. */
let ours = (path: string): boolean => !/^\/(api|office)(\/|$)/.test(path);

function onClick(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  // An anchor of HTML or of SVG: the map's countries are links too.
  const link = (event.target as Element | null)?.closest?.("a[href]");
  const href = link?.getAttribute("href");
  if (!link || !href || link.hasAttribute("target") || link.hasAttribute("download")) return;
  const url = new URL(href, window.location.href);
  if (url.origin !== window.location.origin || !ours(url.pathname)) return;
  // A jump within the page stays the browser's own.
  if (url.hash && url.pathname === window.location.pathname && url.search === window.location.search) return;
  event.preventDefault();
  navigate(url.href);
}

/** `own` says which paths this application answers itself. */
export function startRouter(own = ours): void {
  ours = own;
  history.scrollRestoration = "manual";
  if (!(history.state as { key?: string } | null)?.key) {
    history.replaceState({ key: Math.random().toString(36).slice(2, 10) }, "");
  }
  place.value = here("load");
  document.addEventListener("click", onClick);
  window.addEventListener("popstate", () => {
    place.value = here("pop");
    returnScroll(place.value.key);
  });
  window.addEventListener("pagehide", keepScroll);
  let waiting = 0;
  window.addEventListener(
    "scroll",
    () => {
      if (!waiting) waiting = window.setTimeout(() => ((waiting = 0), keepScroll()), 150);
    },
    { passive: true },
  );
  const entry = performance.getEntriesByType?.("navigation")[0] as PerformanceNavigationTiming | undefined;
  if (entry && entry.type !== "navigate") returnScroll(place.value.key);
}

/** `/wines/:id` against a path: the named parts, or null. A trailing `*` takes the rest. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const want = pattern.split("/").filter(Boolean);
  const have = path.split("/").filter(Boolean);
  const params: Record<string, string> = {};
  for (const [i, part] of want.entries()) {
    if (part === "*") return params;
    const value = have[i];
    if (value === undefined) return null;
    if (part.startsWith(":")) params[part.slice(1)] = value;
    else if (part !== value) return null;
  }
  return have.length === want.length ? params : null;
}
