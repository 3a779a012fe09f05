/** Every page, in both themes and three widths: no serious fault of accessibility, no error, nothing cut off. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { fromWeb, openPage, startBrowser, startStore } from "./store.mjs";

let store;
let browser;
let axe;
const wines = [];

before(async () => {
  store = await startStore();
  browser = await startBrowser();
  axe = await readFile(fromWeb.resolve("axe-core/axe.min.js"), "utf8");
  const answer = await (await fetch(`${store.url}/api/v1/wines?limit=5&in_stock=true`)).json();
  wines.push(...answer.items);
});

after(async () => {
  await browser?.close();
  await store?.stop();
});

const ACCOUNT = {
  email: "axe@example.com",
  password: "a long password",
  name: "Axe Moreau",
  birth_date: "1980-01-01",
};

const STRANGER = [
  "/",
  "/wines",
  "/wines?type=Red&country=France",
  "/wines?q=nothing+is+called+this+zzzz",
  "/wines/:wine",
  "/sign-in",
  "/register",
  "/reset-password",
  "/reset-password?token=x",
  "/verify-email?token=x",
  "/unsubscribe?token=x",
  "/about/shipping",
  "/cart",
  "/checkout",
  "/nowhere",
];
const SHOPPER = [
  "/cart",
  "/checkout",
  "/account",
  "/account/profile",
  "/account/addresses",
  "/account/messages",
  "/account/privacy",
  "/orders/:order",
];

async function check(page, path) {
  const size = page.viewportSize();
  await page.goto(store.url + path.replace(":wine", wines[0]?.id));
  await page.getByRole("heading", { level: 1 }).first().waitFor();
  // An order's page never falls silent: it follows the order live.
  if (path.startsWith("/orders/")) await page.locator(".mini-lines svg").first().waitFor();
  else await page.waitForLoadState("networkidle");
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, { resultTypes: ["violations"] }),
  );
  const serious = violations
    .filter((one) => one.impact === "serious" || one.impact === "critical")
    .map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`);
  assert.deepEqual(serious, [], path);
  // The other width is another layout of the same page.
  for (const width of [390, 768, 1440]) {
    await page.setViewportSize({ width, height: 900 });
    const wide = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    assert.ok(wide <= 0, `${path} is wider than a window of ${width} by ${wide}`);
  }
  await page.setViewportSize(size);
}

for (const [theme, width] of [
  ["light", 390],
  ["dark", 1440],
]) {
  describe(`${theme}, ${width} pixels`, () => {
    // The checker itself is a script from outside: only while it runs the policy is put aside.
    const open = () => openPage(browser, { theme, width, bypassCSP: true });

    it("a stranger's pages", async () => {
      const { context, page, faults } = await open();
      for (const path of STRANGER) await check(page, path);
      assert.deepEqual(faults, []);
      await context.close();
    });

    it("a shopper's pages", async () => {
      const { context, page, faults } = await open();
      const api = (method, path, data) =>
        page.request.fetch(`${store.url}/api/v1${path}`, { method, data, headers: { Origin: store.url } });
      const account = { ...ACCOUNT, email: `${theme}-${width}-${ACCOUNT.email}` };
      assert.equal((await api("POST", "/users", account)).status(), 201);
      assert.equal((await api("POST", "/session", account)).status(), 201);
      const address = {
        name: account.name,
        line1: "Gasse 1",
        city: "Wien",
        postal_code: "1010",
        country: "AT",
      };
      await api("POST", "/me/addresses", address);
      await api("PUT", `/cart/items/${wines[1].id}`, { quantity: 1 });
      const ordered = await page.request.post(`${store.url}/api/v1/orders`, {
        data: { shipping_address: address, payment: { method: "test", token: "ok" } },
        headers: { Origin: store.url, "Idempotency-Key": `axe-${theme}-${width}` },
      });
      assert.equal(ordered.status(), 201);
      const { id } = await ordered.json();
      await api("GET", `/orders/${id}?wait=10`);
      await api("PUT", `/cart/items/${wines[2].id}`, { quantity: 2 });
      await page.addInitScript(() => localStorage.setItem("ws.signed-in", "1"));
      for (const path of SHOPPER) await check(page, path.replace(":order", id));
      assert.deepEqual(faults, []);
      await context.close();
    });
  });
}

it("keeps to the content security policy and needs no script to be read", async () => {
  const { context, page, faults } = await openPage(browser);
  for (const path of ["/", "/wines", `/wines/${wines[0].id}`]) {
    const response = await page.goto(store.url + path);
    const policy = response.headers()["content-security-policy"] ?? "";
    assert.match(policy, /script-src 'self'(;|$)/);
    assert.doesNotMatch(policy, /unsafe/);
    await page.getByRole("heading", { level: 1 }).first().waitFor();
  }
  assert.deepEqual(faults, []);
  await context.close();

  const plain = await openPage(browser, { javaScriptEnabled: false });
  await plain.page.goto(`${store.url}/wines/${wines[0].id}`);
  const text = await plain.page.locator("body").innerText();
  assert.ok(text.includes(wines[0].name) && text.includes(wines[0].winery));
  await plain.context.close();
});

it("shows a wine and a list without asking again for what came with the page", async () => {
  const { context, page } = await openPage(browser);
  const asked = [];
  page.on("request", (request) =>
    asked.push(new URL(request.url()).pathname + new URL(request.url()).search),
  );
  await page.goto(`${store.url}/wines/${wines[0].id}`);
  await page.getByRole("button", { name: "Add to basket" }).waitFor();
  await page.goto(`${store.url}/wines?type=Red`);
  await page.getByRole("article").first().waitFor();
  assert.equal(asked.includes(`/api/v1/wines/${wines[0].id}`), false);
  assert.equal(
    asked.some((path) => path.startsWith("/api/v1/wines?type=Red&limit=24") && !path.includes("cursor")),
    false,
  );
  await context.close();
});

it("tells by which search and at which place a wine was seen and chosen", async () => {
  const { context, page, faults } = await openPage(browser);
  const told = [];
  page.on("request", (request) => {
    if (request.method() === "POST" && request.url().endsWith("/api/v1/events"))
      told.push(...JSON.parse(request.postData() ?? '{"events":[]}').events);
  });
  await page.goto(`${store.url}/wines?q=red`);
  await page.getByRole("article").nth(1).getByRole("link").first().click();
  await page.getByRole("button", { name: "Add to basket" }).waitFor();
  for (let i = 0; i < 100 && !told.some((one) => one.type === "activity.viewed"); i++) await page.waitForTimeout(100);
  const of = (type) => told.find((one) => one.type === type);
  assert.deepEqual([of("activity.searched").query, of("activity.searched").results > 1], ["red", true]);
  const { query, position, list, wine_id: chosen } = of("activity.clicked");
  assert.deepEqual({ query, position, list }, { query: "red", position: 2, list: "search" });
  const seen = told.find((one) => one.type === "activity.impression" && one.wine_id === chosen);
  assert.deepEqual([seen.query, seen.position], ["red", 2]);
  assert.equal(of("activity.viewed").wine_id, chosen);
  assert.deepEqual(faults, []);
  await context.close();
});

it("works by keyboard alone: skip link, suggestions, filters, back to the same place", async () => {
  const { context, page, faults } = await openPage(browser);
  await page.goto(store.url);
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Skip to the content");
  await page.getByRole("combobox", { name: "Search wines" }).focus();
  await page.keyboard.type("char");
  await page.getByRole("option").first().waitFor();
  await page.keyboard.press("ArrowDown");
  assert.equal(await page.getByRole("option").first().getAttribute("aria-selected"), "true");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/wines/);

  await page.goto(`${store.url}/wines`);
  const filters = page.getByRole("complementary", { name: "Filters" });
  await filters.getByRole("checkbox", { name: /^White/ }).focus();
  await page.keyboard.press("Space");
  await page.waitForURL(/type=White/);
  await page.getByRole("button", { name: "Remove White" }).waitFor();
  await page.evaluate(() => window.scrollTo(0, 700));
  await page.waitForTimeout(300);
  await page.getByRole("article").nth(5).getByRole("link").focus();
  const from = await page.evaluate(() => window.scrollY);
  await page.waitForTimeout(300);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Add to basket" }).waitFor();
  await page.goBack();
  await page.getByRole("article").nth(5).waitFor();
  await page.waitForFunction((wanted) => Math.abs(window.scrollY - wanted) < 40, from);
  assert.deepEqual(faults, []);
  await context.close();
});
