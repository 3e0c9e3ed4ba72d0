/**
 * The conformance suite on the adapter of the runtime at hand, over loopback.
 *
 * @module
 */

import { runtimeAdapter } from "../../adapters/runtime.ts";
import { conformance, type Differences } from "./suite.ts";

const KIB = 1024;

const DIFFERENCES: Readonly<Record<string, Differences>> = {
  // 64 KiB, one chunk more when it was just under that, and one that libuv had read before it was told to stop.
  node: { network: true, inbox: 192 * KIB, quiet: 200, closed: "a reset" },
  // 64 KiB and one chunk more; Bun reads up to 512 KiB at once.
  bun: { network: true, inbox: 576 * KIB, quiet: 200, closed: "a reset" },
  // 64 KiB and one chunk more. Deno cannot reset a connection (https://github.com/denoland/deno/pull/33415 is for node:net).
  deno: { network: true, inbox: 80 * KIB, quiet: 200, closed: "an end" },
};

const { name } = await runtimeAdapter();

conformance({ name, adapter: runtimeAdapter, differences: DIFFERENCES[name]! });
