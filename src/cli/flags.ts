/**
 * Flags: the options of the command line, made from the tables of options and limits.
 *
 * @module
 */

import { InvalidArgumentError, Option } from "commander";
import type { Unit } from "../check.ts";
import { CHOICES, LIMITS, type Limits } from "../server/options.ts";
import { formatDuration, formatSize, parseCount, parseDuration, parseSize } from "./units.ts";

/** How a number of one kind is written on the command line. */
interface Kind {
  /** Its name in the help. */
  readonly name: string;
  /** What it looks like, for the error. */
  readonly looks: string;
  parse(text: string): number | undefined;
  format(value: number): string;
}

const COUNT: Kind = { name: "count", looks: "a whole number", parse: parseCount, format: String };

const SIZE: Kind = {
  name: "size",
  looks: "a size such as 64KiB, 2MB or 1048576",
  parse: parseSize,
  format: formatSize,
};

const DURATION: Kind = {
  name: "duration",
  looks: "a duration such as 10s, 500ms or 2m",
  parse: parseDuration,
  format: formatDuration,
};

const KINDS: Readonly<Record<Unit, Kind>> = {
  "connections": COUNT,
  "frames/s": COUNT,
  "bytes": SIZE,
  "bytes/s": SIZE,
  "ms": DURATION,
};

/** The help of the options that are one of a few words. */
const ABOUT: Readonly<Record<keyof typeof CHOICES, string>> = {
  framing: "how frames are delimited",
  slowConsumer: "over --max-lag",
  echo: "which connections receive a frame",
};

/** The option for a limit: its flag, parser, default and help all come from the limits table. */
export function limitOption(name: keyof Limits): Option {
  const limit = LIMITS[name];
  const kind = KINDS[limit.unit];
  return numberOption(flagOf(name), kind, limit.about, limit)
    .default(limit.default, kind.format(limit.default));
}

/** An option that is a whole number or a size. */
export function rangeOption(
  flag: string,
  kind: "count" | "size" | "duration",
  about: string,
  range: { readonly min: number; readonly max: number },
): Option {
  return numberOption(flag, { count: COUNT, size: SIZE, duration: DURATION }[kind], about, range);
}

function numberOption(flag: string, kind: Kind, about: string, { min, max }: { min: number; max: number }): Option {
  return new Option(`${flag} <${kind.name}>`, about).argParser((text: string): number => {
    const value = kind.parse(text);
    if (value !== undefined && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It is ${kind.looks}, from ${kind.format(min)} to ${kind.format(max)}.`);
  });
}

/** The option for one of a few words; the first is the default. */
export function choiceOption(name: keyof typeof CHOICES): Option {
  const choices: readonly string[] = CHOICES[name];
  return new Option(`${flagOf(name)} <word>`, ABOUT[name]).choices(choices).default(choices[0]);
}

/** `--max-frame` for `maxFrame`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
