/**
 * Rule 9 for `tls.ca`: a listener with authorities accepts a client with a certificate of theirs, and no other. A runtime that
 * asks for no certificate, or does not check it, fails here.
 *
 * @module
 */

import { connect } from "node:tls";
import { assertEquals, assertMatch } from "@std/assert";
import type { ServerTls } from "../../src/contract/tls.ts";
import { type Authority, makeAuthority, type Pair, selfSigned } from "../helpers/certificates.ts";
import type { Listener, Stage } from "../helpers/stage.ts";
import { pause, within } from "../helpers/wait.ts";
import { type Cases, portOf } from "./cases.ts";

const DAY = 86_400_000;
const daysFromNow = (days: number): Date => new Date(Date.now() + days * DAY);

/** What a client has in the place of a certificate that the authority has signed for clients. */
const REFUSED: Readonly<Record<string, (authority: Authority, other: Authority) => Promise<Partial<Pair>>>> = {
  "no certificate": () => Promise.resolve({}),
  "one of another authority": (_authority, other) => other.issue({ usage: "client" }),
  "one signed by itself": () => selfSigned({ usage: "client" }),
  "one that has expired": (authority) =>
    authority.issue({ usage: "client", from: daysFromNow(-3), until: daysFromNow(-1) }),
  "one that is not valid yet": (authority) =>
    authority.issue({ usage: "client", from: daysFromNow(1), until: daysFromNow(3) }),
  "one for servers only": (authority) => authority.issue({ usage: "server" }),
};

/** Registers the cases. */
export function rule9ClientCertificates({ checkRaw, transport }: Cases): void {
  if (transport.name !== "tls") return;
  const authorities = Promise.all([makeAuthority("an authority"), makeAuthority("another authority")]);
  const server = authorities.then(([authority]) => authority.issue());

  /** A listener with these certificates. */
  const open = (stage: Stage, tls: ServerTls): Promise<Listener> => stage.listener("127.0.0.1", 0, { tls });

  checkRaw("rule 9: with tls.ca, a client with a certificate of the authority is accepted", async (stage) => {
    const [authority] = await authorities;
    const { cert: ca } = authority;
    const { address, registry } = await open(stage, { ...await server, ca });
    const client = await stage.connect(address, { tls: { ca, ...await authority.issue({ usage: "client" }) } });
    const link = await registry.accepted();
    await Promise.all([link.writePattern(100_000), client.readPattern(100_000)]);
    await Promise.all([client.writePattern(100_000), link.readPattern(100_000)]);
    assertEquals([registry.startedHandshakes, registry.failedHandshakes], [[link.socket.remoteAddress], []]);
  });

  for (const [what, make] of Object.entries(REFUSED)) {
    for (const maxVersion of ["TLSv1.3", "TLSv1.2"] as const) {
      checkRaw(`rule 9: a client with ${what} is refused, over ${maxVersion}, and is counted once`, async (stage) => {
        const [authority, other] = await authorities;
        const { cert: ca } = authority;
        const { address, registry } = await open(stage, { ...await server, ca });
        await turnedAway(portOf(address), { ca, maxVersion, ...await make(authority, other) });
        await registry.failed(1);
        await pause(50);
        assertEquals([registry.links.length, registry.failedHandshakes.length, registry.startedHandshakes.length], [
          0,
          1,
          1,
        ]);
        assertEquals(registry.failedHandshakes[0]!.client, registry.startedHandshakes[0]!);
        assertMatch(registry.failedHandshakes[0]!.client, /^127\.0\.0\.1:\d+$/);
      });
    }
  }

  checkRaw("rule 9: an authority that comes with a reload is asked for from then on", async (stage) => {
    const [{ cert: ca }] = await authorities;
    const { address, registry, listener } = await open(stage, await server);
    await stage.connect(address, { tls: { ca } });
    await registry.accepted();
    await listener.reload!({ ...await server, ca });
    await turnedAway(portOf(address), { ca });
    await registry.failed(1);
    assertEquals(registry.links.length, 1);
  });
}

/** Connects with these options, and waits until the server has ended the connection. */
async function turnedAway(port: number, options: object): Promise<void> {
  const socket = connect({ host: "127.0.0.1", port, servername: "localhost", ...options });
  const over = new Promise<void>((resolve) => {
    socket.on("error", () => resolve()).on("close", () => resolve()).resume();
  });
  await within(over, "the server to end it");
  socket.destroy();
}
