/**
 * The office's figures: the overview with forecasts, the models, experiments. Full of made-up answers first, since a new store
 * has neither weeks of sales nor sessions by the hundred; then the store's own.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { ADMIN, fromWeb, openPage, startBrowser, startStore } from "./store.mjs";

let store;
let browser;

before(async () => {
  store = await startStore();
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await store?.stop();
});

const DAY = 86_400_000;
const day = (offset) => new Date(Date.now() + offset * DAY).toISOString().slice(0, 10);
const id = (n) => `01J9ZQ4T8M3V5X7Y9A1B2C3${String(n).padStart(3, "0")}`;
const NAMES = [
  "Clos des Alouettes Volnay Premier Cru", "Riesling Kabinett Steinberger", "Barolo Cannubi", "Chenin Les Genêts", "Ribera Crianza",
  "Cava Brut Nature", "Malbec Alta", "Grüner Veltliner Federspiel", "Tawny, ten years", "Rosé des Coteaux",
];

function forecastOf(name, i) {
  const bottles = 24 / (i + 1);
  const error = bottles / 4;
  return {
    wine_id: id(i),
    name,
    available: i === 3 ? 0 : 10 * i + 2,
    state: "made",
    weeks: Array.from({ length: 13 }, (_, week) => Math.round(bottles + Math.sin(week + i) * error)),
    next_7_days: { bottles, low: bottles - error, high: bottles + error },
    next_28_days: { bottles: 4 * bottles, low: 4 * bottles - 2 * error, high: 4 * bottles + 2 * error },
    error,
    naive_error: 1.5 * error,
    error_ratio: 0.67,
    tested_weeks: 8,
    days_left: ((10 * i + 2) * 7) / bottles,
    runs_out: day(12),
  };
}

const nothing = { next_7_days: null, next_28_days: null, error: null, naive_error: null, error_ratio: null, tested_weeks: 0, days_left: null, runs_out: null };
const forecast = [
  ...NAMES.map(forecastOf),
  { ...forecastOf("Brand new", 11), ...nothing, state: "too_short", weeks: [3] },
  { ...forecastOf("Left alone", 12), ...nothing, state: "none_sold", weeks: Array(13).fill(0) },
];
const revenue = Array.from({ length: 30 }, (_, i) => ({ day: day(i - 29), orders: i % 7, amount: (i % 7) * 9000, currency: "EUR" }));
const sum = (of) => revenue.reduce((total, one) => total + of(one), 0);
const BOARD = {
  revenue,
  totals: { orders: sum((one) => one.orders), amount: sum((one) => one.amount), currency: "EUR" },
  previous: { orders: 100, amount: 780000, currency: "EUR" },
  funnel: {
    impressions: 48210, clicks: 3120, views: 1420, carts: 261, orders: 148,
    click_rate: 0.0647, cart_rate: 0.1838, order_rate: 0.567, conversion: 0.1042,
  },
  best_sellers: forecast.slice(0, 8).map((one, i) => ({ wine_id: one.wine_id, name: one.name, bottles: 60 - 6 * i, amount: 90000 - 7000 * i })),
  searches_without_result: [{ query: "orange wine from georgia", count: 3 }],
  searches: [
    { query: "pinot noir", searches: 120, clicks: 84, click_rate: 0.7 },
    { query: "crémant", searches: 9, clicks: 0, click_rate: 0 },
  ],
  low_stock: [
    { wine_id: id(3), name: NAMES[3], available: 0, days_left: 0, days_left_by: "forecast" },
    { wine_id: id(0), name: NAMES[0], available: 2, days_left: 4, days_left_by: "pace" },
  ],
  forecast,
  stuck: [],
};

const MODELS = [4, 3, 1].map((version) => ({
  version,
  current: version === 3,
  trained_at: new Date(Date.now() - (5 - version) * DAY).toISOString(),
  until: new Date(Date.now() - (5 - version) * DAY).toISOString(),
  wines: 1007,
  shoppers: 10012,
  events: 149850,
  linear: true,
  seconds: 0.92,
  quality: version === 1 ? null : { recall: 0.31 + version / 300, ndcg: 0.123, popular_recall: 0.142, popular_ndcg: 0.048 },
}));
const experiment = (n, name, running) => ({
  id: id(n),
  name,
  version_a: 3,
  version_b: 4,
  running,
  started_at: new Date(Date.now() - 5 * DAY).toISOString(),
  ended_at: running ? null : new Date().toISOString(),
});
const RESULT = {
  arms: [
    { arm: "a", version: 3, impressions: 8123, clicks: 402, click_rate: 0.0495, sessions_won: 173 },
    { arm: "b", version: 4, impressions: 8111, clicks: 478, click_rate: 0.0589, sessions_won: 239 },
  ],
  sessions: 443,
  decided: 412,
  leader: "b",
  share: 0.5801,
  interval: { low: 0.5319, high: 0.6268 },
  p_value: 0.00133,
  text: "B won 58 % of 412 sessions decided; 95 % interval 53 to 63 %; p = 0.001",
};

/** The office, with the answers above; `state` may be changed while the page is open. */
async function openOffice(options = {}) {
  const opened = await openPage(browser, { width: 1440, ...options });
  const { page } = opened;
  const signedIn = await page.request.fetch(`${store.url}/api/v1/session`, { method: "POST", data: ADMIN, headers: { Origin: store.url } });
  assert.equal(signedIn.status(), 201);
  const state = { models: { items: MODELS, training: false, error: null }, experiments: [experiment(52, "Trend weight up", false)], asked: [] };
  const json = (route, body, status = 200) =>
    route.fulfill({ status, contentType: status < 400 ? "application/json" : "application/problem+json", body: JSON.stringify(body) });
  await page.route("**/api/v1/admin/analytics/dashboard*", (route) => json(route, BOARD));
  await page.route("**/api/v1/admin/recommendations/**", (route) => {
    const request = route.request();
    const path = new URL(request.url()).pathname.replace("/api/v1/admin/recommendations/", "");
    if (request.method() === "POST") {
      state.asked.push([path, request.postDataJSON()]);
      return state.answer(route, path, request.postDataJSON(), json);
    }
    if (path === "models") return json(route, state.models);
    if (path === "experiments") return json(route, { items: state.experiments });
    const one = state.experiments.find((entry) => path === `experiments/${entry.id}`);
    return one ? json(route, { ...one, result: RESULT }) : json(route, { status: 404, code: "not_found" }, 404);
  });
  return { ...opened, state };
}

