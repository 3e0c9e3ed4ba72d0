/**
 * Reports: what is printed about a campaign and about a failure.
 *
 * @module
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Failure, Tally } from "./campaign.ts";
import { shrink } from "./shrink.ts";
import { type AnyRecording, type World, worldOf } from "./worlds.ts";

/** How many lines of a trace are printed: its end, where the run fails. */
const SHOWN = 40;

/** The marks of a campaign as a table, the unreached ones on top. */
export function marksTable({ marks }: World, counts: Readonly<Record<string, number>>): string {
  const rows = Object.keys(marks).sort((one, other) => counts[one]! - counts[other]!);
  const cells = rows.map((mark) => [mark, counts[mark]!.toLocaleString("en"), marks[mark]!] as const);
  const width = Math.max(...cells.map(([mark]) => mark.length));
  return cells.map(([mark, count, about]) => `${mark.padEnd(width)} ${count.padStart(14)}  ${about}`).join("\n");
}

/** One line on a campaign. */
export function summary({ seeds, events, failures }: Tally, seconds: number): string {
  const rate = Math.round(events / Math.max(seconds, 0.001));
  const figures = [seeds, events, rate].map((figure) => figure.toLocaleString("en"));
  return `${figures[0]} seeds, ${figures[1]} events in ${seconds.toFixed(1)} s (${figures[2]} events/s), ` +
    `${failures.length} failures`;
}

/** Shrinks the run of a seed that failed, keeps it as a file, and prints how it fails. */
export async function explain(world: World, failure: Failure, folder: string): Promise<string> {
  const { recording, outcome } = await world.record(failure.seed);
  if (outcome.violation === undefined) return `seed ${failure.seed} failed, and does not when it is repeated`;
  const short = await shrink(world, recording, outcome.violation.rule);
  mkdirSync(folder, { recursive: true });
  const path = `${folder}/${failure.rule.replace(/[^a-z]+/g, "-")}-${failure.seed}.json`;
  writeFileSync(path, JSON.stringify(short, undefined, 1) + "\n");
  return [
    `seed ${failure.seed}: ${recording.steps.length} steps, shrunk to ${short.steps.length}`,
    await traceOf(short),
    `again: npm run sim -- --replay ${path}`,
  ].join("\n");
}

/** The trace of a recording, its end. */
export async function traceOf(recording: AnyRecording, most: number = SHOWN): Promise<string> {
  const { lines = [], violation, hash } = await worldOf(recording).replay(recording, true);
  const shown = lines.filter((line) => line !== "");
  const left = shown.length - most;
  return [
    worldOf(recording).describe(recording.settings),
    ...(left > 0 ? [`... ${left} lines before`] : []),
    ...shown.slice(-most),
    violation === undefined ? `everything held, trace ${hash}` : `FAILED: ${violation.rule}: ${violation.what}`,
  ].join("\n");
}

/** A recording that was kept as a file. */
export function readRecording(path: string): AnyRecording {
  return JSON.parse(readFileSync(path, "utf8")) as AnyRecording;
}
