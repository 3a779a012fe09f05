/**
 * Keys that work anywhere in the office. Single letters can be turned off (they get in the way of speech input)
 * and never count while something is being typed.
 */
import { signal } from "@preact/signals";
import { recall, remember } from "../lib/storage.ts";

const KEY = "ws.office.keys";
export const keysOn = signal(recall(KEY) !== "off");
export const keysShown = signal(false);

export function turnKeys(on: boolean): void {
  keysOn.value = on;
  remember(KEY, on ? null : "off");
}

export const SEARCH_ID = "office-search";

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(input|select|textarea)$/i.test(target.tagName));

export function startKeys(): void {
  document.addEventListener("keydown", (event) => {
    if (!keysOn.value || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    if (event.key === "/") {
      const search = document.getElementById(SEARCH_ID) as HTMLInputElement | null;
      if (!search) return;
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "?") {
      event.preventDefault();
      keysShown.value = true;
    } else if (event.key === "ArrowDown" && (event.target === document.body || event.target === document.getElementById("main"))) {
      const first = document.querySelector<HTMLElement>(".grid .row-link");
      if (!first) return;
      event.preventDefault();
      first.focus();
    }
  });
}

/** Moves the focus among the rows' links of the table it stands in; above the first row is the search. */
export function rowKeys(event: KeyboardEvent): void {
  const from = (event.target as HTMLElement).closest<HTMLElement>(".row-link");
  if (!from || event.ctrlKey || event.metaKey || event.altKey) return;
  const links = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>(".row-link")];
  const at = links.indexOf(from);
  const moves: Record<string, number> = {
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    PageDown: Math.min(at + 10, links.length - 1),
    PageUp: Math.max(at - 10, 0),
    Home: 0,
    End: links.length - 1,
  };
  const to = moves[event.key];
  if (event.key !== "Escape" && to === undefined) return;
  event.preventDefault();
  const next = to === undefined || to < 0 ? document.getElementById(SEARCH_ID) : links[to];
  next?.focus();
  if (to !== undefined && to >= 0) next?.scrollIntoView({ block: "nearest" });
}
