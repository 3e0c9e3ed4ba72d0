/** Certificates of listeners and clients, on the runtime at hand: which are taken, in which forms, and how they are changed. */

import { createPrivateKey } from "node:crypto";
import { connect as tlsConnect } from "node:tls";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect, serve } from "../../mod.ts";
import type { ServerTls } from "../../src/contract/tls.ts";
import type { Pair } from "../helpers/certificates.ts";
import { Recorder } from "../helpers/recording_registry.ts";
import { Bell, rejection, within } from "../helpers/wait.ts";
import { adapter, authority, ca, case_, clientPair, server, withListener } from "../helpers/tls_listener.ts";

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

// --- certificates that do not fit ---

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

// --- reload ---

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
