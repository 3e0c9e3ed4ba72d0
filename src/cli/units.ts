/**
 * Units: numbers as people write them, `64KiB`, `1.5s`, and back.
 *
 * @module
 */

/** A unit's name in lower case, and how many of the base unit it is. */
type Units = Readonly<Record<string, number>>;

const SIZES: Units = {
  "": 1,
  "b": 1,
  "kb": 1e3,
  "mb": 1e6,
  "gb": 1e9,
  "kib": 2 ** 10,
  "mib": 2 ** 20,
  "gib": 2 ** 30,
};

const DURATIONS: Units = { "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000 };

/** Bytes of a size such as `64KiB`, `2MB`, `1.5mib` or `1048576`; `undefined` when it is none. */
export function parseSize(text: string): number | undefined {
  return parseQuantity(text, SIZES);
}

/** Milliseconds of a duration such as `500ms`, `10s`, `2m` or `0`; `undefined` when it is none. */
export function parseDuration(text: string): number | undefined {
  // 0 is the same in every unit; any other number needs one.
  return text === "0" ? 0 : parseQuantity(text, DURATIONS);
}

/** A whole number in digits; `undefined` when it is none. */
export function parseCount(text: string): number | undefined {
  return parseQuantity(text, { "": 1 });
}

/** Seconds of the times in a rate. */
const TIMES: Readonly<Record<string, number>> = { "": 1, "s": 1, "m": 60, "h": 3600 };

/** The highest rate, a second. */
const MAX_RATE = 1e6;

/** How many a second a rate such as `100/s`, `30/m`, `2.5/s` or `100` is; `undefined` when it is none. */
export function parseRate(text: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,9})?)(?:\/(s|m|h))?$/i.exec(text);
  if (match === null) return undefined;
  const rate = Number(match[1]) / TIMES[(match[2] ?? "").toLowerCase()]!;
  return rate > 0 && rate <= MAX_RATE ? rate : undefined;
}

/** A size in the largest unit in which it is a whole number. */
export function formatSize(bytes: number): string {
  return formatQuantity(bytes, [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) ?? `${bytes}`;
}

/** A duration in the largest unit in which it is a whole number. */
export function formatDuration(milliseconds: number): string {
  const text = formatQuantity(milliseconds, [["h", 3_600_000], ["m", 60_000], ["s", 1000], ["ms", 1]]);
  return text ?? `${milliseconds}`;
}

function parseQuantity(text: string, units: Units): number | undefined {
  const match = /^(\d{1,16}(?:\.\d{1,9})?)([a-z]*)$/i.exec(text);
  if (match === null) return undefined;
  const unit = match[2]!.toLowerCase();
  if (!Object.hasOwn(units, unit)) return undefined;
  const value = Number(match[1]) * units[unit]!;
  const whole = Math.round(value);
  // 1.1KB is 1100, although 1.1 * 1000 is a little more; half a byte is refused.
  return Math.abs(value - whole) < 1e-6 && Number.isSafeInteger(whole) ? whole : undefined;
}

function formatQuantity(value: number, units: readonly (readonly [string, number])[]): string | undefined {
  const found = units.find(([, factor]) => value >= factor && value % factor === 0);
  return found === undefined ? undefined : `${value / found[1]}${found[0]}`;
}
