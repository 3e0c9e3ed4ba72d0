/**
 * Checks: what a caller passes is checked before anything changes, and errors name what is wrong. TypeScript finds most of
 * it already, but not in programs in JavaScript.
 *
 * @module
 */

import type { Adapter } from "./contract/adapter.ts";
import { suggestion } from "./suggestion.ts";

/** Throws a `TypeError` or a `RangeError` that names the option and the value, when the value is wrong. */
export type Check = (name: string, value: unknown) => void;

/** What each option has to be. */
export type Checks = Readonly<Record<string, Check>>;

/**
 * A copy of the options of `what`, each of them checked, without those that are `undefined`. Throws a `TypeError` when they
 * are no object, and for an option that `what` does not have. The names of options inside an option begin with `prefix`:
 * `reconnect.minDelay`.
 */
export function checkOptions<Options extends object>(
  what: string,
  given: Options | undefined = {} as Options,
  checks: Checks,
  prefix = "",
): Options {
  if (kindOf(given) !== "Object") {
    throw new TypeError(`Cannot use ${shown(given)} as the options of ${what}: they are an object`);
  }
  const options: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const name = prefix + key;
    if (!Object.hasOwn(checks, key)) {
      cannotUse(`option ${name}`, `there is none of that name in ${what}${suggestion(key, Object.keys(checks))}`);
    }
    checks[key]!(name, value);
    options[key] = value;
  }
  return options as Options;
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
  cannotUse(`${name} ${shown(value)}`, reason);
}

/** The same for an option whose value is not shown. */
export function cannotUse(name: string, reason: string): never {
  throw new TypeError(`Cannot use ${name}: ${reason}`);
}

/** Throws a `RangeError` that names the option, the number and what it has to be. */
export function outOfRange(name: string, value: number, reason: string): never {
  throw new RangeError(`Cannot use ${name} ${value}: ${reason}`);
}

/** `setTimeout` counts in 32 bits: a longer one fires after a few milliseconds (measured on the three runtimes). */
export const LONGEST_TIMER: number = 2 ** 31 - 1;

// --- kinds ---

function isA(kind: string, words: string): Check {
  return (name, value) => {
    if (kindOf(value) !== kind) refuse(name, value, `it is ${words}`);
  };
}

/** A function. */
export const isFunction: Check = /* @__PURE__ */ isA("function", "a function");

/** True or false. */
export const isBoolean: Check = /* @__PURE__ */ isA("boolean", "true or false");

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
export const isString: Check = /* @__PURE__ */ isA("string", "a string");

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
    outOfRange(name, value, `it is a whole number of ${unit} from ${least} to ${most}`);
  };
}

/** The mode bits of a file. */
export const isMode: Check = (name, value) => {
  const reason = "it is mode bits from 0 to 0o777, like 0o660";
  if (typeof value !== "number") refuse(name, value, reason);
  if (!Number.isInteger(value) || value < 0 || value > 0o777) outOfRange(name, value, reason);
};

/** An abort signal. A controller, passed by mistake, would never abort. */
export const isSignal: Check = (name, value) => {
  const { aborted, addEventListener } = Object(value) as Partial<AbortSignal>;
  if (typeof aborted === "boolean" && typeof addEventListener === "function") return;
  refuse(name, value, "it is an AbortSignal, such as the signal of an AbortController");
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
    if (kindOf(value) !== "Object") cannotUse(name, `it is an object with ${fields.join(", ")}, not ${kindOf(value)}`);
    checkOptions(name, value as object, Object.fromEntries(fields.map((field) => [field, isSecretText])), `${name}.`);
  };
}

/** Text that is never shown. */
export const isSecretText: Check = (name, value) => {
  if (typeof value !== "string") cannotUse(name, `it is text, not ${kindOf(value)}`);
};

/** An option that exists elsewhere and would be ignored here. It may be a secret, so it is not shown. */
export function isNone(reason: string): Check {
  return (name) => cannotUse(name, reason);
}
