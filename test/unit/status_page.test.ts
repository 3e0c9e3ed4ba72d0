/** The page of a status listener as a file: it is current, asks nobody but its server, and can be read by everybody. */

import { test } from "node:test";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { assert, assertEquals } from "@std/assert";
import { PAGE, PAGE_POLICY } from "../../src/status/page_file.ts";

const FOLDER = new URL("../../src/status/page/", import.meta.url);

/** The most bytes of the page. */
const MOST = 41_000;

const read = (name: string): string => readFileSync(new URL(name, FOLDER), "utf8");

test("the page is made of the sources of today", {
  skip: "Deno" in globalThis || "Bun" in globalThis ? "the same file on all: on Node" : false,
}, async () => {
  const { makePage } = await import(new URL("build.mjs", FOLDER).href) as { makePage(): Promise<string> };
  const made = readFileSync(new URL("../page_file.ts", FOLDER), "utf8");
  assert(made === await makePage(), "src/status/page_file.ts is not current: npm run page");
});

test(`the page has under ${MOST} bytes, and its policy lets nothing run but its own script`, () => {
  const size = new TextEncoder().encode(PAGE).length;
  assert(size > 20_000 && size < MOST, `${size} bytes`);
  const between = (start: string, end: string): string =>
    PAGE.slice(PAGE.indexOf(start) + start.length, PAGE.lastIndexOf(end));
  const hash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  const script = between(`<script type="module">`, "</script>");
  assertEquals(PAGE_POLICY.split("; "), [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(between("<style>", "</style>"))}`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ]);
  // The name of SVG is no address that is asked.
  const addresses = PAGE.replaceAll("http://www.w3.org/2000/svg", "").match(/(?:https?:|wss?:|"\/\/)[\w/.]+/g);
  assertEquals(addresses, null);
  assertEquals(
    /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function/.exec(script)?.[0],
    undefined,
  );
  assertEquals(/<[^>]* (?:on\w+|style)=/.exec(read("page.html"))?.[0], undefined);
});

test("the page has an element for each that its script asks for, and a caption and heads for each table", () => {
  const html = read("page.html");
  const ids = new Set(Array.from(html.matchAll(/ id="([^"]+)"/g), ([, id]) => id!));
  const scripts = readdirSync(FOLDER).filter((name) => name.endsWith(".ts")).map(read).join("\n");
  const asked = Array.from(scripts.matchAll(/byId\("([^"]+)"\)/g), ([, id]) => id!);
  assert(asked.length > 20);
  assertEquals(asked.filter((id) => !ids.has(id)), []);
  const labels = Array.from(html.matchAll(/ aria-labelledby="([^"]+)"/g), ([, id]) => id!);
  assertEquals(labels.filter((id) => !ids.has(id)), []);
  for (const [table] of html.matchAll(/<table[^]*?<\/table>/g)) {
    assert(/<caption[^>]*>.+<\/caption>/.test(table), table);
    for (const [head] of table.matchAll(/<th\b[^>]*>/g)) assert(head.includes(`scope="col"`), head);
  }
});

// --- contrast, as WCAG 2.2 computes it ---

/** The least contrast of text, and of what is no text but has to be seen (WCAG 2.2, 1.4.3 and 1.4.11). */
const [OF_TEXT, OF_OTHERS] = [4.5, 3];

const GROUNDS: Readonly<Record<string, readonly string[]>> = {
  text: ["page", "card", "ok-tint", "warning-tint", "trouble-tint", "away-tint"],
  muted: ["page", "card"],
  blue: ["page", "card"],
  ok: ["card", "ok-tint"],
  warning: ["card", "warning-tint"],
  trouble: ["card", "trouble-tint"],
  away: ["away-tint"],
};

/** Lines and bars on what is behind them. */
const SHAPES: readonly (readonly [string, string])[] = [
  ["blue", "track"],
  ["blue", "card"],
  ["teal", "card"],
  ["trouble", "track"],
  ["muted", "card"],
  ["warning", "page"],
  ["ok", "page"],
];

test("the colors of the page have the contrast of WCAG AA, in light and in dark", () => {
  const [light, dark] = Array.from(read("base.css").matchAll(/:root \{([^}]*)\}/g), ([, block]) => colorsOf(block!));
  for (const [scheme, colors] of Object.entries({ light: light!, dark: dark! })) {
    assertEquals(Object.keys(colors), Object.keys(light!));
    const poor = Object.entries(GROUNDS).flatMap(([text, grounds]) =>
      grounds.map((ground) => [text, ground, contrast(colors[text]!, colors[ground]!), OF_TEXT] as const)
    ).concat(
      SHAPES.map(([shape, ground]) => [shape, ground, contrast(colors[shape]!, colors[ground]!), OF_OTHERS] as const),
    )
      .filter(([, , has, least]) => !(has >= least));
    assertEquals(poor, [], scheme);
  }
});

function colorsOf(block: string): Record<string, string> {
  return Object.fromEntries(
    Array.from(block.matchAll(/--([\w-]+): (#[\da-f]{6});/g), ([, name, color]) => [name!, color!]),
  );
}

function contrast(one: string, other: string): number {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter! + 0.05) / (darker! + 0.05);
}

function luminance(color: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}
