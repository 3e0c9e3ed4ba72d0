/**
 * Mutants of the boundary: what callers hand in.
 *
 * @module
 */

import { type Group, unit } from "./mutant.ts";

/** The bugs of checks. */
export const BORDER: readonly Group[] = [
  {
    file: "src/check.ts",
    proof: unit("border"),
    bugs: [
      {
        in: "checkOptions",
        from: "    checks[key]!(name, value);\n",
        to: "",
        why: "options are known by name and taken as they are",
        sample: true,
      },
    ],
  },
  {
    file: "src/framing/payload.ts",
    proof: unit("border"),
    bugs: [
      {
        in: "bytesOf",
        from: "(given as Uint8Array).at(0);",
        to: "{}",
        why: "a payload whose buffer is gone is a ping",
        proof: unit("border_payloads"),
      },
      {
        in: "bytesOf",
        from: "given.byteOffset, given.byteLength);",
        to: "0);",
        why: "a view is taken for its whole buffer",
        proof: unit("border_payloads"),
      },
    ],
  },
  {
    file: "src/call_hook.ts",
    proof: unit("border"),
    bugs: [
      {
        in: "callHook",
        from: "Promise.resolve(answer).catch(failed);",
        to: "void answer;",
        why: "a hook that rejects is not handled",
        proof: unit("border_payloads"),
      },
    ],
  },
  {
    file: "src/client/websocket_url.ts",
    proof: unit("websocket_client"),
    bugs: [
      {
        in: "webSocketAddress",
        from: " && !LOOPBACK.test(url.hostname)",
        to: " && false",
        why: "a secret crosses the network in the clear",
      },
      {
        in: "LOOPBACK",
        from: "(\\.\\d+){3}|\\[::1\\])$/",
        to: "(\\.\\d+){3}|\\[::1\\])/",
        why: "127.0.0.1.example.com is loopback",
      },
      { in: "webSocketAddress", from: 'framing !== "u64" || ', to: "", why: "a framing that is not u64 is ignored" },
    ],
  },
];
