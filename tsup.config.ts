import { fileURLToPath } from "node:url";

// Plain objects, not defineConfig(): importing tsup would make `deno check` fetch everything in package.json.
const common = {
  format: "esm",
  target: "node20",
  platform: "node",
  // Deno and Bun know built-ins by their `node:` names; a bare "net" may be somebody's package.
  removeNodeProtocol: false,
  // One copy of every module, so that what comes from "." and from "./node" shares its classes.
  splitting: true,
};

const entry = {
  mod: "mod.ts",
  core: "core.ts",
  status: "status.ts",
  nats: "nats.ts",
  node: "adapters/node.ts",
  bun: "adapters/bun.ts",
  deno: "adapters/deno.ts",
  memory: "adapters/memory.ts",
};

const library = {
  ...common,
  entry,
  // The package has its command in dist/bin: mod.js is never a program, and what starts it falls away.
  define: { "import.meta.main": "false" },
  // No source maps: the files are readable as they are, and an installation has half the size.
  sourcemap: false,
  // tsup 8 sets `baseUrl` for the d.ts build, which TypeScript 6 calls an error unless told to wait for 7.
  dts: {
    // The types of a page's file are the same types.
    entry: { ...entry, browser: "browser.ts" },
    compilerOptions: { ignoreDeprecations: "6.0" },
    // A program without the types of Node and of the DOM compiles too. JSR forbids `declare global` in sources.
    banner: '/// <reference path="./globals.d.ts" />',
  },
};

/** Modules of which a page has little use, and the smaller ones that it gets instead. */
const LESS: Readonly<Record<string, string>> = {
  "src/contract/chunk_queue.ts": "adapters/page/chunk_queue.ts",
  "src/error_words.ts": "adapters/page/words.ts",
  "adapters/shared/websocket_failure.ts": "adapters/page/websocket_failure.ts",
  "src/client/stream_place.ts": "adapters/page/stream_place.ts",
  "src/framing/line.ts": "adapters/page/line.ts",
  "src/framing/looks_like.ts": "adapters/page/words.ts",
  "src/logger.ts": "adapters/page/logger.ts",
  "src/reactor/awake_clock.ts": "adapters/page/awake_clock.ts",
  "src/suggestion.ts": "adapters/page/words.ts",
};

/** One file without imports, which `<script type="module">` can load: what a page downloads is minified. */
const page = {
  ...common,
  entry: { browser: "browser.ts" },
  target: "es2022",
  platform: "browser",
  splitting: false,
  minify: true,
  sourcemap: false,
  esbuildPlugins: [{
    name: "less",
    setup(build: { onLoad(which: { filter: RegExp }, load: () => unknown): void }) {
      for (const [path, other] of Object.entries(LESS)) {
        const contents = `export * from ${JSON.stringify(fileURLToPath(new URL(other, import.meta.url)))};`;
        build.onLoad(
          { filter: new RegExp(`${path.replaceAll(/[./]/g, "[./]")}$`) },
          () => ({ contents, loader: "js" }),
        );
      }
    },
  }],
};

const command = {
  ...common,
  entry: { bin: "adapters/process/bin.ts", thread: "adapters/process/thread.ts" },
  outDir: "dist/bin",
  // The command is a program of its own, with all that it needs in it: what every start loads is faster from one file (12 ms
  // of 17 on Node), and programs that use the library need not install the rest. NOTICE.md has the licenses.
  // The client of NATS is not in it: it is loaded when there is a bus, from where it is installed.
  noExternal: [/^(?!@nats-io\/)[^./]/],
  // Nobody reads it there; names stay for the stacks of --debug.
  esbuildOptions: (options: { minifyWhitespace?: boolean }) => {
    options.minifyWhitespace = true;
  },
  // Commander and cli-progress are CommonJS, and load modules of Node.
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
};

const configurations: object[] = [library, page, command];
export default configurations;
