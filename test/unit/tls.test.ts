/** Listeners over TLS, on the runtime at hand: which clients are accepted, which refused, and what it costs. */

import { test } from "node:test";
import { createPrivateKey } from "node:crypto";
import { connect as netConnect, createServer, type Socket as NetSocket } from "node:net";
import process from "node:process";
import { connect as tlsConnect } from "node:tls";
import { assert, assertEquals, assertLess, assertLessOrEqual, assertMatch, assertStringIncludes } from "@std/assert";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import { listenOverTls, type TlsOverrides } from "../../adapters/tls/tls.ts";
import type { ListeningSocket } from "../../src/contract/adapter.ts";
import type { NetworkAddress } from "../../src/contract/address.ts";
import { connect, encodeFrame, serve } from "../../mod.ts";
import type { ServerTls } from "../../src/contract/tls.ts";
import type { ConnectionInfo } from "../../src/server/hooks.ts";
import { makeAuthority, type Pair, selfSigned } from "../helpers/certificates.ts";
import { listsOf } from "../helpers/lists.ts";
import { Recorder } from "../helpers/recording_registry.ts";
import { asked, Bell, pause, rejection, within } from "../helpers/wait.ts";

const adapter = await runtimeAdapter();
const authority = await makeAuthority("an authority");
const unauthenticated = await makeAuthority("another authority");
const server = await authority.issue();
const clientPair = await authority.issue({ usage: "client" });
const { cert: ca } = authority;

const DAY = 86_400_000;
const daysFromNow = (days: number): Date => new Date(Date.now() + days * DAY);
/** A frame with one byte. */
const FRAME = encodeFrame("u64", "x");
const ANYWHERE = { transport: "tls", host: "127.0.0.1", port: 0 } as const;

/** A listener, the connections it accepted, and those it refused. */
interface Listener {
  readonly registry: Recorder;
  readonly listener: ListeningSocket;
  readonly port: number;
}

/** Runs a test with a listener of its own, which is closed afterwards. */
async function withListener(
  tls: ServerTls,
  surroundings: TlsOverrides,
  run: (listener: Listener) => Promise<void>,
): Promise<void> {
  const registry = new Recorder(new Bell());
  const { made: listener, sizes } = await listsOf(() => listenOverTls(ANYWHERE, registry, { tls }, surroundings));
  try {
    await run({ registry, listener, port: (listener.address as NetworkAddress).port });
    // No list holds anything of a handshake that is over.
    const left = (): number => Object.values(sizes()).reduce((sum, size) => sum + size, 0);
    assertEquals(
      [await asked(left, (count) => count === 0), Object.keys(sizes()).length > 2],
      [0, true],
      JSON.stringify(sizes()),
    );
  } finally {
    for (const link of registry.links) link.close();
    await listener.close();
  }
  assertEquals(registry.violations, []);
}

function case_(fact: string, run: () => Promise<void>, timeout = 30_000): void {
  test(`tls: ${fact}`, { timeout }, run);
}

/** A plain socket to a listener, connected. What goes wrong with it is of no interest. */
function plain(port: number): Promise<NetSocket> {
  return new Promise((resolve, reject) => {
    const socket = netConnect({ host: "127.0.0.1", port, noDelay: true }, () => resolve(socket));
    socket.on("error", reject);
  });
}

function closed(socket: NetSocket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) return resolve();
    socket.resume().once("close", () => resolve());
  });
}

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

// --- what a client accepts ---

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

// --- certificates that do not fit ---

