/** The back office: who may come in, and everything that is done there, from a price to a message that failed. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { ADMIN, fromWeb, openPage, ROOT, startBrowser, startStore, waitForMail } from "./store.mjs";

const IMAGE_WORKER =
  process.env.WINESTORE_IMAGE ?? join(ROOT, "build", "src", "services", "image", "worker", "winestore-image");

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

/** Asks the API with the cookies of a page. */
const asker =
  (page, url = store.url) =>
  async (method, path, data, headers = {}) => {
    const answer = await page.request.fetch(`${url}/api/v1${path}`, {
      method,
      data,
      headers: { Origin: url, ...headers },
    });
    const text = await answer.text();
    return {
      status: answer.status(),
      body: /json/.test(answer.headers()["content-type"] ?? "") ? JSON.parse(text) : text,
    };
  };

/** A page of somebody who is signed in as the office. */
async function openOffice(options = {}, at = store) {
  const opened = await openPage(browser, { width: 1440, ...options });
  const api = asker(opened.page, at.url);
  assert.equal((await api("POST", "/session", ADMIN)).status, 201);
  return { ...opened, api };
}

const until = async (what, test, timeoutMs = 15_000) => {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = await test();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited too long: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};

const SHOPPER = {
  email: "ada@example.com",
  password: "a long password",
  name: "Ada Moreau",
  birth_date: "1988-04-12",
};
const ADDRESS = {
  name: "Ada Moreau",
  line1: "Torstraße 12",
  city: "Berlin",
  postal_code: "10119",
  country: "DE",
};

/** Buys bottles as a guest and waits for the confirmation; gives the order back. */
async function buy(wineId, quantity, email) {
  const { context, page } = await openPage(browser);
  const api = asker(page);
  assert.equal((await api("PUT", `/cart/items/${wineId}`, { quantity })).status, 200);
  const placed = await api(
    "POST",
    "/orders",
    { shipping_address: ADDRESS, payment: { method: "test", token: "ok" }, email, birth_date: "1988-04-12" },
    { "Idempotency-Key": email },
  );
  assert.equal(placed.status, 201, JSON.stringify(placed.body));
  const { body } = await api("GET", `/orders/${placed.body.id}?wait=10`);
  assert.equal(body.status, "confirmed");
  await context.close();
  return body;
}

const someWine = async (api, at = 0) =>
  (await api("GET", "/admin/wines?limit=50&sort=-available")).body.items[at];

/** A picture of its own: a PNG of a warm gradient. */
function picture(width, height) {
  const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n >>> 0;
  });
  const crc = (bytes) =>
    (bytes.reduce((c, byte) => crcTable[(c ^ byte) & 0xff] ^ (c >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0;
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc(body), body.length + 4);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const rows = Buffer.alloc((width * 3 + 1) * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++)
      rows.set([120 + (x % 100), 30 + (y % 60), 60], y * (width * 3 + 1) + 1 + x * 3);
  }
  const magic = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    magic,
    chunk("IHDR", head),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

const toast = (page, text) => page.locator(".toast", { hasText: text });
const confirm = (page, name) => page.getByRole("dialog").getByRole("button", { name, exact: true }).click();

describe("the door", () => {
  it("lets the office in, and tells a wrong password", async () => {
    const { context, page, faults } = await openPage(browser);
    await page.goto(`${store.url}/office/orders`);
    await page.getByRole("heading", { name: "Back office" }).waitFor();
    await page.getByLabel("E-mail").fill(ADMIN.email);
    await page.getByLabel("Password").fill("not this one");
    await page.keyboard.press("Enter");
    await page.getByText("E-mail or password is wrong.").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.name), "password");
    await page.getByLabel("Password").fill(ADMIN.password);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "Orders" }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Back office" }).waitFor();
    assert.deepEqual(faults, []);
    await context.close();
  });

  it("tells a shopper kindly that it is the staff's", async () => {
    const { context, page, faults } = await openPage(browser);
    const api = asker(page);
    assert.equal((await api("POST", "/users", SHOPPER)).status, 201);
    assert.equal((await api("POST", "/session", SHOPPER)).status, 201);
    await page.goto(`${store.url}/office`);
    await page.getByRole("heading", { name: /Hello Ada Moreau/ }).waitFor();
    assert.equal((await api("GET", "/admin/wines")).status, 403);
    assert.deepEqual(faults, []);
    await context.close();
  });

  it("keeps what was being written when the session ends", async () => {
    const { context, page, faults, api } = await openOffice();
    const wine = await someWine(api);
    await page.goto(`${store.url}/office/wines/${wine.id}`);
    await page.getByLabel("Tasting note").fill("Plums, and patience.");
    await context.clearCookies();
    await page.keyboard.press("Control+s");
    await page.getByText(/You have been signed out/).waitFor();
    await page.getByLabel("E-mail").fill(ADMIN.email);
    await page.getByLabel("Password").fill(ADMIN.password);
    await page.keyboard.press("Enter");
    await page.getByText("1 field changed").waitFor();
    assert.equal(await page.getByLabel("Tasting note").inputValue(), "Plums, and patience.");
    await page.getByRole("button", { name: "Discard" }).click();
    assert.equal(await page.getByLabel("Tasting note").inputValue(), wine.notes);
    assert.deepEqual(faults, []);
    await context.close();
  });

  it("gives shoppers none of the office's code", async () => {
    const { context, page } = await openPage(browser);
    const loaded = [];
    page.on("response", (answer) => loaded.push(answer.text().catch(() => "")));
    await page.goto(store.url, { waitUntil: "networkidle" });
    const texts = await Promise.all(loaded);
    assert.equal(
      texts.some((text) => text.includes("For those who run the shop")),
      false,
    );
    await context.close();
  });
});

