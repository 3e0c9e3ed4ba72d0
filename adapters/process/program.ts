/**
 * The program: whether mod.ts is what was started.
 *
 * @module
 */

/**
 * Where this file is. A bundler merges it with mod.ts into the file of somebody's program: `import.meta.main` is true
 * there too (esbuild, Rollup), and only the place tells that the program is not this one.
 */
export function programUrl(): string {
  return import.meta.url;
}
