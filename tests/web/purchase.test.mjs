/** A stranger finds a bottle, buys it, watches the order being confirmed and gets the e-mail. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ADMIN, openPage, startBrowser, startStore, waitForMail } from "./store.mjs";

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

/** Fills the checkout of a guest in Germany. */
async function fillCheckout(page, { email, birth = "1988-04-12" }) {
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Date of birth").fill(birth);
  await page.getByLabel("Country").selectOption("DE");
  await page.getByLabel("Full name").fill("Ada Moreau");
  await page.getByLabel("Street and number").fill("Torstraße 12");
  await page.getByLabel("Postal code").fill("10119");
  await page.getByLabel("City").fill("Berlin");
}

const orderButton = (page) => page.getByRole("button", { name: /^Order and pay/ }).filter({ visible: true });

async function putFirstInBasket(page, query = "?in_stock=true") {
  await page.goto(`${store.url}/wines${query}`);
  await page
    .getByRole("button", { name: /^Add .* to the basket/ })
    .first()
    .click();
  await page.getByRole("button", { name: /^Basket, 1 bottle/ }).waitFor();
}

for (const [name, size] of Object.entries({
  desk: { width: 1280 },
  phone: { width: 390, height: 844, hasTouch: true, isMobile: true },
})) {
  describe(`on a ${name}`, () => {
    it("goes from the first click to the e-mail", async () => {
      const { context, page, faults } = await openPage(browser, size);
      const email = `ada-${name}@example.com`;

      await page.goto(store.url);
      await page.getByRole("combobox", { name: "Search wines" }).fill("riesl");
      await page
        .getByRole("option", { name: /Riesling/ })
        .first()
        .waitFor();
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/wines\?q=riesl/);
      await page.getByRole("article").first().getByRole("link").first().click();
      await page.waitForURL(/\/wines\/[0-9A-Z]{26}/);
      const wine = (await page.getByRole("heading", { level: 1 }).innerText()).replace(/\s+/g, " ").trim();
      await page.getByRole("button", { name: "One more" }).first().click();
      await page.getByRole("button", { name: "Add to basket" }).click();
      await page.getByRole("button", { name: "Basket, 2 bottles" }).click();
      const drawer = page.getByRole("dialog", { name: "Your basket" });
      await drawer
        .getByText(wine.replace(/ \d{4}$/, ""))
        .first()
        .waitFor();
      await drawer.getByRole("link", { name: "Checkout" }).click();

      await page.waitForURL(`${store.url}/checkout`);
      await fillCheckout(page, { email });
      await page.getByText("Total", { exact: true }).waitFor();
      await orderButton(page).click();

      await page.waitForURL(/\/orders\/[0-9A-Z]{26}$/);
      await page.locator('h1[data-status="confirmed"]').waitFor({ timeout: 15_000 });
      const heading = await page.getByText(/^Order .* Placed/).innerText();
      const number = /Order (\S+)/.exec(heading)[1];

      const mail = await waitForMail(store.data, (text) => text.includes(email) && text.includes(number));
      assert.match(mail, /^Subject:/m);
      assert.match(mail, /text\/html/);
      assert.match(mail, /text\/plain/);
      await page.getByRole("button", { name: "Basket, empty" }).waitFor();
      assert.deepEqual(faults, []);
      await context.close();
    });
  });
}

it("says at once what is missing, beside the fields, and moves the focus there", async () => {
  const { context, page, faults } = await openPage(browser);
  await putFirstInBasket(page);
  await page.goto(`${store.url}/checkout`);
  await orderButton(page).click();
  const email = page.getByLabel("E-mail");
  await assert.doesNotReject(
    page.waitForFunction(() => document.activeElement?.getAttribute("name") === "email"),
  );
  assert.equal(await email.getAttribute("aria-invalid"), "true");
  assert.equal((await page.getByText("Please fill this in.").count()) > 4, true);
  await email.fill("ada@example.com");
  assert.equal(await email.getAttribute("aria-invalid"), null);
  assert.deepEqual(faults, []);
  await context.close();
});

