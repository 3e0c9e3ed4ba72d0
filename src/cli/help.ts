/**
 * The help: one line for each option, so that a command's help fits on a screen, 42 rows of 100 columns for `serve` and 24
 * of 80 for the others. The README says more of each.
 *
 * @module
 */

import type { HelpConfiguration, Option } from "commander";
import { DEFAULT_URL } from "../contract/address.ts";

/** What an argument is that is not listed, since the example shows it. */
export const SERVER = "the server";

/** How the help of a command looks whose URL has this default. */
export function helpFor(url: string): HelpConfiguration {
  return {
    optionDescription: describeOption,
    visibleArguments: (command) => command.registeredArguments.filter(({ description }) => description !== SERVER),
    styleTitle: (title) => title === "Options:" ? `Options (defaults in brackets; URL: ${url}):` : title,
  };
}

/** How the help of most commands looks. */
export const HELP: HelpConfiguration = helpFor(DEFAULT_URL);

/** What follows the help of a command: an example, and notes. */
export function exampleOf(line: string, note: string = ""): string {
  return `\nExample: ${line}${note}`;
}

/** What the option is, its choices and its default: `how frames are delimited: u64, u32, line (u64)`. */
function describeOption({ description, argChoices, defaultValue, defaultValueDescription }: Option): string {
  const about = argChoices === undefined ? description : `${description}: ${argChoices.join(", ")}`;
  const hasDefault = defaultValue !== undefined && typeof defaultValue !== "boolean";
  return hasDefault ? `${about} (${defaultValueDescription ?? String(defaultValue)})` : about;
}
