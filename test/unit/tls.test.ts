/** Listeners over TLS, on the runtime at hand: which clients are accepted, and which servers a client accepts. */

import { createServer } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect, encodeFrame, serve } from "../../mod.ts";
import type { ConnectionInfo } from "../../src/server/hooks.ts";
import { makeAuthority, type Pair, selfSigned } from "../helpers/certificates.ts";
import { pause, rejection, within } from "../helpers/wait.ts";
import { authority, ca, case_, clientPair, closed, plain, server, withListener } from "../helpers/tls_listener.ts";

const unauthenticated = await makeAuthority("another authority");

const DAY = 86_400_000;

const daysFromNow = (days: number): Date => new Date(Date.now() + days * DAY);

/** A frame with one byte. */
const FRAME = encodeFrame("u64", "x");

/** The first message of a client that knows TLS 1.1 at most (RFC 4346, 7.4.1.2). */
function clientHelloOfTls11(): Uint8Array {
  const suites = [0xc0, 0x14, 0xc0, 0x13, 0x00, 0x35, 0x00, 0x2f];
  const body = [3, 2, ...new Array(32).fill(7), 0, 0, suites.length, ...suites, 1, 0];
  const message = [1, 0, 0, body.length, ...body];
  return new Uint8Array([0x16, 3, 1, 0, message.length, ...message]);
}

// --- what is accepted ---

case_(
  "authorize and onJoin get the subject of a client's certificate, and none at a listener that needs none",
  async () => {
    for (const maxVersion of ["TLSv1.3", "TLSv1.2"] as const) {
      const subjects: unknown[] = [];
      const tell = ({ subject }: ConnectionInfo): boolean => subjects.push(subject) > 0;
      const mob = await serve({ listen: "tls://127.0.0.1:0", tls: { ...server, ca }, authorize: tell, onJoin: tell });
      await mob.listen("tls://127.0.0.1:0", { tls: server });
      for (const url of mob.urls) {
        const socket = tlsConnect({
          host: "127.0.0.1",
          port: Number(new URL(url).port),
          ca,
          servername: "localhost",
          ...clientPair,
          maxVersion,
        });
        await within(
          new Promise((resolve) => socket.once("data", resolve).once("secureConnect", () => socket.write(FRAME))),
          "its frame",
        );
        socket.destroy();
      }
      await mob.close();
      assertEquals(subjects, [{ CN: "a client" }, { CN: "a client" }, undefined, undefined], maxVersion);
    }
  },
);

case_("TLS 1.1 is refused, and is counted once", async () => {
  await withListener(server, {}, async ({ registry, port }) => {
    const socket = await plain(port);
    socket.on("error", () => {});
    socket.write(clientHelloOfTls11());
    await within(closed(socket), "the end of it");
    await registry.failed(1);
    assertEquals([registry.links.length, registry.failedHandshakes.length], [0, 1]);
  });
});

case_(
  "a client that handshakeStarted refuses is closed, and neither accepted nor counted as a failed handshake",
  async () => {
    await withListener(server, {}, async ({ registry, port }) => {
      registry.barring = true;
      const socket = await plain(port);
      socket.on("error", () => {});
      await within(closed(socket), "the end of it");
      await rejection(connect(`tls://127.0.0.1:${port}`, { tls: { ca } }), "connect");
      assertEquals([registry.startedHandshakes.length, registry.links.length, registry.failedHandshakes.length], [
        2,
        0,
        0,
      ]);
    });
  },
);

const REFUSED_BY_CLIENTS: Readonly<Record<string, [() => Promise<Pair>, RegExp]>> = {
  "is self-signed": [() => selfSigned(), /self-signed/],
  "has expired": [() => authority.issue({ from: daysFromNow(-3), until: daysFromNow(-1) }), /has expired|out of date/],
  "is not valid yet": [
    () => authority.issue({ from: daysFromNow(1), until: daysFromNow(3) }),
    /not valid yet|out of date/,
  ],
  "has another name": [() => authority.issue({ host: "example.org" }), /has another name/],
  "has another address": [() => authority.issue({ host: "127.0.0.2" }), /has another name/],
  "is of an unknown authority": [() => unauthenticated.issue(), /authority is not trusted/],
  "is for clients": [() => authority.issue({ usage: "client" }), /not one for servers/],
};

// --- what a client accepts ---

for (const [what, [make, words]] of Object.entries(REFUSED_BY_CLIENTS)) {
  case_(`connect refuses a server whose certificate ${what}, in words, and keeps the code`, async () => {
    await withListener(await make(), {}, async ({ registry, port }) => {
      const error = await rejection(connect(`tls://127.0.0.1:${port}`, { tls: { ca } }), "connect");
      assertMatch(error.message, words);
      assertMatch(error.code ?? "none", /^[A-Z_0-9]+$/);
      assertStringIncludes(error.message, `tls://127.0.0.1:${port}`);
      for (const link of registry.links) assertEquals(await link.readToEnd(), 0);
    });
  });
}

case_("connect checks the name that servername gives, and an address without one", async () => {
  await withListener(await authority.issue({ host: "mob.example.org" }), {}, async ({ port }) => {
    const named = await connect(`tls://127.0.0.1:${port}`, { tls: { ca, servername: "mob.example.org" } });
    // What it has sent, nothing, is never read there, so no end of the server's would come.
    await named.close({ timeout: 0 });
    await rejection(connect(`tls://127.0.0.1:${port}`, { tls: { ca } }), "connect");
  });
  await withListener(await authority.issue({ host: "127.0.0.1" }), {}, async ({ port }) => {
    const client = await connect(`tls://127.0.0.1:${port}`, { tls: { ca } });
    await client.close({ timeout: 0 });
  });
  await withListener(await authority.issue({ host: "2001:db8::1" }), {}, async ({ port }) => {
    // The same address in another spelling.
    const named = await connect(`tls://127.0.0.1:${port}`, { tls: { ca, servername: "2001:DB8:0::1" } });
    await named.close({ timeout: 0 });
    await rejection(connect(`tls://127.0.0.1:${port}`, { tls: { ca, servername: "2001:db8::2" } }), "connect");
  });
});

case_("connect gives up when its signal aborts during the handshake", async () => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", () => resolve()));
  const { port } = silent.address() as { port: number };
  const reason = new Error("enough");
  const controller = new AbortController();
  const connecting = rejection(connect(`tls://127.0.0.1:${port}`, { signal: controller.signal }), "connect");
  await pause(100);
  controller.abort(reason);
  assertEquals(await connecting, reason);
  silent.close();
});
