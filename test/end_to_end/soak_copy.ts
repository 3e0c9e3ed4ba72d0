/** A copy of the sources that lists what it makes: each object of a class, each map, each set and each array that grows. */

import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { Socket } from "node:net";
import { ROOT } from "../helpers/command_line.ts";

/** What the copy imports instead of `node:timers`. */
const TIMERS = new URL("./soak_timers.ts", import.meta.url).href;

/** What only pages load: it has the timers of a page. */
const PAGES = /^(adapters\/browser\.ts|src\/status\/page(_file\.ts|\/.*))$/;

/** Has an object listed under a name, and returns it. */
type List = <T extends object>(name: string, made: T) => T;

/** The code that the copy has in place of the original's: the shipped code has no hook for tests. */
function listing(path: string, text: string): string {
  const file = basename(path, ".ts");
  if (/\bset(Timeout|Interval|Immediate)\(/.test(text) && !text.includes('"node:timers"')) {
    throw new Error(`Cannot count the timers of ${path}: it does not import them from node:timers`);
  }
  return text
    .replace('from "node:timers"', `from ${JSON.stringify(TIMERS)}`)
    // As a field, since a constructor may return early.
    .replace(/^((?:export )?class (\w+)[^{]*\{)$/gm, `$1 readonly soak: unknown = soakList("class $2", this);`)
    .replace(
      /(\w+)(: [^\n]*?)? = (new (?:Map|Set)(?:<[^()]*(?:\(\) => \w+)?[^()]*>)?\(\)|\[\]);/g,
      `$1$2 = soakList("${file}.$1", $3);`,
    );
}

/** Makes the copy, in a folder of its own. Returns the folder, and what removes it. */
export function copySources(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "mobcast-soak-"));
  for (const part of ["src", "adapters"]) {
    for (const name of readdirSync(join(ROOT, part), { recursive: true }).map(String)) {
      if (!name.endsWith(".ts") || PAGES.test(`${part}/${name}`)) continue;
      const path = join(folder, part, name);
      mkdirSync(dirname(path), { recursive: true });
      const declaration = "declare const soakList: <T extends object>(name: string, made: T) => T;\n";
      writeFileSync(path, declaration + listing(path, readFileSync(join(ROOT, part, name), "utf8")));
    }
  }
  copyFileSync(join(ROOT, "mod.ts"), join(folder, "mod.ts"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** After so many new entries the list is rid of what is gone. */
const SWEEP = 50_000;

/** All that the copy has made and that is not gone. Holds nothing back. */
export class Inventory {
  readonly #listed: [name: string, made: WeakRef<object>][] = [];
  #next = SWEEP;

  /** Lets the copy list what it makes. Call it before the copy is imported. */
  constructor() {
    const list: List = (name, made) => {
      this.#listed.push([name, new WeakRef(made)]);
      if (this.#listed.length >= this.#next) this.#sweep();
      return made;
    };
    (globalThis as unknown as { soakList: List }).soakList = list;
    this.#listSockets(list);
  }

  /** Lists each socket of `node:net` and `node:tls`, at the first listener for its events: they are no classes of ours. */
  #listSockets(list: List): void {
    const seen = new WeakSet<Socket>();
    const { on } = Socket.prototype;
    Socket.prototype.on = function (this: Socket, ...args: Parameters<typeof on>) {
      if (!seen.has(this)) list(`socket ${this.constructor.name}`, this);
      seen.add(this);
      return on.apply(this, args);
    } as typeof on;
  }

  /** How many objects of each class there are, and how many entries the lists of each name have together. */
  count(): Record<string, number> {
    this.#sweep();
    const counts: Record<string, number> = {};
    for (const [name, reference] of this.#listed) {
      const made = reference.deref();
      if (made === undefined) continue;
      const size = Array.isArray(made) ? made.length : made instanceof Map || made instanceof Set ? made.size : 1;
      counts[name] = (counts[name] ?? 0) + size;
    }
    return counts;
  }

  #sweep(): void {
    let kept = 0;
    for (const entry of this.#listed) if (entry[1].deref() !== undefined) this.#listed[kept++] = entry;
    this.#listed.length = kept;
    this.#next = kept + SWEEP;
  }
}
