// A headless Chromium, driven by playwright-core, for tests on any runtime: node test/helpers/chromium.mjs CHROMIUM FOLDER.
// Reads commands, one line of JSON each, and answers each with a line: { "id", "value" } or { "id", "error" }. Pages are at
// http://127.0.0.1/ and /browser.js is that of dist. A script for Node: the driver is for it.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";

// `deno check` resolves imports by an import map that has none of it.
const { chromium } = createRequire(import.meta.url)("playwright-core");

const [executablePath, root] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  // Root has no sandbox, and self-signed certificates are what the tests have.
  args: ["--no-sandbox", "--ignore-certificate-errors"],
});
const pages = new Map();

const COMMANDS = {
  /** Opens a page: at a URL, or with a body at http://127.0.0.1/. */
  async open({ page, url, width = 800, dark = false }) {
    const context = await browser.newContext({
      viewport: { width, height: 640 },
      colorScheme: dark ? "dark" : "light",
    });
    const opened = await context.newPage();
    pages.set(page, opened);
    opened.errors = [];
    opened.on("pageerror", (error) => opened.errors.push(String(error)));
    if (url !== undefined) return void await opened.goto(url);
    await opened.route("http://127.0.0.1/**", (route) =>
      route.request().url().endsWith("/browser.js")
        ? route.fulfill({ contentType: "text/javascript", body: readFileSync(join(root, "dist/browser.js"), "utf8") })
        : route.fulfill({ contentType: "text/html", body: "<!doctype html><title>test</title>" }));
    await opened.goto("http://127.0.0.1/");
  },
  /** Runs the body of an asynchronous function in a page. */
  run: ({ page, code }) => pages.get(page).evaluate(`(async () => { ${code} })()`),
  /** Fills in a field that has this label, as a person finds it. */
  fill: ({ page, label, text }) => pages.get(page).getByLabel(label).fill(text),
  press: ({ page, button }) => pages.get(page).getByRole("button", { name: button }).click(),
  screenshot: async ({ page, path }) => void await pages.get(page).screenshot({ path }),
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
