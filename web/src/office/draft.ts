/**
 * What is being written about a wine: every field as the text that stands in its input, so that half a number
 * survives too. Drafts are kept by wine until they are saved or discarded, also when the page is left.
 */
import { signal } from "@preact/signals";
import type { WineType } from "../api/types.ts";
import { o } from "../i18n/office.ts";
import type { Errors } from "../lib/form.ts";
import { minorUnits } from "../lib/format.ts";
import type { AdminWine } from "./types.ts";

export interface GrapeDraft {
  name: string;
  percent: string;
}

const TEXTS = [
  "name",
  "winery",
  "type",
  "vintage",
  "bottle_ml",
  "price",
  "currency",
  "stock",
  "sku",
  "elaborate",
  "country",
  "region",
  "subregion",
  "appellation",
  "body",
  "acidity",
  "sweetness",
  "tannin",
  "notes",
  "drink_from",
  "drink_until",
  "pairings",
  "abv",
  "ingredients",
  "energy_kj",
  "energy_kcal",
  "sugar_g_l",
  "website",
] as const;
export type TextField = (typeof TEXTS)[number];

export interface Draft {
  texts: Record<TextField, string>;
  grapes: GrapeDraft[];
  organic: boolean;
  /** Another vintage or size of that wine. */
  group_id: string | null;
}

/** By wine, or by what a new one starts from. */
const kept = signal<ReadonlyMap<string, Draft>>(new Map());

export const keptDraft = (slot: string): Draft | undefined => kept.value.get(slot);
export const hasDraft = (slot: string): boolean => kept.value.has(slot);

export function keepDraft(slot: string, draft: Draft | null): void {
  const next = new Map(kept.value);
  if (draft) next.set(slot, draft);
  else next.delete(slot);
  kept.value = next;
}

export const somethingUnsaved = (): boolean => kept.value.size > 0;

const plain = (amount: number, currency: string): string => {
  const units = minorUnits(currency);
  return (amount / units).toFixed(Math.round(Math.log10(units)));
};

export function emptyDraft(currency = "EUR"): Draft {
  const texts = Object.fromEntries(TEXTS.map((name) => [name, ""])) as Draft["texts"];
  Object.assign(texts, { type: "Red", bottle_ml: "750", currency });
  return { texts, grapes: [{ name: "", percent: "" }], organic: false, group_id: null };
}

export function draftOf(wine: AdminWine): Draft {
  const texts = emptyDraft().texts;
  for (const name of TEXTS) {
    const value = (wine as unknown as Record<string, unknown>)[name];
    texts[name] = value === null || value === undefined ? "" : String(value);
  }
  texts.price = plain(wine.price.amount, wine.price.currency);
  texts.currency = wine.price.currency;
  texts.pairings = wine.pairings.join(", ");
  texts.stock = "";
  const share = new Map(wine.grape_shares.map((one) => [one.name, String(one.percent)]));
  const grapes = wine.grapes.map((name) => ({ name, percent: share.get(name) ?? "" }));
  return { texts, grapes: grapes.length ? grapes : [{ name: "", percent: "" }], organic: wine.organic, group_id: wine.group_id };
}

/** The start of another vintage or size of a wine: its texts, without what is one bottle's own. */
export function draftLike(wine: AdminWine): Draft {
  const draft = draftOf(wine);
  Object.assign(draft.texts, { vintage: "", sku: "", stock: "" });
  return draft;
}

/** How many fields differ. */
export function differences(a: Draft, b: Draft): number {
  const texts = TEXTS.filter((name) => a.texts[name] !== b.texts[name]).length;
  const grapes = JSON.stringify(a.grapes) === JSON.stringify(b.grapes) ? 0 : 1;
  return texts + grapes + (a.organic === b.organic ? 0 : 1);
}

/** Which numbers a field takes: lowest, highest, and whether whole. */
const NUMBERS: Partial<Record<TextField, [number, number, boolean]>> = {
  vintage: [1800, 2100, true],
  bottle_ml: [50, 30_000, true],
  price: [0, 1_000_000, false],
  stock: [0, 1_000_000, true],
  drink_from: [1800, 2200, true],
  drink_until: [1800, 2200, true],
  abv: [0, 25, false],
  energy_kj: [0, 100_000, true],
  energy_kcal: [0, 100_000, true],
  sugar_g_l: [0, 1000, false],
};
const REQUIRED: readonly TextField[] = ["name", "winery", "type", "country", "region", "bottle_ml", "abv", "price"];