const NOT_A_LISTENER: Readonly<Record<string, [unknown, RegExp]>> = {
  "no certificates": [undefined, /give tls/],
  "no certificate": [{ key: server.key }, /tls\.cert: it is missing/],
  "no key": [{ cert: server.cert }, /tls\.key: it is missing/],
  "the key of another": [{ cert: server.cert, key: clientPair.key }, /tls\.key: it is not the key of the certificate/],
  "an empty certificate": [{ cert: "", key: server.key }, /tls\.cert: there is no certificate/],
  "a garbled certificate": [{ ...server, cert: server.cert.replace(/\nM/, "\nA") }, /tls\.cert: .*garbled/],
  "a garbled key": [{ ...server, key: server.key.replace(/\nM/, "\nA") }, /tls\.key: it is garbled/],
  "a garbled second certificate": [
    { ...server, cert: server.cert + ca.replace(/\nM/, "\nA") },
    /tls\.cert: certificate 2 of 2 is garbled/,
  ],
  "a certificate without its end": [
    { ...server, cert: server.cert + ca.slice(0, 500) },
    /tls\.cert: certificate 2 of 2 is garbled/,
  ],
  "half a key": [{ ...server, key: server.key.slice(0, 500) }, /tls\.key: it is garbled/],
  "an encrypted key of the old form": [
    {
      ...server,
      key: server.key.replaceAll("PRIVATE", "RSA PRIVATE").replace(
        "\n",
        "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128,00\n\n",
      ),
    },
    /tls\.key: it is encrypted/,
  ],
  "an encrypted key beside its certificate": [
    { cert: server.cert + encrypted(server.key), key: server.cert + encrypted(server.key) },
    /tls\.key: it is encrypted/,
  ],
  "a key that is none": [{ ...server, key: "a secret" }, /tls\.key: there is no private key/],
  "an encrypted key": [{ ...server, key: encrypted(server.key) }, /tls\.key: it is encrypted/],
  "an authority that is none": [{ ...server, ca: "nobody" }, /tls\.ca: there is no certificate/],
  "an unknown option": [{ ...server, requestCert: false }, /tls\.requestCert: there is none of that name/],
  "a key that is no text": [{ ...server, key: 7 }, /tls\.key: it is text, not number/],
};

function encrypted(key: string): string {
  const options = { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "open sesame" } as const;
  return createPrivateKey(key).export(options) as string;
}

/** Forms in which certificates and keys come: all of them are read alike on every runtime. */
const FORMS: Readonly<Record<string, (pair: Pair) => Pair>> = {
  "both in one text, the key first": ({ cert, key }) => ({ cert: key + cert, key: key + cert }),
  "both in one text, the certificate first": ({ cert, key }) => ({ cert: cert + key, key: cert + key }),
  "with a byte order mark": (pair) => each(pair, (text) => `\ufeff${text}`),
  "with the line endings of Windows": (pair) => each(pair, (text) => text.replace(/\r?\n/g, "\r\n")),
  "with notes, spaces and empty lines": (pair) =>
    each(pair, (text) => `A note:\n${text.replace(/\r?\n/g, " \n\n  ")}\nENCRYPTED\n`),
  "with a key of PKCS #1": ({ cert, key }) => ({
    cert,
    key: createPrivateKey(key).export({ type: "pkcs1", format: "pem" }) as string,
  }),
};

function each({ cert, key }: Pair, change: (text: string) => string): Pair {
  return { cert: change(cert), key: change(key) };
}

/** A key for a curve as OpenSSL writes it: the curve in a block of its own before the key. */
function withParameters({ cert, key }: Pair): Pair {
  const parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
  return { cert, key: parameters + (createPrivateKey(key).export({ type: "sec1", format: "pem" }) as string) };
}

async function talkThrough(pair: Pair, form: (pair: Pair) => Pair): Promise<void> {
  const authorities = form({ cert: ca, key: pair.key }).cert;
  await withListener({ ...form(pair), ca: authorities }, {}, async ({ registry, listener }) => {
    const mine = new Recorder(new Bell());
    await adapter.connect(listener.address, mine, { tls: { ca: authorities, ...form(clientPair) } });
    const [there, here] = [await registry.accepted(), mine.links[0]!];
    await Promise.all([there.writePattern(1000), here.readPattern(1000)]);
    here.close();
  });
}

for (const [what, form] of Object.entries(FORMS)) {
  case_(`certificates and keys ${what}, are taken by listeners and clients`, () => talkThrough(server, form));
}

case_("a key for a curve is taken, with its parameters before it", async () => {
  const pair = await authority.issue({ keys: "ec" });
  const parameters = withParameters(pair);
  assertStringIncludes(parameters.key, "EC PRIVATE KEY");
  await withListener(parameters, {}, async ({ registry, port }) => {
    const client = await connect(`tls://127.0.0.1:${port}`, { tls: { ca } });
    await registry.accepted();
    await client.close();
  });
});

case_("an RSA-PSS key is taken on Node, and refused in words where its handshakes would fail", async () => {
  const pair = await authority.issue({ keys: "rsa-pss" });
  if (adapter.name === "node") {
    await withListener(pair, {}, async ({ registry, port }) => {
      const client = await connect(`tls://127.0.0.1:${port}`, { tls: { ca } });
      await registry.accepted();
      await client.close();
    });
  } else {
    const error = await rejection(serve({ listen: "tls://127.0.0.1:0", tls: pair }), "serve");
    assertStringIncludes(error.message, "tls.key: it is an RSA-PSS key");
  }
});

