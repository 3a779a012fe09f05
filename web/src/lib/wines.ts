/** Paths, words and pictures of wines, for every page that shows one. */
import { api } from "../api/client.ts";
import type { Wine } from "../api/types.ts";
import { t } from "../i18n/index.ts";
import { volume } from "./format.ts";
import { peekResource, putResource, useResource, type Resource } from "./resource.ts";

const slug = (text: string): string =>
  text
    .normalize("NFD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");

export const winePath = (wine: { id: string; name: string; winery: string }): string =>
  `/wines/${wine.id}/${slug(`${wine.winery} ${wine.name}`)}`;

export function useWine(id: string, staleMs?: number): Resource<Wine> {
  return useResource(`wine:${id}`, (signal) => api.get<Wine>(`/wines/${id}`, { signal }), staleMs);
}

/** Keeps the wines of a list, so that a page about one of them has something to show at once. */
export function keepWines(wines: readonly Wine[]): void {
  for (const wine of wines) if (!peekResource(`wine:${wine.id}`)) putResource(`wine:${wine.id}`, wine);
}

/** "Clos des Alouettes 2019"; a wine without a vintage by its name alone. */
export const fullName = (wine: { name: string; vintage: number | null }): string =>
  wine.vintage ? `${wine.name} ${wine.vintage}` : wine.name;

/** Where it is from: the appellation, unless the name says that already. */
export function placeLine(wine: Wine): string {
  const told = wine.appellation && wine.name.toLowerCase().includes(wine.appellation.toLowerCase());
  return [(!told && wine.appellation) || wine.region, wine.country].filter(Boolean).join(", ");
}

/** Three words that say how it tastes, the most telling first. */
export function tasteWords(wine: Wine): string[] {
  const word = (scale: "body" | "acidity" | "sweetness" | "tannin") =>
    t.wine.tasteWords[scale]?.[wine[scale] ?? ""] ?? "";
  const order =
    wine.type === "Red"
      ? (["body", "tannin", "acidity", "sweetness"] as const)
      : (["sweetness", "body", "acidity", "tannin"] as const);
  return order.map(word).filter(Boolean).slice(0, 3);
}

/** The size, where it is not the usual bottle. */
export const unusualSize = (ml: number): string => (ml === 750 ? "" : volume(ml));

const LIST_PARAMETERS = [
  "country",
  "grape",
  "in_stock",
  "max_price",
  "min_price",
  "pairing",
  "q",
  "region",
  "sort",
  "type",
  "vintage",
  "winery",
];

export const isListParameter = (name: string): boolean => LIST_PARAMETERS.includes(name);

/** The query of a list as the API takes it: what it doesn't know is left out, the order is always the same. */
export function listQuery(query: URLSearchParams): string {
  const out = new URLSearchParams();
  for (const name of LIST_PARAMETERS)
    for (const value of query.getAll(name)) if (value) out.append(name, value);
  return out.toString();
}

/** The key its answer is kept under. */
export const listKey = (query: URLSearchParams): string => `wines:${listQuery(query)}`;
