/**
 * The traps of Node, on `node:net`.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import process from "node:process";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { pattern } from "../helpers/pattern.ts";
import { pause } from "../helpers/wait.ts";
import type { Trap } from "./runtime_bug.ts";

/** Every trap of Node. */
export const TRAPS: readonly Trap[] = [
  {
    runtimes: ["node"],
    seen: "22.23.3; reported for 24.17 and 26.4 as well; not on 20.20.2, 24.21.0 and 26.10.0",
    majors: [22],
    link: "https://github.com/nodejs/node/issues/64144",
    what: "an IPv6 address is not found in a certificate that has it",
    workaround: "wrongName in adapters/tls/tls.ts asks OpenSSL",
    probe: () => {
      const certificate = { subject: {}, subjectaltname: "IP Address:0:0:0:0:0:0:0:1" } as PeerCertificate;
      return Promise.resolve(checkServerIdentity("::1", certificate) !== undefined);
    },
  },
  {
    runtimes: ["node"],
    seen: "20.20.2 and 22.23.3, with libuv 1.46 and 1.51; not on 24.21.0 and 26.10.0, with libuv 1.52",
    majors: [20, 22],
    link: "https://github.com/libuv/libuv/pull/4997",
    what: "bytes and a reset that come at once look like bytes and an end",
    workaround:
      "that a reset may look like an end: rule 6 in src/contract/adapter.ts, and the shape of resets in src/contract/socket_pair.ts",
    probe: () =>
      withPair(async (server, client) => {
        const reported: string[] = [];
        for (const name of ["end", "error", "close"]) server.on(name, () => reported.push(name));
        server.resume();
        client.write(pattern(0, 300));
        client.resetAndDestroy();
        for (let waited = 0; reported.length === 0 && waited < 500; waited += 10) await pause(10);
        await pause(20);
        return reported[0] === "end" && !reported.includes("error");
      }),
  },
  {
    runtimes: ["node"],
    seen: "20.20.2 to 26.10.0",
    link: "https://nodejs.org/api/stream.html#event-drain",
    what: "a write that went out at once is not followed by `drain`",
    workaround:
      "StreamSocket.write in adapters/shared/node_socket.ts goes on when nothing is queued, instead of waiting",
    probe: () =>
      withPair(async (server) => {
        let drains = 0;
        server.on("drain", () => drains++);
        server.write(pattern(0, 1000));
        const queued = server.writableLength;
        await pause(30);
        return queued === 0 && drains === 0;
      }),
  },
  {
    runtimes: ["node"],
    seen: "20.20.2 to 26.10.0",
    link: "https://nodejs.org/api/stream.html#writablewritechunk-encoding-callback",
    what: "write takes everything, however much is queued already",
    workaround: "StreamSocket.write in adapters/shared/node_socket.ts takes nothing while something is queued",
    probe: () =>
      withPair(async (server) => {
        const bytes = new Uint8Array(16 * 1024 * 1024);
        for (let again = 0; again < 2; again++) server.write(bytes);
        await pause(1);
        return server.writableLength > bytes.length;
      }),
  },
  {
    runtimes: ["node"],
    seen: "20.20.2 to 26.10.0",
    link: "https://github.com/libp2p/js-libp2p/pull/3597",
    what:
      "a socket that is reset while its shutdown is under way is lost: it stays open, and the process spins at its end",
    workaround: "canReset in adapters/shared/node_socket.ts",
    // Not in this process, which would spin at its end.
    probe: () =>
      Promise.resolve(spawnSync(process.execPath, ["-e", RESET_IN_SHUTDOWN], { timeout: 1000 }).signal !== null),
  },
];

/** Ends by itself, when the socket that is reset is closed. */
const RESET_IN_SHUTDOWN = `
  const { connect, createServer } = require("node:net");
  const server = createServer((socket) => {
    server.close();
    socket.on("error", () => {}).resume().end();
    process.nextTick(() => process.nextTick(() => socket.resetAndDestroy()));
  });
  server.listen(0, "127.0.0.1", () => connect(server.address()).on("error", () => {}).resume());
`;

/** Both ends of a connection, with the options of the adapter. */
async function withPair(probe: (server: Socket, client: Socket) => Promise<boolean>): Promise<boolean> {
  const options = { noDelay: true, allowHalfOpen: true, highWaterMark: 1 };
  const listener = createServer(options);
  const accepted = once(listener, "connection") as Promise<[Socket]>;
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const client = connect({ ...options, host: "127.0.0.1", port: (listener.address() as AddressInfo).port });
  const [server] = await accepted;
  for (const socket of [server, client]) socket.on("error", () => {});
  try {
    if (client.connecting) await once(client, "connect");
    return await probe(server, client);
  } finally {
    server.destroy();
    client.destroy();
    listener.close();
  }
}