for (const [what, [tls, words]] of Object.entries(NOT_A_LISTENER)) {
  case_(`a listener with ${what} is refused, in words that show no key`, async () => {
    const error = await rejection(serve({ listen: "tls://127.0.0.1:0", tls: tls as ServerTls }), "serve");
    assertMatch(error.message, words);
    // What is no option or no text is seen before a listener is thought of.
    assertMatch(error.message, /^Cannot (listen on tls:\/\/127\.0\.0\.1:0: |use (option )?tls\.)/);
    const { key } = (tls ?? {}) as { key?: unknown };
    if (typeof key === "string") assert(!String(error.stack).includes(key.split("\n")[1] ?? key), "the key is shown");
  });
}

case_("an option of a client that there is not is refused by name", async () => {
  const tls = { ca, rejectUnauthorized: false };
  const error = await rejection(connect("tls://127.0.0.1:1", { tls }), "connect");
  assertStringIncludes(error.message, "tls.rejectUnauthorized");
});

// --- reload ---

function serialAt(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tlsConnect({ host: "127.0.0.1", port, ca, servername: "localhost" });
    socket.on("error", reject);
    socket.once("secureConnect", () => {
      // Deno leaves leading zeros out.
      resolve(BigInt(`0x${socket.getPeerCertificate().serialNumber}`).toString(16));
      socket.destroy();
    });
  });
}

case_("certificates that change under load lose nothing, and incoming connections see the new ones", async () => {
  const pairs = [server, await authority.issue(), await authority.issue()];
  let asked = 0;
  const mob = await serve({ listen: "tls://127.0.0.1:0", tls: () => pairs[asked++ % pairs.length]! });
  const url = mob.urls[0]!;
  const port = Number(url.split(":").at(-1));
  const serials = new Set([await serialAt(port)]);
  const clients = await Promise.all(Array.from({ length: 8 }, () => connect(url, { tls: { ca } })));
  const frames = 3000;
  const receiving = clients.map(async (client) => {
    let received = 0;
    for await (const message of client) {
      assertEquals(Number(new TextDecoder().decode(message)), received);
      if (++received === frames) return;
    }
    throw new Error(`received ${received} of ${frames} frames, then the end`);
  });
  const saying = (async () => {
    for (let index = 0; index < frames; index++) await clients[0]!.send(new TextEncoder().encode(String(index)));
  })();
  const reloading = (async () => {
    for (let again = 0; again < 5; again++) {
      await mob.reload();
      serials.add(await serialAt(port));
    }
  })();
  await within(Promise.all([saying, reloading, ...receiving]), "everything to be received", 20_000);
  assertEquals([serials.size, asked], [3, 6]);
  await mob.close({ drain: 0 });
  for (const client of clients) await client.close();
});

case_("certificates that do not fit are refused at reload, and the old ones stay", async () => {
  let tls: ServerTls = server;
  await using mob = await serve({ listen: "tls://127.0.0.1:0", tls: () => tls });
  tls = { cert: server.cert, key: clientPair.key };
  const error = await rejection(mob.reload(), "reload");
  assertMatch(error.message, /^Cannot reload the certificates: .*tls\.key: it is not the key of the certificate/);
  const client = await connect(mob.urls[0]!, { tls: { ca } });
  await client.close();
});

// --- attacks ---

case_("100 connections of garbage and 500 handshakes that never end cost nothing that lasts", async () => {
  await withListener(server, { handshakeTimeout: 3000 }, async ({ registry, listener, port }) => {
    const mine = new Recorder(new Bell());
    await adapter.connect(listener.address, mine, { tls: { ca } });
    const [there, here] = [await registry.accepted(), mine.links[0]!];
    const before = process.memoryUsage().rss;
    const sockets: NetSocket[] = [];
    for (let index = 0; index < 600; index++) {
      const socket = await plain(port);
      socket.on("error", () => {});
      // The first bytes of a ClientHello, or of anything else.
      socket.write(index < 100 ? new Uint8Array(1000).fill(index) : new Uint8Array([0x16, 3, 1, 2, 0]));
      sockets.push(socket);
    }
    // Meanwhile the open connections do not notice.
    const started = performance.now();
    await Promise.all([here.writePattern(1_000_000), there.readPattern(1_000_000)]);
    assertLess(performance.now() - started, 2000, "ms for a megabyte");
    await Promise.all(sockets.map(closed));
    await registry.failed(600);
    await pause(100);
    assertEquals([registry.failedHandshakes.length, registry.links.length], [600, 1]);
    assertEquals(new Set(registry.failedHandshakes.map(({ client }) => client)).size, 600);
    assertLessOrEqual(process.memoryUsage().rss - before, 100 * 2 ** 20, "bytes more");
    here.close();
  });
});

