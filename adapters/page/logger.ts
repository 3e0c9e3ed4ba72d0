/**
 * The logger of pages, in place of that of src: the console.
 *
 * @module
 */

/** Where mobcast logs. */
export const logger = {
  /** Logs an error of the application. */
  error(line: string, { error }: { readonly error: unknown }): void {
    console.error(`mobcast: ${line}`, error);
  },
} as const;
