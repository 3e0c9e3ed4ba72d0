/**
 * The benchmark: `npm run bench -- [SHAPE ...] [--rows NAME,...] [--repeat N] [--seconds S] [--out FOLDER] [--quick]`.
 *
 * The shapes of `ws`, `scraped`, `tls`, `many`, `churn`, `small` and `largest` are measured only when they are asked for.
 * Every row of a shape is measured once, then all of them again, so that other work of the machine affects all rows.
 * Writes results.md, results.json and the charts of what was measured.
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import typescript from "typescript";
import { ROOT } from "../test/helpers/command_line.ts";
import { writeCharts } from "./chart.ts";
import { CACHE, compileGenerator } from "./load.ts";
import { measure, type Method } from "./measure.ts";
import { type Row, ROWS, takesPart } from "./rows.ts";
import { CHURN, LADDER, MANY, OVER_TLS, SCRAPED, type Shape, SHAPES, SMALL, WEBSOCKETS } from "./shapes.ts";
import { type Entry, type Section, toMarkdown } from "./table.ts";
import { encryptionCost, makeCertificate, withLimits } from "./tls.ts";

/** What was asked for. */
interface Task {
  readonly shapes: readonly Shape[];
  readonly rows: readonly Row[];
  readonly repeat: number;
  readonly seconds: number;
  readonly ramp: number;
  readonly out: string;
}

/** Understands the arguments. Throws when they ask for what there is not. */
function understand(args: string[]): Task {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      rows: { type: "string" },
      repeat: { type: "string" },
      seconds: { type: "string" },
      out: { type: "string", default: join(ROOT, "bench/results") },
      quick: { type: "boolean", default: false },
    },
  });
  const all: readonly Shape[] = [
    ...SHAPES,
    ...WEBSOCKETS,
    ...SCRAPED,
    ...OVER_TLS,
    ...MANY,
    ...CHURN,
    ...SMALL,
    ...LADDER,
  ];
  const shapes = positionals.flatMap((name) => pick(all, name, "shape"));
  const rows = (values.rows ?? "").split(",").filter(Boolean).flatMap((name) => pick(ROWS, name.trim(), "row"));
  return {
    shapes: shapes.length > 0 ? shapes : SHAPES,
    rows: rows.length > 0 ? ROWS.filter((row) => rows.includes(row)) : ROWS,
    repeat: positive(values.repeat ?? (values.quick ? "1" : "3"), "--repeat"),
    seconds: positive(values.seconds ?? (values.quick ? "1" : "3"), "--seconds"),
    ramp: values.quick ? 0.5 : 1,
    out: resolve(values.out),
  };
}

/** The shapes with this name, or whose names begin with it: `closed` is all closed loops, `mobcast` all its runtimes. */
function pick<Named extends { readonly name: string }>(all: readonly Named[], name: string, what: string): Named[] {
  const found = all.filter((one) => one.name === name);
  if (found.length > 0) return found;
  const alike = all.filter((one) => one.name.startsWith(name) || one.name.endsWith(` ${name}`));
  if (alike.length > 0) return alike;
  throw new Error(`no ${what} ${name}: there are ${all.map((one) => one.name).join(", ")}`);
}

function positive(text: string, flag: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1000) return value;
  throw new Error(`${flag} is a number over 0: ${text}`);
}

/** Node 20 runs no TypeScript: the controls are made ready for it as mobcast is. */
function buildControls(): void {
  for (
    const name of [
      "limit.node",
      "naive.node",
      "idle.node",
      "empty.node",
      "ws.node",
      "crossws.node",
      "tls.node",
      "frames",
      "batches",
    ]
  ) {
    const source = readFileSync(join(ROOT, `bench/controls/${name}.ts`), "utf8");
    const { outputText } = typescript.transpileModule(source, {
      compilerOptions: { target: typescript.ScriptTarget.ES2022, module: typescript.ModuleKind.ESNext },
    });
    writeFileSync(join(CACHE, `${name}.js`), outputText.replaceAll('.ts";', '.js";'));
  }
  writeFileSync(join(CACHE, "package.json"), '{"type":"module"}');
}

