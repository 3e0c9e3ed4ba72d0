/**
 * A headless Chromium for tests. It is driven by a process of Node, whatever the tests run on.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { ROOT } from "./command_line.ts";
import { within } from "./wait.ts";

/** Where Chromium is; `undefined`: nowhere. */
export const CHROMIUM: string | undefined = [
  process.env["CHROMIUM"],
  ...(process.env["PATH"] ?? "").split(delimiter).flatMap((folder) =>
    ["chromium", "chromium-browser", "google-chrome"].map((name) => join(folder, name))
  ),
].find((path) => path && existsSync(path));

/** The options of a test that needs it: Debian's `chromium`, or the one that CHROMIUM names. */
export const WITH_CHROMIUM: { readonly timeout: number; readonly skip: string | false } = {
  timeout: 60_000,
  skip: CHROMIUM === undefined ? "there is no chromium" : false,
};

/** Pictures go here, to be looked at, when this is set. */
export const PICTURES: string | undefined = process.env["PICTURES"];

/** How a page is shown. */
export interface PageOptions {
  /** Where it is. Default: an empty page at 127.0.0.1. */
  readonly url?: string;
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
}

type Settle = readonly [(value: unknown) => void, (error: Error) => void];

/** No page needs longer for anything. */
const PATIENCE = 20_000;

/** A running Chromium. */
export class Chromium {
  readonly #driver: ChildProcess;
  readonly #waiting: Map<number, Settle> = new Map();
  #commands = 0;
  #pages = 0;

  /** Starts it. */
  static async start(): Promise<Chromium> {
    const chromium = new Chromium();
    await within(chromium.#wait(0), "Chromium", PATIENCE);
    return chromium;
  }

  private constructor() {
    this.#driver = spawn("node", [join(ROOT, "test/helpers/chromium.mjs"), CHROMIUM!, ROOT], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#driver.stdin!.on("error", () => {});
    createInterface({ input: this.#driver.stdout! }).on("line", (line) => {
      const { id, value, error } = JSON.parse(line) as { id: number; value?: unknown; error?: string };
      const [resolve, reject] = this.#waiting.get(id) ?? [];
      this.#waiting.delete(id);
      if (error === undefined) resolve?.(value);
      else reject?.(new Error(error));
    });
    this.#driver.on("close", () => {
      for (const [, reject] of this.#waiting.values()) reject(new Error("Chromium has ended"));
    });
  }

  /** Opens a page, in a tab of its own. */
  async open(options: PageOptions = {}): Promise<Page> {
    const page = ++this.#pages;
    const send = (command: string, rest: object): Promise<unknown> => this.#send({ command, page, ...rest });
    await send("open", options);
    return new Page(send);
  }

  /** Ends it, with all pages. */
  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#driver.once("close", resolve));
    this.#driver.stdin!.end();
    await within(ended, "the end of Chromium", PATIENCE);
  }

  #send(command: object): Promise<unknown> {
    const id = ++this.#commands;
    this.#driver.stdin!.write(`${JSON.stringify({ id, ...command })}\n`);
    return within(this.#wait(id), JSON.stringify(command).slice(0, 300), PATIENCE);
  }

  #wait(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => this.#waiting.set(id, [resolve, reject]));
  }
}

/** A page. */
export class Page {
  readonly #send: (command: string, rest: object) => Promise<unknown>;

  /** Made by {@link Chromium.open}. */
  constructor(send: (command: string, rest: object) => Promise<unknown>) {
    this.#send = send;
  }

  /** Runs the body of an asynchronous function, and resolves to the JSON that it returns. */
  async run<Value>(code: string): Promise<Value> {
    return await this.#send("run", { code }) as Value;
  }

  /** Fills in the field with a label. */
  async fill(label: string, text: string): Promise<void> {
    await this.#send("fill", { label, text });
  }

  /** Presses the button with a name. */
  async press(button: string): Promise<void> {
    await this.#send("press", { button });
  }

  /** Presses a key: `Tab`, `Enter`. */
  async key(name: string): Promise<void> {
    await this.#send("key", { name });
  }

  /** Makes a picture, as PNG: of what is seen, or of the whole page. */
  async screenshot(path: string, whole = false): Promise<void> {
    await this.#send("screenshot", { path, whole });
  }

  /** The URLs that the page has asked for. */
  async requests(): Promise<string[]> {
    return await this.#send("requests", {}) as string[];
  }

  /** The errors that nobody caught in the page, and those that the browser has told of. */
  async errors(): Promise<string[]> {
    return await this.#send("errors", {}) as string[];
  }

  /** Leaves the page. */
  async close(): Promise<void> {
    await this.#send("close", {});
  }
}
