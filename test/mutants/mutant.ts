/**
 * Mutants: small bugs, to be planted in a copy of the project. Tests must find each, or they could not find the next one
 * that we make ourselves.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, type RuntimeName } from "../helpers/command_line.ts";
import type { Hole } from "./holes.ts";

/** The test that finds a bug: on each of these runtimes it must fail. */
export interface Proof {
  /** Where it must fail. */
  readonly on: readonly RuntimeName[];
  /** The file of the test. */
  readonly tests: string;
  /** A part of the test's name, as a regular expression; not given: any test of the file. */
  readonly named?: string;
}

/** A bug, as it is written in a table. */
export interface Bug {
  /** The function, class or constant that it is in, `Class.method` when the name is not unique; not given: the file. */
  readonly in?: string;
  /** What is there, exactly once. */
  readonly from: string;
  /** What the bug puts in its place. */
  readonly to: string;
  /** What is wrong then, in words. */
  readonly why: string;
  /** What finds it, when that is not the proof of the group. */
  readonly proof?: Proof;
  /** Whether it is one of the few that are tried each time. */
  readonly sample?: boolean;
  /** The hole in the tests that it stands for, see {@link HOLES}. */
  readonly hole?: Hole;
}

/** The bugs of one file. */
export interface Group {
  readonly file: string;
  /** What finds its bugs; not given: the simulation. */
  readonly proof?: Proof;
  readonly bugs: readonly Bug[];
}

/** A bug with all that belongs to it. */
export interface Mutant extends Bug {
  readonly file: string;
}

/** A unit test on Node. */
export function unit(file: string, named?: string): Proof {
  return { on: ["node"], tests: `test/unit/${file}.test.ts`, ...(named !== undefined && { named }) };
}

/** The mutants of some groups. */
export function mutantsOf(groups: readonly Group[]): Mutant[] {
  return groups.flatMap(({ file, proof, bugs }) => bugs.map((bug) => ({ file, ...(proof && { proof }), ...bug })));
}

/** The file with the bug in it. Throws when its place is not there, or not once: then the mutant must be mended. */
export function plant(mutant: Mutant): string {
  const source = readFileSync(join(ROOT, mutant.file), "utf8");
  const [start, end] = mutant.in === undefined ? [0, source.length] : rangeOf(source, mutant.in.split("."), mutant);
  const parts = source.slice(start, end).split(mutant.from);
  if (parts.length !== 2) throw cannotPlant(mutant, JSON.stringify(mutant.from), parts.length - 1);
  return source.slice(0, start) + parts.join(mutant.to) + source.slice(end);
}

/** Where a declaration is: the first name in the file, each further one in the declaration before it. */
function rangeOf(source: string, names: readonly string[], mutant: Mutant): [number, number] {
  let [start, end] = [0, source.length];
  names.forEach((name, depth) => {
    const found = [...source.slice(start, end).matchAll(declarationOf(name, depth))];
    if (found.length !== 1) throw cannotPlant(mutant, name, found.length);
    start += found[0]!.index;
    end = start + lengthOf(source.slice(start, end), found[0]![1]!);
  });
  return [start, end];
}

/** The first line of a declaration: indented by two at most, or by more inside of another. */
function declarationOf(name: string, depth: number): RegExp {
  const indent = depth === 0 ? " {0,2}" : " {2,}";
  const words = "(?:(?:export|default|protected|async|static|readonly|override|get|set|const|let|function\\*?) )*";
  // A function, a class, a field or a constant; a call in a line of its own is none.
  const rest = String.raw`(?:(?:<[^>\n]*>)?\((?:.*[{(])?$|[?!]?: .*$| = .*$| =$)`;
  return new RegExp(`^(${indent})(?:${words}\\*?${name}${rest}|(?:export )?class ${name}\\b.*{$)`, "gm");
}

/** Up to the line that closes it: the first one that is not indented more, but for the end of its parameters. */
function lengthOf(text: string, indent: string): number {
  let length = text.indexOf("\n") + 1;
  while (length > 0 && length < text.length) {
    const next = text.indexOf("\n", length) + 1 || text.length;
    const line = text.slice(length, next);
    length = next;
    if (line.trim() === "" || line.startsWith(`${indent} `) || /^ *[)\]}].*[{([]\s*$/.test(line)) continue;
    break;
  }
  return length;
}

function cannotPlant({ why, file }: Mutant, what: string, times: number): Error {
  return new Error(`Cannot plant "${why}": ${what} is ${times} times in its place in ${file}`);
}
