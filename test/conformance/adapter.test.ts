/**
 * The conformance suite on the adapter of the runtime at hand, over loopback.
 *
 * @module
 */

import process from "node:process";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import { overTls, overUnix } from "../helpers/transports.ts";
import { framings } from "./framings.ts";
import { replay } from "./replay.ts";
import { conformance, type Differences } from "./suite.ts";

const KIB = 1024;

const DIFFERENCES: Readonly<Record<string, Differences>> = {
  // 64 KiB, one chunk more when it was just under that, and one that libuv had read before it was stopped.
  node: { network: true, inbox: 192 * KIB, quiet: 200, closed: "a reset" },
  // 64 KiB and one chunk more; Bun reads up to 512 KiB at once.
  bun: { network: true, inbox: 576 * KIB, quiet: 200, closed: "a reset" },
  // 64 KiB and one chunk more. Deno cannot reset a connection (https://github.com/denoland/deno/pull/33415 is for node:net).
  deno: { network: true, inbox: 80 * KIB, quiet: 200, closed: "an end" },
};

const TLS_DIFFERENCES: Readonly<Record<string, Partial<Differences>>> = {
  node: Number.parseInt(process.versions.node) < 24 ? { closed: "an end" } : {},
  // What was decrypted before the stop comes in chunks of up to 64 KiB, and a reset is reported like an end.
  deno: { inbox: 192 * KIB, closed: "an end", reset: "an end" },
};

const { name } = await runtimeAdapter();
const differences = DIFFERENCES[name]!;
// Before the first case: Node ends a run when all cases so far are over, skipped for their names perhaps.
const tls = await overTls();

conformance({ name, adapter: runtimeAdapter, differences });

conformance({
  name: `${name}, tls`,
  adapter: runtimeAdapter,
  transport: tls,
  // Before Node 24 and on Deno the reset that is sent, and that a plain socket sees, is an end to node:tls at the other end.
  differences: { ...differences, ...TLS_DIFFERENCES[name] },
});

conformance({
  name: `${name}, unix`,
  adapter: runtimeAdapter,
  transport: overUnix(),
  // A Unix socket has no reset.
  differences: { ...differences, closed: "an end" },
});

framings(name, runtimeAdapter);
replay(name, runtimeAdapter);
