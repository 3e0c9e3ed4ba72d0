/**
 * A server of NATS that refuses a mob and resets the connection at once: the client library has let go of its socket by then.
 * On Deno there is an error after that, and a program that uses `natsRelay` must not end by it.
 */

import { test } from "node:test";
import { createServer, type Server } from "node:net";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { assertEquals, assertRejects } from "@std/assert";
import { serve } from "../../mod.ts";
import { natsRelay } from "../../nats.ts";
import { OURS } from "../helpers/command_line.ts";
import { NatsServer, NO_NATS } from "../helpers/nats_server.ts";
import { TlsFixture } from "../helpers/tls_fixture.ts";
import { pause } from "../helpers/wait.ts";

const INFO = { server_id: "1", version: "2.9.10", proto: 1, headers: true, max_payload: 2 ** 20, auth_required: true };

/** Refuses each client, and resets its connection. */
async function refusing(): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.write(`INFO ${JSON.stringify(INFO)}\r\n`);
    socket.once("data", () => {
      socket.write("-ERR 'Authorization Violation'\r\n", () => socket.resetAndDestroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** Notes what nothing catches. Returns that, and how it ends. */
function uncaught(): [errors: unknown[], stop: () => void] {
  const errors: unknown[] = [];
  if (OURS !== "deno") {
    const note = (error: unknown): void => void errors.push(error);
    process.on("uncaughtException", note);
    return [errors, () => void process.off("uncaughtException", note)];
  }
  const note = (event: Event): void => {
    event.preventDefault();
    errors.push((event as unknown as { readonly error: unknown }).error);
  };
  const target = globalThis as unknown as EventTarget;
  target.addEventListener("error", note);
  return [errors, () => target.removeEventListener("error", note)];
}

test(
  "a server that refuses a mob and resets the connection leaves no error that nothing catches",
  { timeout: 60_000 },
  async () => {
    const server = await refusing();
    const [errors, stop] = uncaught();
    try {
      const { port } = server.address() as AddressInfo;
      for (let round = 0; round < 20; round++) {
        const relay = await natsRelay(`nats://127.0.0.1:${port}`, { name: "room", token: "wrong" });
        await assertRejects(
          () => serve({ listen: "tcp://127.0.0.1:0", relay }),
          Error,
          "Cannot join bus room: Authorization Violation",
        );
      }
      await pause(300);
    } finally {
      stop();
      server.close();
    }
    assertEquals(errors, []);
  },
);

test(
  "a server that refuses a mob without a certificate leaves none either",
  { skip: NO_NATS, timeout: 60_000 },
  async () => {
    await using kit = await TlsFixture.make();
    const files = `cert_file: "${kit.path("server.pem")}", key_file: "${kit.path("server.key")}"`;
    await using server = await NatsServer.start({
      lines: [`tls { ${files}, ca_file: "${kit.path("ca.pem")}", verify: true }`],
    });
    const [errors, stop] = uncaught();
    try {
      // Its alert comes at the same time as the end of the handshake, or not.
      await Promise.all(Array.from({ length: 16 }, async () => {
        const tls = { ca: kit.tls.ca };
        const relay = await natsRelay(`tls://127.0.0.1:${server.port}`, { name: "room", tls });
        await assertRejects(() => serve({ listen: "tcp://127.0.0.1:0", relay }), Error, "Cannot join bus room: ");
      }));
    } finally {
      stop();
    }
    assertEquals(errors, []);
  },
);
