/**
 * Figures: sizes, times and counts, rounded so that people can read them.
 *
 * @module
 */

/** A rounded size: `1.4 MiB`. */
export function roundSize(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** A count with its thousands apart, `12,345`; from a million on rounded, `1.23 M`. */
export function roundCount(count: number): string {
  for (const [factor, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"]] as const) {
    if (count >= factor) return `${threeDigits(count / factor)} ${unit}`;
  }
  return `${Math.round(count)}`.replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A rate a second: as a count, but with a decimal while it is under ten. */
export function roundRate(rate: number): string {
  return rate > 0 && rate < 9.95 ? rate.toFixed(1) : roundCount(rate);
}

/** A time in milliseconds, in one unit: `0.3 ms`, `40 ms`, `1.5 s`, `27 s`, `5 min`, `3 h`, `12 d`. */
export function roundTime(milliseconds: number): string {
  if (milliseconds < 10) return `${Number(milliseconds.toFixed(milliseconds < 1 ? 2 : 1))} ms`;
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 9.95) return `${Number(seconds.toFixed(1))} s`;
  return roundAge(milliseconds);
}

/** An age in milliseconds, in whole units: `4 s`, `5 min`, `3 h 20 min`, `12 d 4 h`. */
export function roundAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `1 connection`, `1,204 connections`. */
export function quantity(count: number, one: string, many = `${one}s`): string {
  return `${roundCount(count)} ${count === 1 ? one : many}`;
}

function threeDigits(value: number): string {
  return value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}
