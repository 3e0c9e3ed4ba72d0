/**
 * What a room of a size needs, computed from what was measured: the tables of docs/sizing.md. Usage: `npm run sizing`.
 *
 * @module
 */

import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { type Section, spread } from "./table.ts";

/** What was measured of a runtime. */
export interface Measured {
  readonly runtime: string;
  /** Processor time of one write that carries a few small frames, in µs: `unbatched`. */
  readonly write: number;
  /** Processor time of a byte in a large write, in µs: `frames-1m`. */
  readonly byte: number;
  /** Processor time of receiving from one connection once, among 10,000, in µs: `idle-10000`. */
  readonly event: number;
  /** Memory of a mob with 10,000 connections, in MiB. */
  readonly memory: number;
  /** Connects a second: `join-storm`. */
  readonly joins: number;
}

/** Something that is sent to all. */
export interface Load {
  readonly name: string;
  /** Frames a second that are published, all senders together. */
  readonly rate: number;
  /** Bytes of a payload. */
  readonly size: number;
  /** The time in which a frame has to be written to all, in seconds. */
  readonly within: number;
}

/** What a room needs. */
export interface Need {
  /** How many mobs, each with a core of its own. */
  readonly mobs: number;
  /** Cores that are busy, all mobs together. */
  readonly cores: number;
  /** From the first write of a frame to the last, in one mob, in seconds. */
  readonly sweep: number;
  /** Memory of all mobs together, in MiB. */
  readonly memory: number;
  /** What goes out to clients, in bits a second, all mobs together, headers of TCP and Ethernet included. */
  readonly network: number;
  /** What the engine of a bus hands out, in bits a second; 0: there is one mob and no bus. */
  readonly engine: number;
  /** After one mob has failed: until the others have taken its clients, in seconds, behind the clients' own wait. */
  readonly failover: number;
  /** After all mobs have failed: until all clients are back. */
  readonly restart: number;
}

/** The sizes of rooms. */
const SIZES: readonly number[] = [1_000, 100_000, 1_000_000];

/** What is sent. */
const LOADS: readonly Load[] = [
  { name: "an announcement a second: 1 KiB, written to all within a second", rate: 1, size: 1024, within: 1 },
  {
    name: "live values: 20 frames of 200 bytes a second, within a quarter of a second",
    rate: 20,
    size: 200,
    within: 0.25,
  },
];

/** The most connections that one mob was measured with. */
const CONNECTIONS = 10_000;

/** How busy a core is planned to be. */
const BUSY = 0.5;

/** Bytes of a u64 frame besides its payload, and of a TCP segment on Ethernet, with timestamps, besides its data. */
const [FRAME, SEGMENT, SEGMENT_DATA] = [8, 66, 1448];

/** The medians of a row of the benchmark. Throws when they were not measured. */
function median(sections: readonly Section[], shape: string, row: string, figure: string): number {
  const entry = sections.find((section) => section.shape.name === shape)?.entries.find((one) => one.row === row);
  const found = entry && spread(entry, figure);
  if (!found) throw new Error(`Cannot read ${figure} of ${row} in ${shape}: run npm run bench -- ${shape}`);
  return found.median;
}

/** What was measured of each runtime. */
export function measuredOf(sections: readonly Section[]): Measured[] {
  return ["node", "bun", "deno"].map((runtime) => {
    const of = (shape: string, figure: string): number => median(sections, shape, `mobcast ${runtime}`, figure);
    return {
      runtime,
      write: of("unbatched", "processor") * of("unbatched", "framesPerRead"),
      byte: of("frames-1m", "processor") / 2 ** 20,
      event: of("idle-10000", "processor"),
      memory: of("idle-10000", "memory"),
      joins: 3000 / of("join-storm", "joined") * 1000,
    };
  });
}

/** What a room of `clients` needs on a runtime. */
export function needOf(clients: number, load: Load, measured: Measured): Need {
  const bytes = load.size + FRAME;
  /** One frame to one client, in seconds. */
  const delivery = (measured.write + bytes * measured.byte) / 1e6;
  const receiving = load.rate * measured.event / 1e6;
  const writing = load.rate * clients * delivery;
  const mobs = Math.ceil(
    Math.max(clients / CONNECTIONS, clients * delivery / load.within, writing / BUSY),
  );
  const each = clients / mobs;
  const headers = Math.ceil(bytes / SEGMENT_DATA) * SEGMENT;
  return {
    mobs,
    // Each mob publishes every frame.
    cores: writing + mobs * receiving,
    sweep: each * delivery,
    memory: mobs * measured.memory,
    network: load.rate * clients * (bytes + headers) * 8,
    engine: mobs === 1 ? 0 : mobs * load.rate * bytes * 8,
    failover: mobs === 1 ? each / measured.joins : each / (mobs - 1) / measured.joins,
    restart: each / measured.joins,
  };
}

