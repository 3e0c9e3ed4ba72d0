/**
 * Checks: what a caller passes is checked before anything changes, and errors name what is wrong. TypeScript finds most of
 * it already, but not in programs in JavaScript.
 *
 * @module
 */

import type { Adapter } from "./contract/adapter.ts";

/** Throws a `TypeError` or a `RangeError` that names the option and the value, when the value is wrong. */
export type Check = (name: string, value: unknown) => void;

/** What each option has to be. */
export type Checks = Readonly<Record<string, Check>>;

/**
 * A copy of the options of `what`, each of them checked, without those that are `undefined`. Throws a `TypeError` when they
 * are no object, and for an option that `what` does not have.
 */
export function checkOptions<Options extends object>(
  what: string,
  given: Options | undefined,
  checks: Checks,
): Options {
  return checkFields(what, given === undefined ? {} : given, checks, "") as Options;
}

/** The same for options inside an option, whose names begin with `prefix`: `reconnect.minDelay`. */
export function checkFields(what: string, given: unknown, checks: Checks, prefix: string): Record<string, unknown> {
  if (kindOf(given) !== "Object") {
    throw new TypeError(`Cannot use ${shown(given)} as the options of ${what}: they are an object`);
  }
  const options: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given as object)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(checks, name)) {
      throw new TypeError(
        `Cannot use option ${prefix}${name}: there is none of that name in ${what}${
          suggestion(name, Object.keys(checks))
        }`,
      );
    }
    checks[name]!(`${prefix}${name}`, value);
    options[name] = value;
  }
  return options;
}

/** The kind of a value: `string`, `null`, `Array`, `Blob`, and `Object` for a plain object. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  return typeof value === "object" ? Object.prototype.toString.call(value).slice(8, -1) : typeof value;
}

/** Any value in a few words. Not every value has a JSON (a bigint) or a string (an object without a prototype). */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  // `Object` returns an object unchanged: anything else is a primitive.
  return Object(value) === value ? Object.prototype.toString.call(value) : String(value);
}

/** Throws a `TypeError` that names the option, the value and what it has to be. */
export function refuse(name: string, value: unknown, reason: string): never {
  throw new TypeError(`Cannot use ${name} ${shown(value)}: ${reason}`);
}

/** `setTimeout` counts in 32 bits: a longer one fires after a few milliseconds (measured on the three runtimes). */
export const LONGEST_TIMER: number = 2 ** 31 - 1;

// --- kinds ---

/** A function. */
export const isFunction: Check = (name, value) => {
  if (typeof value !== "function") refuse(name, value, "it is a function");
};

/** True or false. */
export const isBoolean: Check = (name, value) => {
  if (typeof value !== "boolean") refuse(name, value, "it is true or false");
};

/** The unit of a limit. */
export type Unit = "connections" | "bytes" | "ms" | "frames/s" | "bytes/s";

/** The numbers of a limit. */
export interface Range {
  /** The unit of the number. */
  readonly unit: Unit;
  /** The value when none is given. */
  readonly default: number;
  /** The smallest value that is taken. */
  readonly min: number;
  /** The largest value that is taken. */
  readonly max: number;
}

/** One row of the limits table. */
export interface Limit extends Range {
  /** What the limit is, in a few words. */
  readonly about: string;
  /** What happens when it is reached. */
  readonly effect: string;
}

/** A number that the row of a limit allows. */
export function isLimit({ unit, min, max }: Range): Check {
  return isWhole(unit, min, max);
}

/** Text that may be shown. */
export const isString: Check = (name, value) => {
  if (typeof value !== "string") refuse(name, value, "it is a string");
};

/** One of a few words. */
export function isOneOf(choices: readonly string[]): Check {
  return (name, value) => {
    if (!choices.includes(value as string)) refuse(name, value, `it is one of ${choices.join(", ")}`);
  };
}

/** A whole number of `unit` within a range; `most` itself may be `Infinity`. */
export function isWhole(unit: string, least: number, most: number): Check {
  return (name, value) => {
    if (typeof value !== "number") refuse(name, value, `it is a number of ${unit}`);
    if ((Number.isInteger(value) || value === most) && value >= least && value <= most) return;
    throw new RangeError(`Cannot use ${name} ${value}: it is a whole number of ${unit} from ${least} to ${most}`);
  };
}

/** An abort signal. A controller, passed by mistake, would never abort. */
export const isSignal: Check = (name, value) => {
  const { aborted, addEventListener } = Object(value) as Partial<AbortSignal>;
  if (typeof aborted === "boolean" && typeof addEventListener === "function") return;
  refuse(name, value, "it is an AbortSignal, such as AbortSignal.timeout(1000) or the signal of an AbortController");
};

/** An adapter. The function that makes one, passed by mistake, is not. */
export const isAdapter: Check = (name, value) => {
  for (const method of ["listen", "connect", "defer", "now", "after"] as const) {
    if (typeof (Object(value) as Partial<Adapter>)[method] === "function") continue;
    refuse(name, value, `it is an Adapter, such as nodeAdapter(), and has no ${method}()`);
  }
};

/** Certificates and keys, which are never shown. */
export function isTls(...fields: readonly string[]): Check {
  return (name, value) => {
    if (kindOf(value) !== "Object") {
      throw new TypeError(`Cannot use ${name}: it is an object with ${fields.join(", ")}, not ${kindOf(value)}`);
    }
    for (const [field, text] of Object.entries(value as object)) {
      const wrong = !fields.includes(field)
        ? `there is no such option${suggestion(field, fields)}`
        : text !== undefined && typeof text !== "string"
        ? `it is text, not ${kindOf(text)}`
        : undefined;
      if (wrong !== undefined) throw new TypeError(`Cannot use ${name}.${field}: ${wrong}`);
    }
  };
}

/** An option that exists elsewhere and would be ignored here. It may be a secret, so it is not shown. */
export function isNone(reason: string): Check {
  return (name) => {
    throw new TypeError(`Cannot use ${name}: ${reason}`);
  };
}

// --- suggestions ---

/** The known name that was probably meant, `, did you mean maxLag?`; empty when there is none. */
export function suggestion(name: string, names: readonly string[]): string {
  const meant = names.find((each) => each.toLowerCase() === name.toLowerCase()) ??
    names.find((each) => distance(each, name) <= 2) ??
    names.find((each) => name.length > 2 && each.toLowerCase().includes(name.toLowerCase()));
  return meant === undefined ? "" : `, did you mean ${meant}?`;
}

/** How many letters have to be added, removed or changed to turn one word into the other (Levenshtein). */
function distance(one: string, other: string): number {
  // Words whose lengths differ by more are further away than any caller asks.
  if (Math.abs(one.length - other.length) > 2) return Infinity;
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let at = 1; at <= one.length; at++) {
    const next = [at];
    for (let to = 1; to <= other.length; to++) {
      const change = row[to - 1]! + (one[at - 1] === other[to - 1] ? 0 : 1);
      next.push(Math.min(change, row[to]! + 1, next[to - 1]! + 1));
    }
    row = next;
  }
  return row[other.length]!;
}
