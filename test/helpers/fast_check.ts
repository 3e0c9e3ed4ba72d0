/**
 * fast-check. Each run draws other cases, and prints the seed of those that fail; in CI all runs draw the same, since a
 * change must not fail there by a case that another change has left.
 *
 * @module
 */

import process from "node:process";
import fc from "fast-check";

if (process.env.CI) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 1 });

export { default } from "fast-check";