describe("wines", () => {
  it("changes a price by keyboard alone, tells a wrong one, and takes it back", async () => {
    const { context, page, faults, api } = await openOffice();
    const wine = await someWine(api);
    const price = async () => (await api("GET", `/wines/${wine.id}`)).body.price.amount;
    await page.goto(`${store.url}/office/wines`);
    await page.locator(".row-link").first().waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type(`${wine.winery} ${wine.name} ${wine.vintage ?? ""}`.trim());
    await page.waitForFunction(
      (name) => document.querySelector(".row-link")?.textContent.includes(name),
      wine.name,
    );
    await page.waitForURL(/q=/);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/office\/wines\/[0-9A-Z]{26}$/);
    if (!page.url().endsWith(wine.id)) await page.goto(`${store.url}/office/wines/${wine.id}`);

    await page.getByLabel("Price").fill("two");
    await page.keyboard.press("Control+s");
    await page.getByText("Please give a number.").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.name), "price");
    assert.equal(await price(), wine.price.amount);

    await page.getByLabel("Price").fill("123,45");
    await page.keyboard.press("Control+s");
    await toast(page, "is saved").waitFor();
    assert.equal(await price(), 12345);
    await page.getByRole("button", { name: "Undo" }).click();
    await toast(page, "Undone").waitFor();
    assert.equal(await price(), wine.price.amount);
    await page.getByLabel("Price").waitFor();
    assert.equal(await page.getByLabel("Price").inputValue(), (wine.price.amount / 100).toFixed(2));
    assert.deepEqual(faults, []);
    await context.close();
  });

  it("puts the server's refusal beside the field", async () => {
    const { context, page, faults, api } = await openOffice();
    const [wine, other] = [await someWine(api, 0), await someWine(api, 1)];
    await page.goto(`${store.url}/office/wines/${wine.id}`);
    await page.getByLabel("Sku").fill(other.sku);
    await page.getByRole("button", { name: "Save" }).click();
    await page.locator(".field", { hasText: "Sku" }).locator(".wrong").waitFor();
    assert.deepEqual(faults, []);
    await context.close();
  });

  it("overruns nobody who changed the wine meanwhile", async () => {
    const { context, page, faults, api } = await openOffice();
    const wine = await someWine(api, 2);
    await page.goto(`${store.url}/office/wines/${wine.id}`);
    await page.getByLabel("Region", { exact: true }).fill("Mine");
    const { body: now } = await api("GET", `/admin/wines/${wine.id}`);
    const theirs = { ...now, notes: "Theirs", stock: undefined };
    assert.equal(
      (await api("PUT", `/admin/wines/${wine.id}`, theirs, { "If-Match": `"${now.version}"` })).status,
      200,
    );
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Somebody changed this wine meanwhile").waitFor();
    assert.equal((await api("GET", `/admin/wines/${wine.id}`)).body.notes, "Theirs");
    await page.getByRole("button", { name: "Take theirs" }).click();
    await page.waitForFunction(() => document.querySelector("[name=notes]")?.value === "Theirs");
    assert.equal(await page.getByLabel("Region", { exact: true }).inputValue(), wine.region);
    assert.deepEqual(faults, []);
    await context.close();
  });

  it("restocks, recounts, and takes it back", async () => {
    const { context, page, faults, api } = await openOffice();
    const wine = await someWine(api, 3);
    const left = async () => (await api("GET", `/wines/${wine.id}`)).body.available;
    await page.goto(`${store.url}/office/wines/${wine.id}`);
    await page.getByLabel("Bottles that came").fill("24");
    await page.getByText(`+24, then`).waitFor();
    await page.getByLabel("Reason").fill("Delivery of 3 March");
    await page.getByRole("button", { name: "Book it" }).click();
    await toast(page, "+24").waitFor();
    assert.equal(await left(), wine.available + 24);
    await page.getByRole("button", { name: "Undo" }).click();
    await toast(page, "Undone").waitFor();
    assert.equal(await left(), wine.available);

    await page.getByText("Recount", { exact: true }).click();
    await page.getByLabel("Bottles counted").fill(String(wine.on_hand - 1));
    await page.getByRole("button", { name: "Book it" }).click();
    await toast(page, "−1").waitFor();
    assert.equal(await left(), wine.available - 1);
    assert.deepEqual(faults, []);
    await context.close();
  });

  it("takes a picture, shows it in office and shop, and gives the drawn bottle back", async () => {
    const { context, page, faults, api } = await openOffice();
    const wine = await someWine(api, 4);
    const choose = (name, buffer) =>
      page
        .getByLabel("Choose a picture", { exact: true })
        .setInputFiles({ name, mimeType: "image/png", buffer });
    await page.goto(`${store.url}/office/wines/${wine.id}`);
    await page.getByText("Drawn from the wine").waitFor();
    await choose("no-picture.png", Buffer.from("this is no picture at all"));
    await page.getByText("That picture didn't work").waitFor();

    await choose("bottle.png", picture(900, 1400));
    await toast(page, "The picture is in the shop.").waitFor({ timeout: 20_000 });
    const shown = page.locator(".drop img[src^='/media/']");
    await page.waitForFunction(() => document.querySelector(".drop img")?.naturalWidth > 0);
    assert.match(await shown.getAttribute("srcset"), /webp .*w, .*webp .*w, .*webp .*w/);

    await page.goto(`${store.url}/wines/${wine.id}`);
    await page.waitForFunction(() => document.querySelector("main img[src^='/media/']")?.naturalWidth > 0);

    await page.goto(`${store.url}/office/wines/${wine.id}`);
    await page.getByRole("button", { name: "Remove the picture" }).click();
    await confirm(page, "Remove the picture");
    await page.getByText("Drawn from the wine").waitFor();
    assert.deepEqual((await api("GET", `/wines/${wine.id}`)).body.images, []);
    assert.deepEqual(faults, []);
    await context.close();
  });

  it("adds a wine and withdraws it", async () => {
    const { context, page, faults, api } = await openOffice();
    await page.goto(`${store.url}/office/wines`);
    await page.getByRole("link", { name: "Add a wine" }).click();
    await page.getByRole("button", { name: "Add to the shop" }).click();
    await page.getByText(/fields need your attention/).waitFor();
    for (const [label, value] of [
      ["Price, EUR", "24.50"],
      ["Bottles in the cellar", "60"],
      ["Name", "Les Genêts"],
      ["Winery", "Maison Tournebise"],
      ["Vintage", "2021"],
      ["Country", "France"],
      ["Region", "Loire"],
      ["Alcohol, % vol", "12.5"],
      ["Grape 1", "Chenin Blanc"],
      ["Share of grape 1 in percent", "100"],
      ["Goes with", "Rich fish, Poultry"],
    ]) {
      await page.getByLabel(label, { exact: true }).fill(value);
    }
    await page.getByLabel("Colour").selectOption("White");
    await page.getByRole("button", { name: "Add to the shop" }).click();
    await toast(page, "is for sale").waitFor();
    await page.waitForURL(/\/office\/wines\/[0-9A-Z]{26}$/);
    const id = page.url().slice(-26);
    const { body: wine } = await api("GET", `/wines/${id}`);
    assert.deepEqual(
      [wine.name, wine.price.amount, wine.available, wine.grapes, wine.pairings],
      ["Les Genêts", 2450, 60, ["Chenin Blanc"], ["Rich fish", "Poultry"]],
    );

    await page.getByRole("button", { name: "Withdraw from sale" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Not now" }).click();
    assert.equal((await api("GET", `/wines/${id}`)).status, 200);
    await page.getByRole("button", { name: "Withdraw from sale" }).click();
    await confirm(page, "Withdraw from sale");
    await toast(page, "is withdrawn").waitFor();
    assert.equal((await api("GET", `/wines/${id}`)).status, 410);
    assert.deepEqual(faults, []);
    await context.close();
  });

  it("pages through the whole cellar and sorts it", async () => {
    const { context, page, faults, api } = await openOffice();
    const { total } = (await api("GET", "/admin/wines?limit=1")).body;
    await page.goto(`${store.url}/office/wines`);
    await page.locator(".row-link").first().waitFor();
    await until("all rows", async () => {
      await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
      return (await page.locator(".row-link").count()) === total;
    });
    const ids = await page
      .locator(".row-link")
      .evaluateAll((links) => links.map((link) => link.getAttribute("href")));
    assert.equal(new Set(ids).size, total);
    await page.evaluate(() => window.scrollTo(0, 0));
    await page.getByRole("button", { name: "Price" }).click();
    await page.waitForURL(/sort=price/);
    const cheapest = (await api("GET", "/admin/wines?limit=1&sort=price")).body.items[0];
    await page.waitForFunction(
      (name) => document.querySelector(".row-link")?.textContent.includes(name),
      cheapest.name,
    );
    assert.equal(
      await page.getByRole("columnheader", { name: "Price" }).getAttribute("aria-sort"),
      "ascending",
    );
    assert.deepEqual(faults, []);
    await context.close();
  });
});