const count = (value: number): string => value.toLocaleString("en", { maximumFractionDigits: 0 });
const short = (value: number): string => value >= 9.95 ? count(value) : value.toPrecision(2);
const seconds = (value: number): string => value >= 1 ? `${short(value)} s` : `${short(value * 1000)} ms`;
const bits = (value: number): string =>
  value === 0
    ? "none"
    : value >= 1e9
    ? `${short(value / 1e9)} Gbit/s`
    : value >= 1e6
    ? `${short(value / 1e6)} Mbit/s`
    : `${short(value / 1e3)} kbit/s`;
const bytes = (value: number): string => value >= 1024 ? `${short(value / 1024)} GiB` : `${short(value)} MiB`;

/** The rows of a table. */
const ROWS: readonly (readonly [title: string, cell: (need: Need) => string])[] = [
  ["mobs, a core each", ({ mobs }) => count(mobs)],
  ["cores that are busy", ({ cores }) => short(cores)],
  ["a frame is written to all of a mob's clients in", ({ sweep }) => seconds(sweep)],
  ["memory of all mobs", ({ memory }) => bytes(memory)],
  ["network out, to clients", ({ network }) => bits(network)],
  ["network out of the bus", ({ engine }) => bits(engine)],
  [
    "one mob fails: the others have its clients after",
    ({ failover, mobs }) => mobs === 1 ? "no other" : seconds(failover),
  ],
  ["all fail: all clients are back after", ({ restart }) => seconds(restart)],
];

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** The tables: what was measured, and what each load needs on Node. */
export function tablesOf(sections: readonly Section[]): string {
  const measured = measuredOf(sections);
  const [node] = measured;
  const figures: readonly (readonly [string, (of: Measured) => string])[] = [
    ["a write of some small frames (`unbatched`)", ({ write }) => `${write.toFixed(1)} µs`],
    ["a byte in a large write (`frames-1m`)", ({ byte }) => `${(byte * 1000).toFixed(2)} ns`],
    ["receiving from a connection once (`idle-10000`)", ({ event }) => `${event.toFixed(0)} µs`],
    ["memory with 10,000 connections (`idle-10000`)", ({ memory }) => `${memory.toFixed(0)} MiB`],
    ["connects a second (`join-storm`)", ({ joins }) => count(joins)],
  ];
  const input = table(
    ["measured", "Node", "Bun", "Deno"],
    figures.map(([title, cell]) => [title, ...measured.map(cell)]),
  );
  const loads = LOADS.map((load) => {
    const needs = SIZES.map((clients) => needOf(clients, load, node!));
    const head = ["on Node", ...SIZES.map((clients) => `${count(clients)} clients`)];
    return `**${load.name[0]!.toUpperCase()}${load.name.slice(1)}**\n\n${
      table(head, ROWS.map(([title, cell]) => [title, ...needs.map(cell)]))
    }`;
  });
  return [input, ...loads].join("\n\n");
}

/** Where the tables stand in the page. */
const [BEGIN, END] = ["<!-- made by npm run sizing -->\n\n", "\n\n<!-- end -->"];

/** The page with the tables that belong to the results. Throws when it has no place for them. */
export function pageWith(page: string, sections: readonly Section[]): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from === -1 || to < from) {
    throw new Error(`Cannot find the place of the tables: ${BEGIN.trim()}, write it into the page`);
  }
  return page.slice(0, from + BEGIN.length) + tablesOf(sections) + page.slice(to);
}

/** The results and the page in a folder. */
export function filesOf(root: URL): { readonly sections: Section[]; readonly page: URL } {
  const { sections } = JSON.parse(readFileSync(new URL("bench/results/results.json", root), "utf8"));
  return { sections, page: new URL("docs/sizing.md", root) };
}

if (process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === import.meta.url) {
  const { sections, page } = filesOf(new URL("../", import.meta.url));
  writeFileSync(page, pageWith(readFileSync(page, "utf8"), sections));
}
