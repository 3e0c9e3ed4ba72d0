// Makes src/status/page_file.ts: the page as one file, with the policy that lets nothing in it run but its own script.
// Usage: npm run page

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";
import { fileURLToPath } from "node:url";

// `deno check` resolves imports by an import map that has none of it.
const { build, transform } = createRequire(import.meta.url)("esbuild");

const TARGET = ["es2022", "chrome100", "firefox100", "safari15.4"];

/** The styles, in their order. */
const STYLES = ["base.css", "parts.css", "narrow.css"];

/** The text of src/status/page_file.ts. */
export async function makePage() {
  const here = (name) => fileURLToPath(new URL(name, import.meta.url));
  const { outputFiles: [bundle] } = await build({
    entryPoints: [here("main.ts")],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: TARGET,
    charset: "utf8",
    write: false,
  });
  const sheets = STYLES.map((name) => readFileSync(here(name), "utf8")).join("\n");
  const { code: css } = await transform(sheets, {
    loader: "css",
    minify: true,
    target: TARGET,
    charset: "utf8",
  });
  const [script, style] = [bundle.text.trim(), css.trim()];
  const html = readFileSync(here("page.html"), "utf8")
    .replaceAll(/\n\s*/g, "\n")
    .replace("<style></style>", () => `<style>${style}</style>`)
    .replace('<script type="module"></script>', () => `<script type="module">${script}</script>`);
  const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  const policy = [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(style)}`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
  return `/**
 * The page of a status listener, as one file: made from src/status/page by \`npm run page\`.
 *
 * @module
 */

/** The page's HTML. */
export const PAGE: string = ${JSON.stringify(html)};

/** Its Content-Security-Policy: nothing runs but its own script, and it asks nobody but its own server. */
export const PAGE_POLICY: string =
  ${JSON.stringify(policy)};
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL("../page_file.ts", import.meta.url), await makePage());
}
