/**
 * What `node:process` exports, loaded on Deno only where it is used: it takes 20 ms there.
 *
 * @module
 */

/** The process, as Node has it. Bun and Deno have it too. */
export function nodeProcess(): NodeJS.Process {
  return (globalThis as unknown as { readonly process: NodeJS.Process }).process;
}
