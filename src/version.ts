/**
 * The version of mobcast, the same as in deno.json and package.json.
 *
 * @module
 */

/** The version of mobcast. */
export const VERSION = "0.1.0";
