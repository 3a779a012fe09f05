/** A real store and a real browser for the tests: the built program, a fresh data directory, free ports. */
import { setDefaultResultOrder } from "node:dns";
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

// The store listens on 127.0.0.1; Node 18 takes ::1 for localhost where /etc/hosts has both, and tries no other.
setDefaultResultOrder("ipv4first");

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const PROGRAM = process.env.WINESTORE ?? join(ROOT, "build", "src", "winestore");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const START_MS = 60_000;

/** What is installed for the web page serves its tests too. */
export const fromWeb = createRequire(join(ROOT, "web", "package.json"));

export const ADMIN = { email: "admin@winestore.example", password: "correct horse battery" };

/** Starts the program on an empty directory with the demo catalogue; resolves once it is open. */
export async function startStore({ settings = {} } = {}) {
  const data = await mkdtemp(join(tmpdir(), "winestore-web-"));
  const log = createWriteStream(`${data}.log`);
  const set = Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const store = spawn(PROGRAM, ["serve", "--data", data, "--demo", ...set], {
    env: {
      ...process.env,
      PORT: "0",
      RATE_LIMITS: "off",
      ADMIN_EMAIL: ADMIN.email,
      ADMIN_PASSWORD: ADMIN.password,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  store.stderr.pipe(log);
  let output = "";
  const url = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the store does not open:\n${output}`)), START_MS);
    const stop = (error) => {
      clearTimeout(timer);
      reject(error);
    };
    store.once("error", stop);
    store.once("exit", (code) =>
      stop(new Error(`the store ended with ${code}:\n${output}\nsee ${data}.log`)),
    );
    store.stdout.on("data", (chunk) => {
      output += chunk;
      const found = /open at (https?:\/\/\S+)/.exec(output);
      if (found && /^Ctrl-C/m.test(output)) {
        clearTimeout(timer);
        resolve(found[1]);
      }
    });
  });
  return {
    url,
    data,
    async stop() {
      const ended = new Promise((resolve) => store.once("exit", resolve));
      store.kill("SIGINT");
      await ended;
      await rm(data, { recursive: true, force: true });
      await rm(`${data}.log`, { force: true });
    },
  };
}

export async function startBrowser() {
  const { chromium } = fromWeb("playwright-core");
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"],
  });
}

/** A page which fails the test on any error of its scripts or breach of the content security policy. */
export async function openPage(browser, { theme = "light", width = 1280, height = 900, ...more } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    reducedMotion: "reduce",
    locale: "en-GB",
    ...more,
  });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(`script error: ${error.message}`));
  page.on("console", (message) => {
    const text = message.text();
    // The browser reports each refused request as an error; the pages answer for those themselves.
    if (message.type() === "error" && !/^Failed to load resource/.test(text)) faults.push(text);
  });
  return { context, page, faults };
}

/** Waits for a message in data/mail that `test` accepts, and gives back its text, decoded. */
export async function waitForMail(data, test, timeoutMs = 15_000) {
  const folder = join(data, "mail");
  const until = Date.now() + timeoutMs;
  for (;;) {
    const names = await readdir(folder).catch(() => []);
    for (const name of names.filter((one) => one.endsWith(".eml"))) {
      const text = decodeMail(await readFile(join(folder, name), "utf8"));
      if (test(text)) return text;
    }
    if (Date.now() > until) throw new Error(`no such mail among ${names.length} in ${folder}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Quoted-printable undone, enough to search in: soft breaks joined, `=XX` read as UTF-8. */
export function decodeMail(raw) {
  const joined = raw.replace(/=\r?\n/g, "");
  return joined.replace(/(?:=[0-9A-F]{2})+/g, (run) => {
    const bytes = Uint8Array.from(run.slice(1).split("="), (pair) => Number.parseInt(pair, 16));
    return new TextDecoder().decode(bytes);
  });
}
