/**
 * The program: tells whether mod.ts was started as a program.
 *
 * @module
 */

/**
 * The URL of this file. A bundler (esbuild, Rollup) merges it with mod.ts into the file of another program, where
 * `import.meta.main` is true too: only the URL tells that the program is another.
 */
export function programUrl(): string {
  return import.meta.url;
}
