// A headless Chromium, driven by playwright-core, for tests on any runtime: node test/helpers/chromium.mjs CHROMIUM FOLDER.
// Reads commands, one line of JSON each, and answers each with a line: { "id", "value" } or { "id", "error" }. Pages come from a
// server of its own, with dist/browser.js as /browser.js. A script for Node: the driver is for it.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";

// `deno check` resolves imports by an import map that has none of it.
const { chromium } = createRequire(import.meta.url)("playwright-core");

const [executablePath, root] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  // Root has no sandbox, and self-signed certificates are what the tests have. Threads of V8 only take time from other tests.
  args: ["--no-sandbox", "--ignore-certificate-errors", "--disable-gpu", "--js-flags=--single-threaded-gc"],
});
const context = await browser.newContext();
const pages = new Map();

// Not by interception: Chromium lets a page connect to this machine only when it comes from there, by its address.
const files = createServer(({ url }, response) => {
  const [type, body] = url === "/browser.js"
    ? ["text/javascript", readFileSync(join(root, "dist/browser.js"), "utf8")]
    : ["text/html", "<!doctype html><title>test</title>"];
  response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(body);
});
await new Promise((resolve) => files.listen(0, "127.0.0.1", resolve));
const home = `http://127.0.0.1:${files.address().port}/`;

const COMMANDS = {
  /** Opens a page: at a URL, or an empty one. */
  async open({ page, url = home, width = 800, height = 640, dark = false }) {
    const opened = await context.newPage();
    pages.set(page, opened);
    opened.errors = [];
    opened.on("pageerror", (error) => opened.errors.push(String(error)));
    opened.requests = [];
    opened.on("request", (request) => opened.requests.push(request.url()));
    // That a server is away, or has no icon, is no error of the page.
    const isOwn = (message) =>
      message.type() === "error" && !/^(Failed to load resource|WebSocket connection to)/.test(message.text());
    opened.on("console", (message) => isOwn(message) && opened.errors.push(message.text()));
    await opened.setViewportSize({ width, height });
    await opened.emulateMedia({ colorScheme: dark ? "dark" : "light", reducedMotion: "reduce" });
    await opened.goto(url);
  },
  /** Runs the body of an asynchronous function in a page. */
  run: ({ page, code }) => pages.get(page).evaluate(`(async () => { ${code} })()`),
  /** Fills in a field that has this label, as a person finds it. */
  fill: ({ page, label, text }) => pages.get(page).getByLabel(label, { exact: true }).fill(text),
  press: ({ page, button }) => pages.get(page).getByRole("button", { name: button }).click(),
  /** Presses a key. */
  key: ({ page, name }) => pages.get(page).keyboard.press(name),
  screenshot: async ({ page, path, whole }) => void await pages.get(page).screenshot({ path, fullPage: whole }),
  requests: ({ page }) => pages.get(page).requests,
  errors: ({ page }) => pages.get(page).errors,
  close: ({ page }) => pages.get(page).close(),
};

console.log(JSON.stringify({ id: 0, value: browser.version() }));
for await (const line of createInterface({ input: process.stdin })) {
  const { id, command, ...rest } = JSON.parse(line);
  Promise.resolve(COMMANDS[command](rest)).then(
    (value) => console.log(JSON.stringify({ id, value })),
    (error) => console.log(JSON.stringify({ id, error: String(error) })),
  );
}
await browser.close();
files.close();