case_("a handshake in pieces of one byte succeeds", async () => {
  await withListener(server, {}, async ({ registry, port }) => {
    const relay = createServer({ noDelay: true }, (from) => {
      const to = netConnect({ host: "127.0.0.1", port, noDelay: true });
      to.on("error", () => {}).on("data", (chunk) => from.write(chunk)).on("close", () => from.destroy());
      from.on("error", () => {}).on("close", () => to.destroy());
      let pieces: Promise<void> = Promise.resolve();
      from.on("data", (chunk: Uint8Array) => {
        pieces = pieces.then(async () => {
          for (const byte of chunk) {
            to.write(new Uint8Array([byte]));
            await pause(0);
          }
        });
      });
    });
    await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", () => resolve()));
    const mine = new Recorder(new Bell());
    const address = { ...ANYWHERE, port: (relay.address() as { port: number }).port };
    await within(adapter.connect(address, mine, { tls: { ca } }), "connect", 20_000);
    const [there, here] = [await registry.accepted(), mine.links[0]!];
    await Promise.all([here.writePattern(100), there.readPattern(100)]);
    here.close();
    relay.close();
  });
});

case_("a client that stops after 5 bytes is closed at the deadline, and counted", async () => {
  await withListener(server, { handshakeTimeout: 500 }, async ({ registry, port }) => {
    const socket = await plain(port);
    socket.on("error", () => {});
    const started = performance.now();
    socket.write(new Uint8Array([0x16, 3, 1, 2, 0]));
    await within(closed(socket), "the end of it");
    const took = performance.now() - started;
    assert(took > 450 && took < 3000, `${took} ms`);
    await registry.failed(1);
    assertEquals((registry.failedHandshakes[0]!.error as { code?: string }).code, "ETIMEDOUT");
  });
});

case_("a handshake that is under way while the process is stopped for longer is done when it goes on", async () => {
  await withListener(server, { handshakeTimeout: 300 }, async ({ registry, port }) => {
    const socket = tlsConnect({ port, host: "127.0.0.1", ca, checkServerIdentity: () => undefined });
    socket.on("error", () => {});
    await new Promise((resolve) => socket.once("connect", resolve));
    // The listener has taken the connection, at the latest, when a few timers have passed.
    await pause(1);
    const until = performance.now() + 800;
    while (performance.now() < until);
    await within(registry.accepted(), "the end of the handshake");
    assertEquals(registry.failedHandshakes, []);
    socket.destroy();
  });
});

case_("a client that leaves during the handshake is counted", async () => {
  await withListener(server, {}, async ({ registry, port }) => {
    const socket = await plain(port);
    socket.on("error", () => {});
    socket.write(new Uint8Array([0x16, 3, 1, 2, 0]));
    await pause(50);
    socket.destroy();
    await registry.failed(1);
    assertEquals([registry.failedHandshakes.length, registry.links.length], [1, 0]);
  });
});

case_("a listener that closes ends the handshakes that are on their way", async () => {
  await withListener(server, {}, async ({ registry, listener, port }) => {
    const socket = await plain(port);
    socket.on("error", () => {});
    await pause(50);
    await listener.close();
    await within(closed(socket), "the end of it");
    assertEquals(registry.failedHandshakes.length, 1);
  });
});

case_("an end without close_notify inside a frame is reported as truncated, or as a reset", async () => {
  const reasons: string[] = [];
  await using mob = await serve({
    listen: "tls://127.0.0.1:0",
    tls: server,
    onLeave: ({ reason }) => reasons.push(reason),
  });
  const below = await plain(Number(mob.urls[0]!.split(":").at(-1)));
  const socket = tlsConnect({ socket: below, ca, servername: "localhost" });
  socket.on("error", () => {});
  await new Promise<void>((resolve) => socket.once("secureConnect", () => resolve()));
  // The header of a frame of 100 bytes, and 3 of them.
  socket.write(new Uint8Array([0, 0, 0, 0, 0, 0, 0, 100, 1, 2, 3]));
  await pause(100);
  below.destroy();
  await asked(() => reasons.length, (count) => count > 0);
  assert(["truncated", "reset"].includes(reasons.join()), `left: ${reasons}`);
});
