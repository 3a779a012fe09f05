import type { WineList } from "../api/types.ts";
import { putResource } from "./resource.ts";
import { keepWines, listKey } from "./wines.ts";

/**
 * The gateway puts the API's answer for the page beside its markup, so that the first render needs no
 * request. Each page looks for it under its own key: the path and query it would have asked for.
 */
export function seedInitialData(): void {
  const element = document.getElementById("initial-data");
  if (!element?.textContent) return;
  try {
    const data: unknown = JSON.parse(element.textContent);
    const path = window.location.pathname;
    const wine = /^\/wines\/([^/]+)/.exec(path);
    if (wine) putResource(`wine:${wine[1]}`, data);
    else if (path === "/wines") {
      const list = data as WineList;
      keepWines(list.items);
      putResource(listKey(new URLSearchParams(window.location.search)), { ...list, pages: 1 });
    }
  } catch {
    // The page asks for itself then.
  }
}
