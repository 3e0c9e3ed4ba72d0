/**
 * The options that both ends of a connection read: how frames are delimited, and how large they may be.
 *
 * @module
 */

import type { Range } from "../check.ts";
import { type FramingName, FRAMINGS } from "./framing.ts";

/** The names of the framings; the first is the default. */
export const FRAMING_NAMES: readonly FramingName[] = Object.keys(FRAMINGS) as FramingName[];

/** The largest payload. */
export const MAX_FRAME: Range = {
  unit: "bytes",
  default: 2 ** 20,
  min: 1,
  max: 2 ** 30,
};
