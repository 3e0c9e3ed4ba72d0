/** Options, sizes and durations, whatever is given: something sensible comes out, or an error that names what went in. */

import { test } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "../helpers/fast_check.ts";
import { runProgram } from "../../src/cli/program.ts";
import { flagOf } from "../../src/cli/flags.ts";
import { formatDuration, formatSize, parseCount, parseDuration, parseSize } from "../../src/cli/units.ts";
import {
  CHOICES,
  LIMITS,
  type Limits,
  type MobOptions,
  type ResolvedOptions,
  resolveOptions,
} from "../../src/server/options.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";

const NAMES = [...Object.keys(LIMITS), ...Object.keys(CHOICES), "allow", "deny", "origins", "secret", "resume"];

// --- resolveOptions ---

/** A value that its option takes now and then, or anything at all. */
const VALUE = fc.oneof(
  fc.integer({ min: -2, max: 2 ** 40 }),
  fc.constantFrom(0, 1, 1024, 2 ** 20 - 1, 2 ** 20, 2 ** 31 - 1, 2 ** 31, 2 ** 36, 2 ** 53, -0, NaN, Infinity, 1.5),
  fc.constantFrom(...Object.values(CHOICES).flat()),
  fc.array(fc.constantFrom("10.0.0.0/8", "::1", "fd00::/8", "10.0.0.1/8", "::1%lo", ""), { maxLength: 2 }),
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSparseArray: true }),
);

/** Options of any kind: mostly known names, now and then others, those of every object among them. */
const OPTIONS = fc.dictionary(
  fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...NAMES) },
    {
      weight: 1,
      arbitrary: fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "maxframe", "toString")),
    },
  ),
  VALUE,
  { maxKeys: 5 },
);

/** Fails unless every option is there, of its kind and within its range, and given ones are as they were given. */
function assertResolved(resolved: ResolvedOptions, options: Readonly<Record<string, unknown>>): void {
  assertEquals(Object.keys(resolved).sort(), NAMES.toSorted());
  for (const [name, limit] of Object.entries(LIMITS)) {
    const value = resolved[name as keyof Limits];
    assert(Number.isSafeInteger(value) && value >= limit.min && value <= limit.max, `${name} ${value}`);
    assertEquals(value, options[name] ?? limit.default, name);
  }
  for (const [name, choices] of Object.entries(CHOICES)) {
    const value = resolved[name as keyof typeof CHOICES];
    assert((choices as readonly string[]).includes(value), `${name} ${value}`);
    assertEquals<unknown>(value, options[name] ?? choices[0], name);
  }
  assert(resolved.maxLag >= resolved.maxFrame, "one frame would be too much");
  assertEquals<unknown>([resolved.allow, resolved.deny], [options.allow ?? [], options.deny ?? []]);
  assertEquals<unknown>([resolved.secret, resolved.resume], [options.secret, options.resume ?? false]);
}

test("resolveOptions gives whole options, or an error that names one of those given (property)", () => {
  fc.assert(
    fc.property(OPTIONS, (options) => {
      let resolved: ResolvedOptions;
      try {
        resolved = resolveOptions(options as MobOptions);
      } catch (error) {
        assert(error instanceof TypeError || error instanceof RangeError, `${error}`);
        const named = Object.keys(options).some((name) => (error as Error).message.startsWith(`Cannot use ${name} `));
        const unknown = Object.keys(options).some((name) =>
          !NAMES.includes(name) &&
          (error as Error).message.startsWith(`Cannot use option ${name}: there is none of that name in a mob`)
        );
        // The limit that contradicts maxFrame may be the default.
        assert(named || unknown || (error as Error).message.startsWith("Cannot use maxLag "), (error as Error).message);
        return;
      }
      assertResolved(resolved, options);
    }),
    { numRuns: 2000 },
  );
});

// --- sizes, durations, counts ---

const PARSERS = { parseSize, parseDuration, parseCount };

