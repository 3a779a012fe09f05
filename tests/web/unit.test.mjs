/** The page's own reasoning, without a browser: compiled from its source by what compiles the page. */
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, it } from "node:test";
import { pathToFileURL } from "node:url";
import { fromWeb, ROOT } from "./store.mjs";

// Node 18 has it, but not where browsers do.
globalThis.crypto ??= webcrypto;

let folder;
let page;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "winestore-unit-"));
  const outfile = join(folder, "page.mjs");
  // Vite brings esbuild along.
  const { build } = await import(pathToFileURL(fromWeb.resolve("esbuild")).href);
  const source = (name) => JSON.stringify(join(ROOT, "web", "src", name));
  await build({
    stdin: {
      contents: `
        export * from ${source("bottle/fit.ts")};
        export * from ${source("bottle/looks.ts")};
        export { outline, SHAPES } from ${source("bottle/shapes.ts")};
        export { ageOf, fieldErrors, looksLikeEmail, randomKey } from ${source("lib/form.ts")};
        export { addressLines } from ${source("lib/format.ts")};
        export { queryString, ApiProblem } from ${source("api/client.ts")};`,
      resolveDir: ROOT,
      loader: "ts",
    },
    bundle: true,
    format: "esm",
    platform: "neutral",
    outfile,
    logLevel: "error",
  });
  page = await import(pathToFileURL(outfile).href);
});

after(() => rm(folder, { recursive: true, force: true }));

const WINE = {
  name: "Clos des Alouettes",
  winery: "Domaine Vaucher-Lenoir",
  type: "Red",
  country: "France",
  region: "Burgundy",
  grapes: ["Pinot Noir"],
  vintage: 2019,
  bottle_ml: 750,
};

it("gives the same wine the same bottle, and a house its label over the years", () => {
  const look = page.lookOf(WINE);
  assert.deepEqual(page.lookOf({ ...WINE }), look);
  const other = page.lookOf({ ...WINE, vintage: 2021, name: "Les Perdrix" });
  assert.equal(other.label, look.label);
  assert.deepEqual(other.colours, look.colours);
});

it("chooses the shape by type and grape", () => {
  const shape = (changes) => page.lookOf({ ...WINE, ...changes }).shape.name;
  assert.equal(shape({}), "burgundy");
  assert.equal(shape({ grapes: ["Merlot"], region: "Bordeaux" }), "bordeaux");
  assert.equal(shape({ type: "White", grapes: ["Riesling"], region: "Mosel" }), "flute");
  assert.equal(shape({ type: "Sparkling" }), "sparkling");
  assert.equal(shape({ type: "Fortified" }), "port");
});

it("draws closed outlines without a hole in their numbers", () => {
  for (const shape of Object.values(page.SHAPES)) {
    const d = page.outline(shape);
    assert.match(d, /^M[\d. ]+.*Z$/);
    assert.doesNotMatch(d, /NaN|undefined/);
  }
});

it("fits words into a label", () => {
  const box = { width: 60, height: 30, max: 14, min: 5, lines: 3 };
  for (const text of [
    "Rosso",
    "Saint-Émilion Grand Cru Classé",
    "Trockenbeerenauslese",
    "a b c d e f g h i j k",
  ]) {
    const { lines, size } = page.fit(text, box);
    assert.ok(size <= box.max && size >= box.min);
    assert.ok(lines.length <= box.lines);
    for (const line of lines) assert.ok(page.measure(line) * size <= box.width + 0.01, line);
  }
  assert.equal(page.measure("é"), page.measure("e"));
});

it("counts years of age to the day", () => {
  const today = new Date(2026, 2, 3);
  assert.equal(page.ageOf("2008-03-03", today), 18);
  assert.equal(page.ageOf("2008-03-04", today), 17);
  assert.equal(page.ageOf("2004-02-29", today), 22);
  assert.ok(Number.isNaN(page.ageOf("2026-02-30", today)));
  assert.ok(Number.isNaN(page.ageOf("yesterday", today)));
});

it("puts the server's field errors beside the fields", () => {
  const problem = new page.ApiProblem(422, {
    code: "invalid_field",
    errors: [{ field: "shipping_address.city", message: "is too long" }],
  });
  assert.deepEqual(page.fieldErrors(problem), { city: "Is too long" });
  assert.equal(problem.code, "invalid_field");
});

it("writes queries the API understands", () => {
  assert.equal(
    page.queryString({ type: ["Red", "White"], q: "", in_stock: false, limit: 24 }),
    "?type=Red&type=White&limit=24",
  );
  assert.equal(page.queryString({}), "");
});

it("writes addresses as each country does", () => {
  const address = {
    name: "Ada",
    line1: "1 Ferry Building",
    city: "San Francisco",
    region: "CA",
    postal_code: "94111",
    country: "US",
  };
  assert.ok(page.addressLines(address).includes("San Francisco, CA 94111"));
  assert.ok(
    page
      .addressLines({ ...address, city: "Wien", region: null, postal_code: "1010", country: "AT" })
      .includes("1010 Wien"),
  );
});

it("makes keys that differ", () => {
  const keys = new Set(Array.from({ length: 100 }, () => page.randomKey()));
  assert.equal(keys.size, 100);
});