/** Measures all rows of a shape one after the other, several times. */
async function runShape(shape: Shape, task: Task, method: Method): Promise<Section> {
  const rows = task.rows.filter((row) => takesPart(row, shape));
  const entries: Entry[] = rows.map(({ name }) => ({ row: name, measurements: [] }));
  for (let round = 0; round < task.repeat; round++) {
    for (const [index, row] of rows.entries()) {
      const entry = entries[index]!;
      const missing = row.missing();
      if (missing !== undefined) {
        entry.failure = `skipped: ${missing}`;
        continue;
      }
      try {
        const measurement = await measure(row, shape, method);
        entry.measurements.push(measurement);
        delete entry.failure;
        console.error(`${shape.name} ${row.name}: ${summarise(measurement)}`);
      } catch (error) {
        if (entry.measurements.length === 0) entry.failure = (error as Error).message;
        console.error(`${shape.name} ${row.name}: ${(error as Error).message}`);
      }
    }
  }
  return { shape, entries };
}

function summarise({ figures, problems }: Entry["measurements"][number]): string {
  const cells = Object.entries(figures).map(([name, value]) =>
    `${name} ${value >= 1e5 ? `${(value / 1e6).toFixed(2)}M` : Number(value.toPrecision(3))}`
  );
  return [...cells, ...problems].join(", ");
}

/** About how long it takes, in minutes: starting, joining, loading and ending. */
function estimate({ shapes, rows, repeat, seconds, ramp }: Task): number {
  const each = (shape: Shape): number => shape.kind === "start" || shape.kind === "join" ? 2 : 2.5 + ramp + seconds;
  const total = shapes.reduce(
    (sum, shape) => sum + each(shape) * rows.filter((row) => takesPart(row, shape)).length,
    0,
  );
  return Math.ceil(total * repeat / 60);
}

function machine(): string {
  const [first] = cpus();
  return `${cpus().length} processors (${first?.model.trim() ?? "unknown"}), Linux ${release()}, loopback`;
}

function write(task: Task, sections: readonly Section[]): void {
  mkdirSync(task.out, { recursive: true });
  const peers = sections.some(({ entries }) => entries.some(({ row }) => row === "nats" || row === "ncat"));
  const head = [
    "# Results of `npm run bench`",
    "",
    `${machine()}; medians of ${task.repeat} runs of ${task.seconds} s, in brackets the range.`,
    `The server had one processor and the load the other.${
      peers ? " nats-server had both. ncat had one publisher." : ""
    }`,
    "",
  ];
  writeFileSync(join(task.out, "results.md"), [...head, ...sections.map(toMarkdown)].join("\n"));
  const { shapes: _shapes, rows: _rows, out: _out, ...method } = task;
  writeFileSync(join(task.out, "results.json"), JSON.stringify({ machine: machine(), ...method, sections }, null, 1));
  writeCharts(task.out, sections);
}

try {
  const task = understand(process.argv.slice(2));
  const tls = task.shapes.some((shape) => shape.kind !== "start" && shape.tls);
  const generator = compileGenerator(tls);
  if ("missing" in generator) throw new Error(`Cannot make the load generator: ${generator.missing}`);
  buildControls();
  if (tls) await makeCertificate();
  const perByte = tls ? encryptionCost() : undefined;
  console.error(`${task.shapes.length} shapes, about ${estimate(task)} minutes`);
  const sections: Section[] = [];
  for (const shape of task.shapes) {
    const method = { generator: generator.path, seconds: task.seconds, ramp: task.ramp };
    const measured = await runShape(shape, task, method);
    const limited = shape.kind === "closed" && shape.tls && perByte !== undefined;
    const section = limited ? withLimits(measured, shape, perByte) : measured;
    sections.push(section);
    write(task, sections);
    console.log(toMarkdown(section));
  }
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  process.exitCode = 2;
}
