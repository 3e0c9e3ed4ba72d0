/**
 * The types of run_report.mjs, which Node 20 has to run as it is.
 *
 * @module
 */

/** How many lines of what failed are shown again at the end, for each file. */
export const SHOWN_AGAIN: number;
/** The seconds of what `times` of a shell writes. */
export function workOf(times: string): number;
/** Which of the files that share a process have failed, as far as the runtime tells. */
export function failedIn(text: string, files: readonly string[]): readonly string[];
/** The end of what a process has written, in which is why it failed. */
export function endOf(text: string, files: readonly string[]): string;
/** What runs in one process each, the longest first. */
export function batchesOf(
  files: readonly string[],
  secondsOf: (file: string) => number,
  most: number,
): readonly (readonly string[])[];
/** How long a process took, and how long the table says. */
export interface TimedRun {
  readonly files: string;
  readonly seconds: number;
  readonly said: number;
}
/** Which processes took far longer than the table says. */
export function slowOf(runs: readonly TimedRun[]): readonly TimedRun[];
