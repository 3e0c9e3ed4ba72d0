/**
 * The version of mobcast, the same as in deno.json and package.json.
 *
 * @module
 */

/**
 * The version of mobcast.
 *
 * @example
 * ```ts
 * import { VERSION } from "mobcast";
 *
 * console.log(`mobcast ${VERSION}`);
 * ```
 */
export const VERSION = "0.2.0";
