/**
 * Which of the runtimes this is, where their copies of `node:` modules differ.
 *
 * @module
 */

/** Whether this is Deno. */
export const onDeno: boolean = "Deno" in globalThis;

/** Whether this is Bun. */
export const onBun: boolean = "Bun" in globalThis;