describe("orders", () => {
  it("ships, delivers, takes back and refunds, each step confirmed", async () => {
    const { context, page, faults, api } = await openOffice();
    const wine = await someWine(api, 5);
    const order = await buy(wine.id, 2, "ship@example.com");
    const status = async () => (await api("GET", `/admin/orders/${order.id}`)).body;

    await page.goto(`${store.url}/office/orders`);
    await page.getByText("To ship", { exact: true }).first().click();
    await page.waitForURL(/status=confirmed/);
    await page.getByRole("link", { name: order.number }).click();
    await page.getByRole("heading", { level: 1, name: new RegExp(order.number) }).waitFor();
    await page.getByText("Torstraße 12").waitFor();

    await page.getByRole("button", { name: "Ship" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Not now" }).click();
    assert.equal((await status()).status, "confirmed");
    await page.getByRole("button", { name: "Ship" }).click();
    await confirm(page, "Ship");
    await toast(page, "is on its way").waitFor();
    assert.equal((await status()).status, "shipped");
    await waitForMail(store.data, (text) => text.includes("ship@example.com") && text.includes(order.number));

    await page.getByRole("button", { name: "Mark as delivered" }).click();
    await confirm(page, "Mark as delivered");
    await toast(page, "is delivered").waitFor();
    await page.getByRole("button", { name: "Take back" }).click();
    await page.getByRole("dialog").getByLabel("Reason (optional)").fill("Corked, both of them");
    await confirm(page, "Take back");
    await toast(page, "is back").waitFor();
    await page.getByText("Corked, both of them").first().waitFor();

    await page.getByRole("button", { name: "Give the money back" }).click();
    await confirm(page, "Give the money back");
    await toast(page, "given back").waitFor();
    const end = await status();
    assert.equal(end.status, "returned");
    assert.equal(end.payment.status, "refunded");
    assert.deepEqual(
      end.history.map((one) => one.status),
      ["pending", "confirmed", "shipped", "delivered", "returned"],
    );
    assert.deepEqual(faults, []);
    await context.close();
  });

  it("shows how an order stands when somebody else was quicker", async () => {
    const { context, page, faults, api } = await openOffice();
    const order = await buy((await someWine(api, 6)).id, 1, "quick@example.com");
    await page.goto(`${store.url}/office/orders/${order.id}`);
    await page.getByRole("button", { name: "Ship" }).waitFor();
    const { body: now } = await api("GET", `/admin/orders/${order.id}`);
    assert.equal(
      (await api("POST", `/admin/orders/${order.id}/status`, { status: "cancelled", version: now.version }))
        .status,
      200,
    );
    await page.getByRole("button", { name: "Ship" }).click();
    await confirm(page, "Ship");
    await page.getByText(/The order moved on meanwhile/).waitFor();
    await page.keyboard.press("Escape");
    await page.getByText("Nothing leaves the cellar").waitFor();
    assert.equal(await page.getByRole("button", { name: "Ship" }).count(), 0);
    assert.deepEqual(faults, []);
    await context.close();
  });

  it("exports what is shown as CSV", async () => {
    const { context, page, faults, api } = await openOffice();
    const order = await buy((await someWine(api, 7)).id, 3, "csv@example.com");
    await page.goto(`${store.url}/office/orders?q=${order.number}`);
    await page.getByRole("link", { name: order.number }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Export CSV" }).click(),
    ]);
    const lines = (await readFile(await download.path(), "utf8")).trim().split(/\r?\n/);
    assert.match(lines[0], /^number,id,placed_at,status/);
    assert.equal(lines.length, 2);
    assert.ok(lines[1].startsWith(order.number));
    assert.deepEqual(faults, []);
    await context.close();
  });
});

describe("overview", () => {
  it("shows a sale within seconds, as a chart and as a table", async () => {
    const { context, page, faults, api } = await openOffice();
    const wine = await someWine(api, 8);
    await buy(wine.id, 48, "many@example.com");
    await until("the warehouse", async () => {
      const { body } = await api("GET", "/admin/analytics/dashboard?days=7");
      return body.best_sellers.some((one) => one.wine_id === wine.id);
    });
    await page.goto(`${store.url}/office?days=7`);
    await page.locator(".rank").getByText(wine.name).first().waitFor();
    const chart = page.getByRole("img", { name: /^Revenue from .* orders?\. Best:/ });
    await chart.waitFor();
    assert.ok((await chart.locator(".chart-bar").count()) >= 1);
    await page.locator(".chart-box").focus();
    await page.keyboard.press("ArrowLeft");
    await page.locator(".chart-read", { hasText: /orders?$/ }).waitFor();
    await page.getByRole("button", { name: "Show as a table" }).click();
    assert.equal(await page.locator(".chart-table tbody tr").count(), 7);
    assert.deepEqual(faults, []);
    await context.close();
  });

  it("names who is sent what, and who has an account", async () => {
    const { context, page, faults } = await openOffice();
    await page.goto(`${store.url}/office/messages?status=sent`);
    await page
      .getByText(/is confirmed/)
      .first()
      .waitFor();
    await page.goto(`${store.url}/office/customers`);
    await page.getByLabel("Search").fill(SHOPPER.email);
    await page.getByText("Ada Moreau").waitFor();
    await page.getByLabel("Search").fill("Ada");
    await page.getByText("Nobody found").waitFor();
    assert.deepEqual(faults, []);
    await context.close();
  });
});

describe("what failed", () => {
  let folder;
  let worker;
  let sick;

  before(async () => {
    // A store whose image program vanishes: a picture's message is tried until the queue gives it up.
    folder = await mkdtemp(join(tmpdir(), "winestore-worker-"));
    worker = join(folder, "winestore-image");
    await symlink(IMAGE_WORKER, worker);
    sick = await startStore({ settings: { "image.worker": worker } });
    await rm(worker);
  });

  after(async () => {
    await sick?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it(
    "waits in the queue with its reason, and works once it is tried again",
    { timeout: 90_000 },
    async () => {
      const { context, page, faults, api } = await openOffice({}, sick);
      const wine = await someWine(api);
      const sent = await page.request.fetch(`${sick.url}/api/v1/admin/wines/${wine.id}/images`, {
        method: "POST",
        data: picture(600, 900),
        headers: { "Content-Type": "image/png", Origin: sick.url },
      });
      assert.equal(sent.status(), 202);
      await until(
        "the dead letter",
        async () => (await api("GET", "/admin/queues")).body.items.some((one) => one.dead > 0),
        60_000,
      );

      await page.goto(`${sick.url}/office`);
      await page.getByRole("link", { name: "1 message failed in Pictures" }).click();
      await page.getByRole("heading", { name: "Failed in Pictures" }).waitFor();
      await page.getByText("Content", { exact: true }).click();
      await page.getByText(wine.id).waitFor();
      await symlink(IMAGE_WORKER, worker);
      await page.getByRole("button", { name: "Try it again" }).click();
      await confirm(page, "Try again");
      await toast(page, "1 message is back in the queue.").waitFor();
      await until("the picture", async () => (await api("GET", `/wines/${wine.id}`)).body.images.length > 0);
      await page.getByText("Nothing failed.").or(page.getByText("All quiet").nth(3)).first().waitFor();
      assert.deepEqual(faults, []);
      await context.close();
    },
  );
});

it("lists the events that could not be read, with reason and content", async () => {
  const { context, page, faults } = await openOffice({});
  await page.goto(`${store.url}/office/queues`);
  await page.getByText("Every event could be read.").waitFor();
  const letter = {
    event_id: null,
    reason: "wine_id: must be a text",
    body: '{"wine_id": 7',
    shard: 1,
    sequence: 42,
    at: new Date().toISOString(),
  };
  await page.route("**/api/v1/admin/stream/dead-letters*", (route) =>
    route.fulfill({ json: { items: [letter], next_cursor: null } }),
  );
  await page.reload();
  await page.getByText(letter.reason).waitFor();
  await page.getByText("Shard 1, place 42").waitFor();
  await page.getByText("Content", { exact: true }).click();
  await page.getByText(letter.body).waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

describe("every page can be read by everybody", () => {
  for (const theme of ["light", "dark"]) {
    for (const width of [390, 1440]) {
      it(`${theme}, ${width} pixels`, async () => {
        const axe = await readFile(fromWeb.resolve("axe-core/axe.min.js"), "utf8");
        // The checker itself is a script from outside: only while it runs the policy is put aside.
        const { context, page, faults, api } = await openOffice({ theme, width, bypassCSP: true });
        const wine = (await someWine(api)).id;
        const order = (await buy(wine, 1, `${theme}-${width}@example.com`)).id;
        const check = async (path) => {
          await page.evaluate(axe);
          const { violations } = await page.evaluate(() =>
            globalThis.axe.run(document, { resultTypes: ["violations"] }),
          );
          const found = violations.map(
            (one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`,
          );
          assert.deepEqual(found, [], path);
          const wide = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          );
          assert.ok(wide <= 0, `${path} is wider than the window by ${wide}`);
        };
        for (const path of [
          "",
          "/wines",
          "/wines?q=zzzz",
          `/wines/${wine}`,
          "/wines/new",
          "/orders",
          `/orders/${order}`,
          "/customers",
          "/messages",
          "/queues",
          "/queues/mail",
          "/recommendations",
          "/nowhere",
        ]) {
          await page.goto(`${store.url}/office${path}`);
          await page.getByRole("heading", { level: 1 }).first().waitFor();
          await page.waitForFunction(() => !document.querySelector(".bone"));
          await check(path);
        }
        await page.goto(`${store.url}/office/wines/${wine}`);
        await page.getByRole("button", { name: "Withdraw from sale" }).click();
        await check("a question");
        await page.keyboard.press("Escape");
        await context.clearCookies();
        await page.goto(`${store.url}/office`);
        await page.getByRole("heading", { name: "Back office" }).waitFor();
        await check("the door");
        assert.deepEqual(faults, []);
        await context.close();
      });
    }
  }
});