/** A decimal with a point or a comma; NaN for anything else. */
export function numberOf(text: string): number {
  const clean = text.trim().replace(",", ".");
  return /^[+-]?(\d+\.?\d*|\.\d+)$/.test(clean) ? Number(clean) : Number.NaN;
}

export function checkDraft({ texts, grapes }: Draft): Errors {
  const errors: Errors = {};
  for (const name of TEXTS) {
    const limits = NUMBERS[name];
    if (!texts[name].trim()) {
      if (REQUIRED.includes(name)) errors[name] = o.wine.required;
    } else if (limits) {
      const [low, high, whole] = limits;
      const value = numberOf(texts[name]);
      if (Number.isNaN(value)) errors[name] = o.wine.number;
      else if (whole && !Number.isInteger(value)) errors[name] = o.wine.whole;
      else if (value < low || value > high) errors[name] = o.wine.between(String(low), String(high));
    }
  }
  if (!errors.drink_from && !errors.drink_until && texts.drink_from && texts.drink_until) {
    if (numberOf(texts.drink_until) < numberOf(texts.drink_from)) errors.drink_until = o.wine.window;
  }
  const shares = grapes.map((grape) => (grape.name.trim() && grape.percent.trim() ? numberOf(grape.percent) : 0));
  if (shares.some(Number.isNaN)) errors.grapes = o.wine.number;
  else if (shares.reduce((sum, share) => sum + share, 0) > 100.5) errors.grapes = o.wine.shares;
  return errors;
}

const NULLABLE_TEXTS = ["subregion", "appellation", "elaborate", "body", "acidity", "sweetness", "tannin", "notes", "ingredients", "website"] as const;
const NULLABLE_NUMBERS = ["vintage", "drink_from", "drink_until", "energy_kj", "energy_kcal", "sugar_g_l"] as const;

/** The body for the server; the draft has passed `checkDraft`. */
export function bodyOf(draft: Draft, adding: boolean): Record<string, unknown> {
  const { texts } = draft;
  const currency = texts.currency.trim().toUpperCase();
  const grapes = draft.grapes.map((one) => ({ name: one.name.trim(), percent: one.percent.trim() })).filter((one) => one.name);
  const body: Record<string, unknown> = {
    name: texts.name.trim(),
    winery: texts.winery.trim(),
    type: texts.type,
    country: texts.country.trim(),
    region: texts.region.trim(),
    bottle_ml: numberOf(texts.bottle_ml),
    abv: numberOf(texts.abv),
    price: { amount: Math.round(numberOf(texts.price) * minorUnits(currency)), currency },
    organic: draft.organic,
    grapes: grapes.map((one) => one.name),
    grape_shares: grapes.filter((one) => one.percent).map((one) => ({ name: one.name, percent: numberOf(one.percent) })),
    pairings: texts.pairings.split(",").map((one) => one.trim()).filter(Boolean),
  };
  for (const name of NULLABLE_TEXTS) body[name] = texts[name].trim() || null;
  for (const name of NULLABLE_NUMBERS) body[name] = texts[name].trim() ? numberOf(texts[name]) : null;
  if (texts.sku.trim()) body.sku = texts.sku.trim();
  if (draft.group_id) body.group_id = draft.group_id;
  if (adding) body.stock = texts.stock.trim() ? numberOf(texts.stock) : 0;
  return body;
}

/** What the drawn bottle needs, from what has been written so far. */
export function sketchOf(draft: Draft) {
  const { texts } = draft;
  return {
    name: texts.name || o.wine.fields.name || "",
    winery: texts.winery || o.wine.fields.winery || "",
    type: texts.type as WineType,
    country: texts.country,
    region: texts.region,
    appellation: texts.appellation || null,
    grapes: draft.grapes.map((one) => one.name).filter(Boolean),
    vintage: Number.isInteger(numberOf(texts.vintage)) ? numberOf(texts.vintage) : null,
    bottle_ml: numberOf(texts.bottle_ml) || 750,
    sweetness: texts.sweetness || null,
  };
}

/** The server's field errors beside the inputs they belong to: `price.amount` is the price's. */
export function draftErrors(errors: ReadonlyArray<{ field: string; message: string }>): Errors {
  const found: Errors = {};
  for (const { field, message } of errors) {
    const root = /^[a-z_]+/.exec(field)?.[0] ?? field;
    const name = field === "price.currency" ? "currency" : root === "grape_shares" ? "grapes" : root;
    found[name] ??= message.charAt(0).toUpperCase() + message.slice(1);
  }
  return found;
}