const confirm = (page, name) => page.getByRole("dialog").getByRole("button", { name, exact: true }).click();

describe("the overview", () => {
  it("says what is to come, how far off that was, and what was before", async () => {
    const { context, page, faults } = await openOffice();
    await page.goto(`${store.url}/office`);
    const panel = page.getByRole("region", { name: "Demand to come" });
    await panel.waitFor();
    assert.equal(await panel.locator(".ranges li").count(), 8);
    const first = panel.locator(".ranges li").first();
    assert.match(await first.innerText(), /24 bottles\s*18 to 30[\s\S]*2 left, gone today · off by 6 a week \(last week's figure: 9\)/);
    await panel.getByText("28 days").click();
    assert.match(await first.innerText(), /96 bottles\s*84 to 108/);
    await panel.getByText("1 wine is too new for a forecast").waitFor();
    await panel.getByRole("button", { name: "Show all 10" }).click();
    assert.equal(await panel.locator(".ranges li").count(), 10);
    await panel.getByRole("button", { name: "Show as a table" }).click();
    assert.equal(await panel.locator("tbody tr").count(), 10);
    assert.match(await panel.locator("tbody tr").first().innerText(), /Volnay[\s\S]*24 \(18 to 30\)[\s\S]*96 \(84 to 108\)/);
    await page.getByText("€7,800.00 before").waitFor();
    await page.getByText("compared with the 30 days before").waitFor();
    await page.getByText("6.5 % of those shown").waitFor();
    await page.getByText("10 % of those who looked ordered.").waitFor();
    await page.getByText("120 searches · 70 % clicked").waitFor();
    assert.deepEqual(faults, []);
    await context.close();
  });
});

describe("models and experiments", () => {
  it("puts another version to use, asking first", async () => {
    const { context, page, faults, state } = await openOffice();
    state.answer = (route, path, body, json) => {
      const items = MODELS.map((one) => ({ ...one, current: path === `models/${one.version}/use` }));
      state.models = { ...state.models, items };
      return json(route, state.models);
    };
    await page.goto(`${store.url}/office/recommendations`);
    const row = page.getByRole("row", { name: /Version 4/ });
    assert.match(await row.innerText(), /0\.323\s*popular 0\.142/);
    await row.getByRole("button", { name: "Use this one: version 4" }).click();
    await confirm(page, "Use this one");
    await row.getByText("in use", { exact: true }).waitFor();
    assert.deepEqual(state.asked.map(([path]) => path), ["models/4/use"]);
    assert.deepEqual(faults, []);
    await context.close();
  });

  it("starts an experiment, tells what is wrong with it, shows how it stands, and stops it", async () => {
    const { context, page, faults, state } = await openOffice();
    state.answer = (route, path, body, json) => {
      if (path === "experiments" && body.name === "Refused")
        return json(route, { status: 422, code: "invalid_field", errors: [{ field: "version_b", message: "there is no version 4" }] }, 422);
      const made = experiment(51, body?.name ?? "Blend", path === "experiments");
      state.experiments = [made, state.experiments.at(-1)];
      return json(route, made, path === "experiments" ? 201 : 200);
    };
    await page.goto(`${store.url}/office/recommendations`);
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await page.getByText("Give it a name.").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "INPUT");
    await page.getByLabel("Name").fill("Refused");
    await page.getByLabel("Model B").selectOption("3");
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await page.getByText("Choose two different models.").waitFor();
    await page.getByLabel("Model B").selectOption("4");
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await page.getByText("there is no version 4").waitFor();
    await page.getByLabel("Name").fill("Blend");
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await page.getByRole("heading", { name: "Blend" }).waitFor();
    await page.getByText("B is better").waitFor();
    await page.getByText("B won 58 % of 412 sessions decided; 95 % interval 53 to 63 %; p = 0.001.").waitFor();
    await page.getByRole("img", { name: /B's share of the sessions decided: 58 %, with 95 % confidence between 53 % and 63 %/ }).waitFor();
    await page.getByRole("row", { name: /B: version 4/ }).getByText("5.9 %").waitFor();
    await page.getByRole("button", { name: "Stop it" }).click();
    await confirm(page, "Stop it");
    await page.getByRole("heading", { name: "Start an experiment" }).waitFor();
    await page.locator(".past summary", { hasText: "Blend" }).click();
    await page.getByText("443 sessions with a click, 412 decided").waitFor();
    assert.deepEqual(
      state.asked.map(([path]) => path),
      ["experiments", "experiments", `experiments/${id(51)}/stop`],
    );
    assert.deepEqual(state.asked[1][1], { name: "Blend", version_a: 3, version_b: 4 });
    assert.deepEqual(faults, []);
    await context.close();
  });
});

describe("with the store's own answers", () => {
  it("trains, lets two models compete, and goes back", { timeout: 90_000 }, async () => {
    const { context, page, faults } = await openPage(browser, { width: 1440 });
    const ask = async (method, path, data) => {
      const answer = await page.request.fetch(`${store.url}/api/v1${path}`, { method, data, headers: { Origin: store.url } });
      assert.ok(answer.ok(), `${path}: ${await answer.text()}`);
      return answer.json();
    };
    const until = async (test) => {
      for (const end = Date.now() + 30_000; !(await test()); ) {
        if (Date.now() > end) throw new Error("waited too long");
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    await ask("POST", "/session", ADMIN);
    const wines = (await ask("GET", "/wines?limit=5")).items;
    await ask("POST", "/events", { events: wines.map((wine) => ({ type: "activity.viewed", wine_id: wine.id })) });
    await until(async () => (await ask("GET", "/admin/analytics/dashboard")).funnel.views === 1);

    await page.goto(`${store.url}/office`);
    await page.getByText("No forecast yet").waitFor();
    await page.getByRole("link", { name: "Models" }).click();
    await page.getByText("No model is trained yet").waitFor();
    await page.getByText("It takes two models").waitFor();
    for (const version of [1, 2]) {
      await page.getByRole("button", { name: "Train now" }).click();
      await confirm(page, "Train now");
      await page.getByRole("row", { name: new RegExp(`Version ${version}.*in use`) }).waitFor();
      await page.getByText(/5 events of 1 shopper, \d+ wines/).first().waitFor();
    }
    await page.getByLabel("Name").fill("The same twice");
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await page.getByText("No session is decided yet.").waitFor();
    await page.getByRole("row", { name: /Version 1.*competing/ }).waitFor();

    // What is seen in the shop and clicked there counts for whose wine it was.
    const [{ id: running }] = (await ask("GET", "/admin/recommendations/experiments")).items;
    const shown = () => ask("GET", "/recommendations").then((list) => list.items.filter((item) => item.experiment?.id === running));
    await until(async () => (await shown()).length > 0);
    const [first] = await shown();
    await page.goto(store.url);
    const link = page.getByRole("link", { name: first.wine.name }).first();
    await link.scrollIntoViewIfNeeded();
    await page.waitForTimeout(500); // to be seen is to be seen for a moment
    await link.click();
    await page.waitForURL(/\/wines\//);
    await page.goto(`${store.url}/office/recommendations`);
    await until(async () => {
      const { result } = await ask("GET", `/admin/recommendations/experiments/${running}`);
      return result.arms.some((arm) => arm.arm === first.experiment.arm && arm.impressions > 0 && arm.clicks === 1 && arm.sessions_won === 1);
    });
    await page.reload();
    await page.getByText(/won 100\s% of 1 session decided; 95\s% interval 21 to 100\s%; p = 1.000/).waitFor();
    await page.getByRole("button", { name: "Stop it" }).click();
    await confirm(page, "Stop it");
    await page.getByRole("heading", { name: "Start an experiment" }).waitFor();
    await page.getByRole("button", { name: "Use this one: version 1" }).click();
    await confirm(page, "Use this one");
    await page.getByRole("row", { name: /Version 1.*in use/ }).waitFor();
    assert.deepEqual(faults, []);
    await context.close();
  });
});

describe("all of it can be read by everybody", () => {
  for (const theme of ["light", "dark"]) {
    for (const width of [390, 1440]) {
      it(`${theme}, ${width} pixels`, async () => {
        const axe = await readFile(fromWeb.resolve("axe-core/axe.min.js"), "utf8");
        const { context, page, faults, state } = await openOffice({ theme, width, bypassCSP: true });
        const check = async (what) => {
          await page.evaluate(axe);
          const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
          const found = violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
          assert.deepEqual(found, [], what);
          const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
          assert.ok(wide <= 0, `${what} is wider than the window by ${wide}`);
        };
        await page.goto(`${store.url}/office`);
        await page.locator(".ranges").waitFor();
        await check("the overview");
        for (const _ of ["revenue", "forecast"]) await page.getByRole("button", { name: "Show as a table" }).first().click();
        await check("the overview as tables");
        await page.goto(`${store.url}/office/recommendations`);
        await page.getByRole("heading", { name: "Start an experiment" }).waitFor();
        await page.getByRole("button", { name: "Start", exact: true }).click();
        await check("the form");
        state.experiments = [experiment(51, "Blend against the linear model alone, with a long name", true), ...state.experiments];
        await page.reload();
        await page.locator(".duel").waitFor();
        await page.locator(".past summary").click();
        await page.locator(".duel").nth(1).waitFor();
        await check("an experiment");
        state.models = { items: [], training: true, error: "the warehouse is away" };
        state.experiments = [];
        await page.reload();
        await page.getByText("No model is trained yet").waitFor();
        await check("no models");
        assert.deepEqual(faults, []);
        await context.close();
      });
    }
  }
});
