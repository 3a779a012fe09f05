/** The rows that the store suggests: for the shopper, with the basket, to buy again. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { fromWeb, openPage, startBrowser, startStore } from "./store.mjs";

let store;
let browser;
let axe;
let liked, ordered, carted;

before(async () => {
  store = await startStore();
  browser = await startBrowser();
  axe = await readFile(fromWeb.resolve("axe-core/axe.min.js"), "utf8");
  const list = await (await fetch(`${store.url}/api/v1/wines?type=Red&in_stock=true&limit=30`)).json();
  const plenty = list.items.filter((wine) => wine.available > 20);
  [liked, ordered, carted] = plenty;
});

after(async () => {
  await browser?.close();
  await store?.stop();
});

/** A new shopper who liked one wine, ordered another and has a third in the basket. */
async function openShopper(name, size) {
  const { context, page, faults } = await openPage(browser, size);
  const api = async (method, path, data, headers = {}) => {
    const answer = await page.request.fetch(`${store.url}/api/v1${path}`, {
      method,
      data,
      headers: { Origin: store.url, ...headers },
    });
    assert.ok(answer.ok(), `${method} ${path}: ${answer.status()} ${await answer.text()}`);
    return answer.status() === 204 ? undefined : answer.json();
  };
  const account = {
    email: `${name}@example.com`,
    password: "correct horse battery",
    name: "Ada Moreau",
    birth_date: "1988-04-12",
  };
  await api("POST", "/users", account);
  await api("POST", "/session", account);
  await api("POST", `/wines/${liked.id}/ratings`, { stars: 5 });
  await api("PUT", `/cart/items/${ordered.id}`, { quantity: 1 });
  const address = { name: "Ada", line1: "Gasse 1", city: "Wien", postal_code: "1010", country: "AT" };
  const order = { shipping_address: address, payment: { method: "test", token: "ok" } };
  const { id } = await api("POST", "/orders", order, { "Idempotency-Key": `rows-${name}` });
  await api("GET", `/orders/${id}?wait=10`);
  await api("PUT", `/cart/items/${carted.id}`, { quantity: 1 });
  for (const list of ["basket", "buy_again"]) {
    await assert.doesNotReject(async () => {
      for (let tries = 0; tries < 100; tries++) {
        if ((await api("GET", `/recommendations?list=${list}`)).items.length) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(`nothing in ${list}`);
    });
  }
  await page.addInitScript(() => {
    localStorage.setItem("ws.signed-in", "1");
    localStorage.setItem("ws.cart-count", "1");
  });
  return { context, page, faults };
}

const row = (page, name) => page.getByRole("list", { name, exact: true });

async function isSound(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, { resultTypes: ["violations"] }),
  );
  assert.deepEqual(
    violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`),
    [],
  );
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wider <= 0, `the page is ${wider} px wider than the window`);
}

for (const [name, size] of Object.entries({
  "a light phone": { width: 390, height: 844, theme: "light" },
  "a dark phone": { width: 390, height: 844, theme: "dark" },
  "a light desk": { width: 1440, theme: "light" },
  "a dark desk": { width: 1440, theme: "dark" },
})) {
  describe(`on ${name}`, () => {
    it("suggests wines with their reasons, on the first page, in the basket and in the account", async () => {
      const { context, page, faults } = await openShopper(name.replaceAll(" ", "-"), size);
      await page.goto(store.url);
      const mine = row(page, "Recommended for you");
      await mine.getByText(/^(Because you|Goes with|Often bought with)/).first().waitFor();
      assert.ok((await mine.getByRole("article").count()) >= 8);
      const again = row(page, "Buy again");
      await again.getByText("You ordered it today").waitFor();
      assert.equal(await again.getByRole("article").count(), 1);
      await isSound(page);

      await page.goto(`${store.url}/cart`);
      const beside = row(page, "Goes with your basket");
      await beside.getByText(`Goes with ${carted.name} in your basket`).first().waitFor();
      assert.equal(await beside.locator(`a[href*="${carted.id}"]`).count(), 0);
      await isSound(page);

      await page.goto(`${store.url}/account`);
      await row(page, "Buy again").getByRole("button", { name: /^Add .* to the basket/ }).click();
      await page.getByRole("button", { name: "Basket, 2 bottles" }).waitFor();
      await isSound(page);
      assert.deepEqual(faults, []);
      await context.close();
    });
  });
}

it("calls what strangers see popular, and offers them nothing to buy again", async () => {
  const { context, page, faults } = await openPage(browser);
  await page.goto(store.url);
  await row(page, "Popular now").getByRole("article").first().waitFor();
  assert.equal(await row(page, "Buy again").count(), 0);
  assert.equal(await page.getByText("Popular at the moment").count(), 0);
  assert.deepEqual(faults, []);
  await context.close();
});

it("sends an experiment's arms back with what was seen and clicked", async () => {
  const { context, page, faults } = await openPage(browser);
  const id = "01J9ZQ4T8M3V5X7Y9A1B2C3D4E";
  const events = [];
  page.on("request", (request) => {
    if (request.url().endsWith("/api/v1/events")) events.push(...request.postDataJSON().events);
  });
  await page.route("**/api/v1/recommendations?*", async (route) => {
    const answer = await (await route.fetch()).json();
    answer.items.forEach((item, i) => {
      if (i !== 2) item.experiment = { id, arm: i % 2 ? "b" : "a" };
    });
    await route.fulfill({ json: answer });
  });
  await page.goto(store.url);
  const cards = row(page, "Popular now").getByRole("article");
  await cards.first().waitFor();
  await cards.nth(1).scrollIntoViewIfNeeded();
  await page.waitForTimeout(300);
  await cards.nth(1).getByRole("link").first().click();
  await page.waitForURL(/\/wines\/[0-9A-Z]{26}/);
  await page.waitForTimeout(5500); // events go out every five seconds
  const clicked = events.find((one) => one.type === "activity.clicked");
  assert.deepEqual(
    { list: clicked?.list, position: clicked?.position, experiment: clicked?.experiment, arm: clicked?.arm },
    { list: "recommendations", position: 2, experiment: id, arm: "b" },
  );
  const seen = events.filter((one) => one.type === "activity.impression");
  assert.ok(seen.some((one) => one.position === 1 && one.experiment === id && one.arm === "a"));
  assert.ok(seen.every((one) => one.position !== 3 || one.experiment === undefined));
  assert.deepEqual(faults, []);
  await context.close();
});