it("refuses a place that is not served before paying, and a minor", async () => {
  const { context, page, faults } = await openPage(browser);
  await putFirstInBasket(page);
  await page.goto(`${store.url}/checkout`);
  await page.getByLabel("Country").selectOption({ label: "Another country" });
  await page.getByText("We can't ship there").first().waitFor();
  assert.equal(await orderButton(page).isDisabled(), true);
  const young = `${new Date().getFullYear() - 12}-01-01`;
  await fillCheckout(page, { email: "kid@example.com", birth: young });
  await orderButton(page).click();
  await page.getByText(/You must be 18/).waitFor();
  assert.match(page.url(), /\/checkout$/);
  assert.deepEqual(faults, []);
  await context.close();
});

it("tells of a declined payment and gives the bottles back", async () => {
  const { context, page, faults } = await openPage(browser);
  await putFirstInBasket(page);
  await page.goto(`${store.url}/checkout`);
  await fillCheckout(page, { email: "poor@example.com" });
  await page.getByLabel(/Test card, declined/).check();
  await orderButton(page).click();
  await page.locator('h1[data-status="rejected"]').waitFor({ timeout: 15_000 });
  await page.getByRole("link", { name: "To your basket" }).click();
  await page.getByRole("button", { name: "Basket, 1 bottle", exact: true }).waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

it("cancels an order", async () => {
  const { context, page, faults } = await openPage(browser);
  await putFirstInBasket(page);
  await page.goto(`${store.url}/checkout`);
  await fillCheckout(page, { email: "unsure@example.com" });
  await orderButton(page).click();
  await page.locator('h1[data-status="confirmed"]').waitFor({ timeout: 15_000 });
  await page.getByRole("button", { name: "Cancel this order" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel this order" }).click();
  await page.locator('h1[data-status="cancelled"]').waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

it("opens an account, verifies it, orders with it and erases it", async () => {
  const { context, page, faults } = await openPage(browser);
  const email = "grace@example.com";
  await putFirstInBasket(page);
  await page.goto(`${store.url}/register?next=/checkout`);
  await page.getByLabel("Name", { exact: true }).fill("Grace Hill");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill("a long password");
  await page.getByLabel("Date of birth").fill("1979-12-09");
  await page.getByRole("button", { name: "Open an account" }).click();
  await page.waitForURL(`${store.url}/checkout`);
  await page.getByText("Signed in as Grace Hill").waitFor();
  await page.getByRole("button", { name: "Basket, 1 bottle", exact: true }).waitFor();

  const mail = await waitForMail(
    store.data,
    (text) => text.includes(email) && text.includes("/verify-email?token="),
  );
  const token = /\/verify-email\?token=([^\s"<&]+)/.exec(mail)[1];
  await page.goto(`${store.url}/verify-email?token=${token}`);
  await page.getByRole("heading", { name: "Your address is verified" }).waitFor();

  await page.goto(`${store.url}/checkout`);
  await page.getByLabel("Country").selectOption("FR");
  await page.getByLabel("Full name").fill("Grace Hill");
  await page.getByLabel("Street and number").fill("3 rue des Vignes");
  await page.getByLabel("Postal code").fill("21200");
  await page.getByLabel("City").fill("Beaune");
  await orderButton(page).click();
  await page.locator('h1[data-status="confirmed"]').waitFor({ timeout: 15_000 });

  await page.goto(`${store.url}/account`);
  await page.getByText("Confirmed").first().waitFor();
  await page.getByRole("link", { name: "Addresses" }).click();
  await page.getByText("3 rue des Vignes").waitFor();
  await page.getByRole("link", { name: "Your data" }).click();
  await page.getByRole("button", { name: "Erase my account" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Your password, to be sure it's you").fill("wrong password");
  await dialog.getByRole("button", { name: "Erase my account" }).click();
  await dialog.getByText("The password is wrong.").waitFor();
  await dialog.getByLabel("Your password, to be sure it's you").fill("a long password");
  await dialog.getByRole("button", { name: "Erase my account" }).click();
  await page.waitForURL(`${store.url}/`);
  await page.getByRole("link", { name: "Sign in" }).first().waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

/** The back office at work behind the shopper's back. */
async function asAdmin() {
  const answer = await fetch(`${store.url}/api/v1/session`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(ADMIN),
  });
  const { token } = await answer.json();
  return async (method, path, body, headers = {}) => {
    const done = await fetch(`${store.url}/api/v1/admin${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", ...headers },
      body: body && JSON.stringify(body),
    });
    assert.ok(done.ok, `${method} ${path}: ${done.status} ${done.ok ? "" : await done.text()}`);
    return done.json();
  };
}

async function firstWine(query) {
  const { items } = await (await fetch(`${store.url}/api/v1/wines?${query}&in_stock=true`)).json();
  return items[0];
}

async function putWineInBasket(page, wine, bottles = 1) {
  await page.goto(`${store.url}/wines/${wine.id}`);
  await page.getByLabel("How many bottles").last().fill(String(bottles));
  await page.getByLabel("How many bottles").last().press("Tab");
  await page.getByRole("button", { name: "Add to basket" }).click();
  await page.getByRole("button", { name: new RegExp(`^Basket, ${bottles} bottle`) }).waitFor();
}

it("shows a price that changed, and takes it the second time", async () => {
  const { context, page, faults } = await openPage(browser);
  const wine = await firstWine("type=Dessert");
  await putWineInBasket(page, wine);
  await page.goto(`${store.url}/checkout`);
  await fillCheckout(page, { email: "careful@example.com" });
  const admin = await asAdmin();
  const now = await admin("GET", `/wines/${wine.id}`);
  const price = { ...now.price, amount: now.price.amount + 300 };
  const {
    id,
    group_id,
    vintage_label,
    available,
    rating,
    images,
    version,
    status,
    on_hand,
    reserved,
    uploads,
    created_at,
    updated_at,
    ...text
  } = now;
  await admin("PUT", `/wines/${wine.id}`, { ...text, price }, { "If-Match": `"${version}"` });
  await orderButton(page).click();
  await page
    .getByRole("alert")
    .getByText(/A price has changed/)
    .waitFor();
  const major = (price.amount / 100).toFixed(2);
  await page.getByText(new RegExp(`1 × €${major.replace(".", "\\.")}`)).waitFor();
  await orderButton(page).click();
  await page.locator('h1[data-status="confirmed"]').waitFor({ timeout: 15_000 });
  assert.deepEqual(faults, []);
  await context.close();
});

it("offers what is left when bottles were sold meanwhile", async () => {
  const { context, page, faults } = await openPage(browser);
  const wine = await firstWine("type=Fortified");
  await putWineInBasket(page, wine, 4);
  const admin = await asAdmin();
  const { available } = await admin("GET", `/wines/${wine.id}`);
  await admin("POST", `/wines/${wine.id}/stock`, { change: 2 - available, reason: "broken in the cellar" });
  await page.goto(`${store.url}/cart`);
  await page.getByText("Only 2 left.").waitFor();
  await page.getByRole("button", { name: "Take 2" }).click();
  await page.getByRole("button", { name: "Basket, 2 bottles" }).waitFor();
  assert.equal(await page.getByText("Only 2 left.").count(), 0);
  await page.goto(`${store.url}/wines/${wine.id}`);
  await page.getByText("Last 2").waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

it("takes a rating and shows it", async () => {
  const { context, page, faults } = await openPage(browser);
  const wine = await firstWine("type=Sparkling");
  await page.goto(`${store.url}/register?next=/wines/${wine.id}`);
  await page.getByLabel("Name", { exact: true }).fill("Noor Haddad");
  await page.getByLabel("E-mail").fill("noor@example.com");
  await page.getByLabel("Password").fill("a long password");
  await page.getByLabel("Date of birth").fill("1990-05-01");
  await page.getByRole("button", { name: "Open an account" }).click();
  await page.getByRole("button", { name: "Rate this wine" }).click();
  await page.getByLabel("Your stars").fill("4.5");
  await page.getByLabel("A few words (optional)").fill("Fine, even on the second day.");
  await page.getByRole("button", { name: "Send rating" }).click();
  await page.getByText("Fine, even on the second day.").waitFor();
  await page.getByText(/^Noor/).waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

it("keeps the basket through signing in, and signs out", async () => {
  const { context, page, faults } = await openPage(browser);
  const made = await fetch(`${store.url}/api/v1/users`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      email: "back@example.com",
      password: "a long password",
      name: "Noor Haddad",
      birth_date: "1990-05-01",
    }),
  });
  assert.equal(made.status, 201);
  await putFirstInBasket(page, "?type=White&in_stock=true");
  await page.goto(`${store.url}/sign-in?next=/cart`);
  await page.getByLabel("E-mail").fill("back@example.com");
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("E-mail or password is wrong.").waitFor();
  await page.getByLabel("Password").fill("a long password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${store.url}/cart`);
  await page.getByRole("button", { name: "Basket, 1 bottle", exact: true }).waitFor();
  await page.goto(`${store.url}/account`);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${store.url}/`);
  await page.getByRole("button", { name: "Basket, empty" }).waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

it("follows an order without server-sent events too", async () => {
  const { context, page, faults } = await openPage(browser);
  await page.route("**/orders/*/events", (route) => route.abort());
  await putFirstInBasket(page);
  await page.goto(`${store.url}/checkout`);
  await fillCheckout(page, { email: "proxy@example.com" });
  await orderButton(page).click();
  await page.locator('h1[data-status="confirmed"]').waitFor({ timeout: 15_000 });
  assert.deepEqual(faults, []);
  await context.close();
});

it("says that the shop is out of reach, and comes back when it is not", async () => {
  const { context, page, faults } = await openPage(browser);
  await page.goto(store.url);
  await page.getByRole("article").first().waitFor();
  await page.route("**/api/v1/**", (route) => route.abort());
  await page.getByRole("link", { name: "All wines" }).first().click();
  await page.getByText("We can't reach the shop.").waitFor();
  await page.unroute("**/api/v1/**");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("article").nth(5).waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

it("sends an order once, however often the answer is lost", async () => {
  const { context, page, faults } = await openPage(browser);
  let lost = 0;
  await page.route("**/api/v1/orders", async (route) => {
    if (route.request().method() !== "POST" || lost >= 2) return route.fallback();
    lost++;
    await route.fetch();
    return route.abort();
  });
  await putFirstInBasket(page);
  await page.goto(`${store.url}/checkout`);
  await fillCheckout(page, { email: "tunnel@example.com" });
  await orderButton(page).click();
  await page.locator('h1[data-status="confirmed"]').waitFor({ timeout: 15_000 });
  assert.equal(lost, 2);
  const orders = await page.evaluate(() => fetch("/api/v1/orders").then((answer) => answer.json()));
  assert.equal(orders.items.length, 1);
  assert.deepEqual(faults, []);
  await context.close();
});

it("resets a forgotten password by mail, once", async () => {
  const { context, page, faults } = await openPage(browser);
  const email = "forgetful@example.com";
  const made = await fetch(`${store.url}/api/v1/users`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      email,
      password: "the first password",
      name: "Elif Forget",
      birth_date: "1985-02-28",
    }),
  });
  assert.equal(made.status, 201);
  await page.goto(`${store.url}/sign-in`);
  await page.getByRole("link", { name: "Forgot the password?" }).first().click();
  await page.getByLabel("E-mail").fill(email);
  await page.getByRole("button", { name: "Send the link" }).click();
  await page.getByText("a message is on its way").waitFor();
  const mail = await waitForMail(
    store.data,
    (text) => text.includes(email) && text.includes("/reset-password?token="),
  );
  const link = `${store.url}/reset-password?token=${/\/reset-password\?token=([^\s"<&]+)/.exec(mail)[1]}`;
  await page.goto(link);
  await page.getByLabel("New password").fill("short");
  await page.getByRole("button", { name: "Set the new password" }).click();
  await page.getByText("At least 8 characters, please.").waitFor();
  await page.getByLabel("New password").fill("the second password");
  await page.getByRole("button", { name: "Set the new password" }).click();
  await page.waitForURL(`${store.url}/sign-in`);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill("the second password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${store.url}/account`);
  await page.goto(link);
  await page.getByLabel("New password").fill("the third password");
  await page.getByRole("button", { name: "Set the new password" }).click();
  await page.getByRole("heading", { name: "This link doesn't work" }).waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});