/** What looks like a quantity, or nearly, or not at all. */
const TEXT = fc.oneof(
  fc.tuple(
    fc.oneof(
      fc.bigInt({ min: 0n, max: 10n ** 17n }).map(String),
      fc.maxSafeNat().map(String),
      fc.double({ min: 0, max: 1e17, noNaN: true }).map(String),
    ),
    fc.constantFrom(
      "",
      "B",
      "KB",
      "MB",
      "GB",
      "KiB",
      "mib",
      "GIB",
      "ms",
      "s",
      "m",
      "h",
      "d",
      " s",
      "e3",
      "constructor",
      "toString",
    ),
    fc.constantFrom("", "", "", "-", "+", " "),
  ).map(([digits, unit, sign]) => sign + digits + unit),
  fc.string({ unit: fc.constantFrom(..."0123456789.-+eEkKmMgGiIbBshNaInfty_ \n") }),
  fc.string({ unit: "binary" }),
);

test("a size, a duration or a count of any text is a whole number of at least 0, or none (property)", () => {
  fc.assert(
    fc.property(fc.constantFrom(...Object.entries(PARSERS)), TEXT, ([name, parse], text) => {
      const value = parse(text);
      assert(value === undefined || (Number.isSafeInteger(value) && value >= 0), `${name} of ${text} is ${value}`);
      // What is no number in any reading is none here.
      if (!/^[0-9]/.test(text)) assertEquals(value, undefined, `${name} of ${text}`);
    }),
    { numRuns: 2000 },
  );
});

test("any size, duration or count that is formatted reads back as the same (property)", () => {
  // Round numbers too, which alone are written with a unit.
  const factor = fc.constantFrom(1, 1000, 60_000, 3_600_000, 2 ** 10, 2 ** 20, 2 ** 30);
  const whole = fc.tuple(fc.maxSafeNat(), factor).map(([value, unit]) =>
    value * unit <= Number.MAX_SAFE_INTEGER ? value * unit : value
  );
  const small = fc.tuple(fc.nat({ max: 5000 }), factor).map(([value, unit]) => value * unit);
  fc.assert(fc.property(fc.oneof(whole, small), (value) => {
    assertEquals(parseSize(formatSize(value)), value, formatSize(value));
    assertEquals(parseDuration(formatDuration(value)), value, formatDuration(value));
    assertEquals(parseCount(String(value)), value);
  }));
});

/** The options with which `serve` would run, given this argument. Rejects with the printed error when it is wrong. */
async function understood(argument: string): Promise<Readonly<Record<string, unknown>>> {
  let flags: unknown;
  const none = (): Promise<number> => Promise.reject(new Error("another command"));
  await runProgram(new FakeTerminal("serve", argument), {
    serve: (_urls, given) => Promise.resolve(flags = given).then(() => 0),
    join: none,
    sub: none,
    pub: none,
    bench: none,
    check: none,
    stats: none,
    top: none,
  });
  return flags as Readonly<Record<string, unknown>>;
}

test("a flag with any text is a limit within its range, or an error that names flag and text (property)", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...Object.keys(LIMITS) as (keyof Limits)[]), TEXT, async (name, text) => {
      const flag = flagOf(name);
      let flags: Readonly<Record<string, unknown>>;
      try {
        flags = await understood(`${flag}=${text}`);
      } catch (error) {
        const { message } = error as Error;
        assertStringIncludes(message, flag);
        // Where two limits contradict each other the value is printed as the number it was understood as.
        assert(
          message.includes(text) || /^Cannot use --(max-lag|max-receive-memory|history) \d+/.test(message),
          `"${text}": ${message}`,
        );
        return;
      }
      const { min, max } = LIMITS[name];
      const value = flags[name] as number;
      assert(Number.isSafeInteger(value) && value >= min && value <= max, `${flag} ${text} is ${value}`);
    }),
    { numRuns: 500 },
  );
});
