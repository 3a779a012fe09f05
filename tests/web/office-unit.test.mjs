/** The office's own reasoning, without a browser: what a form becomes, and where a chart's lines stand. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { fromWeb, ROOT } from "./store.mjs";

let folder;
let office;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "winestore-unit-"));
  const outfile = join(folder, "office.mjs");
  // Vite brings esbuild along.
  const { build } = await import(pathToFileURL(fromWeb.resolve("esbuild")).href);
  const source = (name) => JSON.stringify(join(ROOT, "web", "src", "office", name));
  await build({
    stdin: { contents: ["chart.ts", "draft.ts", "forecast.ts"].map((name) => `export * from ${source(name)};`).join(""), resolveDir: join(ROOT, "web"), loader: "ts" },
    bundle: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    outfile,
    logLevel: "error",
  });
  office = await import(pathToFileURL(outfile).href);
});

after(() => rm(folder, { recursive: true, force: true }));

const WINE = {
  id: "01J9ZQ4T8M3V5X7Y9A1B2C3D4E",
  group_id: "01J9ZQ4T8M3V5X7Y9A1B2C3D4D",
  sku: "demo-0042-2019",
  name: "Clos des Alouettes",
  winery: "Domaine Vaucher-Lenoir",
  type: "Red",
  country: "France",
  region: "Bourgogne",
  subregion: null,
  appellation: "Volnay Premier Cru",
  grapes: ["Pinot Noir", "Gamay"],
  grape_shares: [{ name: "Pinot Noir", percent: 90 }],
  pairings: ["Duck", "Soft cheese"],
  vintage: 2019,
  bottle_ml: 750,
  abv: 13.5,
  body: "medium",
  notes: null,
  organic: true,
  price: { amount: 6405, currency: "EUR" },
};

describe("a wine's draft", () => {
  it("becomes again what it was made from", () => {
    const body = office.bodyOf(office.draftOf(WINE), false);
    for (const name of ["sku", "name", "grapes", "grape_shares", "pairings", "vintage", "abv", "price", "organic", "group_id", "subregion", "notes"]) {
      assert.deepEqual(body[name], WINE[name], name);
    }
    assert.equal("stock" in body, false);
    assert.equal(office.differences(office.draftOf(WINE), office.draftOf(WINE)), 0);
  });

  it("takes money to the last unit, with a point or a comma, and knows currencies without decimals", () => {
    const priced = (price, currency) => {
      const draft = office.draftOf(WINE);
      Object.assign(draft.texts, { price, currency });
      return office.bodyOf(draft, false).price;
    };
    assert.deepEqual(priced("64.05", "EUR"), { amount: 6405, currency: "EUR" });
    assert.deepEqual(priced("0,29", "EUR"), { amount: 29, currency: "EUR" });
    assert.deepEqual(priced("1.1", "EUR"), { amount: 110, currency: "EUR" });
    assert.deepEqual(priced("4500", "JPY"), { amount: 4500, currency: "JPY" });
    assert.equal(office.draftOf({ ...WINE, price: { amount: 4500, currency: "JPY" } }).texts.price, "4500");
  });

  it("names every field that is wrong", () => {
    const draft = office.draftOf(WINE);
    Object.assign(draft.texts, { name: " ", price: "two", vintage: "19.5", bottle_ml: "5", abv: "99", drink_from: "2030", drink_until: "2020", stock: "-1" });
    draft.grapes = [
      { name: "Pinot Noir", percent: "80" },
      { name: "Gamay", percent: "40" },
    ];
    assert.deepEqual(Object.keys(office.checkDraft(draft)).sort(), ["abv", "bottle_ml", "drink_until", "grapes", "name", "price", "stock", "vintage"]);
    assert.deepEqual(office.checkDraft(office.draftOf(WINE)), {});
  });

  it("reads numbers and nothing else", () => {
    for (const text of ["two", "", "1e3", "1,000.5", "0x10", "Infinity", "1 2"]) assert.ok(Number.isNaN(office.numberOf(text)), text);
    for (const [text, value] of [["7", 7], [" 12,5 ", 12.5], ["-3", -3], [".5", 0.5]]) assert.equal(office.numberOf(text), value);
  });

  it("puts the server's errors beside the right inputs", () => {
    const errors = office.draftErrors([
      { field: "price.amount", message: "must not be negative" },
      { field: "price.currency", message: "must be EUR" },
      { field: "grape_shares[1].percent", message: "must be at most 100" },
      { field: "name", message: "is missing" },
    ]);
    assert.deepEqual(errors, { price: "Must not be negative", currency: "Must be EUR", grapes: "Must be at most 100", name: "Is missing" });
  });

  it("starts another vintage without what is one bottle's own", () => {
    const draft = office.draftLike(WINE);
    assert.deepEqual([draft.texts.vintage, draft.texts.sku, draft.group_id, draft.texts.name], ["", "", WINE.group_id, WINE.name]);
  });
});

describe("the chart", () => {
  const days = (number) =>
    Array.from({ length: number }, (_, i) => ({ day: new Date(Date.UTC(2026, 0, 1 + i)).toISOString().slice(0, 10), orders: 1, amount: 100 + i, currency: "EUR" }));

  it("has a bar per day, per week for long spans, and loses nothing", () => {
    assert.equal(office.barsOf(days(90)).length, 90);
    const bars = office.barsOf(days(364));
    assert.equal(bars.length, 52);
    assert.ok(bars.every((bar) => bar.days === 7));
    const sum = (list) => list.reduce((total, one) => total + one.amount, 0);
    assert.equal(sum(bars), sum(days(364)));
    assert.deepEqual(office.barsOf([]), []);
  });

  it("has round lines from 0 to above the highest bar", () => {
    for (const highest of [0.01, 0.7, 1, 3, 9.99, 10, 47, 99, 1234, 5e6]) {
      const ticks = office.ticksFor(highest);
      assert.equal(ticks[0], 0);
      assert.ok(ticks[ticks.length - 1] >= highest, String(highest));
      assert.ok(ticks.length >= 3 && ticks.length <= 7, `${highest}: ${ticks}`);
      const step = ticks[1];
      assert.ok([1, 2, 5].includes(Math.round(step / 10 ** Math.floor(Math.log10(step) + 1e-9))), `${highest}: ${step}`);
    }
    assert.deepEqual(office.ticksFor(0), [0, 1]);
  });
});

describe("the forecast", () => {
  const made = (name, bottles, error, available) => ({
    wine_id: name,
    name,
    available,
    state: "made",
    weeks: [],
    next_7_days: { bottles, low: Math.max(0, bottles - error), high: bottles + error },
    next_28_days: { bottles: 4 * bottles, low: Math.max(0, 4 * bottles - 2 * error), high: 4 * bottles + 2 * error },
    error,
    naive_error: 2 * error,
  });
  const short = { ...made("new", 0, 0, 3), state: "too_short", next_7_days: null, next_28_days: null };

  it("lists what a forecast was made for, most bottles first", () => {
    const list = [made("few", 1, 1, 5), short, made("many", 9, 2, 30)];
    assert.deepEqual(office.rowsOf(list, 7).map(({ one }) => one.name), ["many", "few"]);
    assert.deepEqual(office.rowsOf(list, 28).map(({ expected }) => expected.bottles), [36, 4]);
    assert.deepEqual(office.rowsOf([short], 7), []);
    assert.deepEqual(office.errorsOf(office.rowsOf(list, 7)), { error: 1.5, naive: 3 });
    assert.deepEqual(office.errorsOf([]), { error: 0, naive: 0 });
  });

  it("keeps bar, range and stock on the line", () => {
    const [row] = office.rowsOf([made("wine", 6, 2, 4)], 7);
    assert.deepEqual(office.placesOf(row, 8), { bar: 75, from: 50, width: 50, stock: 50 });
    const [rich] = office.rowsOf([made("wine", 6, 20, 400)], 7);
    assert.deepEqual(office.placesOf(rich, 26), { bar: (6 / 26) * 100, from: 0, width: 100, stock: undefined });
  });

  it("says few bottles with a decimal and many without", () => {
    assert.deepEqual([0.25, 3, 9.94, 9.96, 1234.4].map((n) => office.bottlesText(n, "en")), ["0.3", "3", "9.9", "10", "1,234"]);
  });

  it("compares with what was before, if anything was", () => {
    assert.deepEqual(office.changeOf(120, 100), { percent: 20, up: true });
    assert.deepEqual(office.changeOf(75, 100), { percent: -25, up: false });
    assert.deepEqual(office.changeOf(5, 0), { percent: undefined, up: true });
    assert.deepEqual(office.changeOf(0, 0), { percent: undefined, up: false });
  });
});
