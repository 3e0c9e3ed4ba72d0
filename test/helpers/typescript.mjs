// Runs sources and tests on Node 20, which knows no TypeScript: `node --import ./test/helpers/typescript.mjs FILE.ts`. It takes
// types away and nothing else, once for each version of a file, and so starts in half the time of `tsx`.

import * as module from "node:module";
import process from "node:process";
import "./test_hooks.mjs";
import { load } from "./typescript_hooks.mjs";

process.setSourceMapsEnabled(true);
// Where hooks run in the same thread, no other is started.
if (module.registerHooks !== undefined) module.registerHooks({ load });
else module.register("./typescript_hooks.mjs", import.meta.url);
