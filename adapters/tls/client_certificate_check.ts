/**
 * Tests, before a TLS listener opens, that it rejects clients without a certificate.
 *
 * @module
 */

import { connect, createServer, type Socket as NetSocket } from "node:net";
import { connect as startTls } from "node:tls";
import { HANDSHAKE_TIMEOUT } from "../../src/contract/tls.ts";
import type { Handshakes, Outcome } from "./handshakes.ts";
import { SOCKET_OPTIONS } from "../shared/node_socket.ts";

/**
 * Resolves when a client without a certificate is refused, and rejects when it is accepted. The client connects over
 * loopback to a listener of its own, so it cannot be confused with another connection, and no registry sees it.
 */
export async function checkThatClientsNeedCertificates(handshakes: Handshakes): Promise<void> {
  const [client, raw, close] = await loopback();
  try {
    const outcome = new Promise<Outcome>((resolve) => void handshakes.begin(raw, HANDSHAKE_TIMEOUT, resolve));
    // The client trusts every server, so only its missing certificate can end the handshake.
    const socket = startTls({ socket: client, minVersion: "TLSv1.2", rejectUnauthorized: false, servername: "" });
    // In TLS 1.3 the client is done before the server refuses it, so the outcome at the server counts.
    socket.on("error", () => {}).resume();
    if (!(await outcome instanceof Error)) throw new Error("this runtime accepts clients without a certificate");
  } finally {
    close();
  }
}

/** The two ends of one connection, and a function that closes both. */
async function loopback(): Promise<[NetSocket, NetSocket, () => void]> {
  const arrivals: NetSocket[] = [];
  let arrived = (): void => {};
  const server = createServer(SOCKET_OPTIONS, (socket) => {
    arrivals.push(socket.on("error", () => {}));
    arrived();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen({ host: "127.0.0.1", port: 0 }, () => resolve());
  });
  const { port } = server.address() as { port: number };
  const client = connect({ host: "127.0.0.1", port, ...SOCKET_OPTIONS });
  const close = (): void => {
    server.close();
    for (const socket of [client, ...arrivals]) socket.destroy();
  };
  try {
    await new Promise<void>((resolve, reject) => void client.once("error", reject).once("connect", () => resolve()));
    client.on("error", () => {});
    for (;;) {
      // Any program on this machine can connect to an open port: ours is the connection from our port.
      const raw = arrivals.find((socket) => socket.remotePort === client.localPort);
      if (raw !== undefined) return [client, raw, close];
      await new Promise<void>((resolve) => arrived = resolve);
    }
  } catch (error) {
    close();
    throw error;
  }
}
