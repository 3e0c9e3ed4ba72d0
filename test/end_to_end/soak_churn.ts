/** What comes and goes in the soak: one round of each kind, over each transport. */

import { Buffer } from "node:buffer";
import { connect as connectTo, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { encodeFrame } from "../../src/framing/framing.ts";
import type { Client } from "../../src/client/client.ts";
import type { Mob } from "../../src/server/mob.ts";
import { pausing, plainSocket } from "../helpers/transports.ts";
import { parseAddress } from "../../src/contract/address.ts";
import { Publisher, Subscriber } from "./soak_subscribers.ts";
import { comes, SECRET, type Stage } from "./soak_stage.ts";
import { pass } from "./waiting.ts";

/** A kind of churn. Resolves when its clients are gone, as far as they know. */
type Churn = (stage: Stage) => Promise<void>;

/** How many clients of each kind and transport come in a round. */
const CROWD = 4;

const GARBAGE = Buffer.concat([Buffer.from("GET / HTTP/1.1\r\n\r\n"), Buffer.alloc(64, 0xff)]);

// --- raw clients ---

/** A socket that is connected, or undefined when it was not to be. With TLS, after the handshake. */
function reach(stage: Stage, url: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const below = plainSocket(parseAddress(url));
    const { tls } = stage.options(url);
    const secure = tls !== undefined;
    const socket = secure ? pausing(connectTls({ socket: below, ...tls }), below) : below;
    below.on("error", () => resolve(undefined));
    socket.on("error", () => resolve(undefined));
    socket.once(secure ? "secureConnect" : "connect", () => resolve(socket));
  });
}

/** The same without a handshake: what comes to a listener over TLS is then not what it expects. */
function reachRaw(url: string): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = plainSocket(parseAddress(url));
    socket.on("error", () => resolve(socket));
    socket.once("connect", () => resolve(socket));
  });
}

/** Waits until the mob has ended the connection, then leaves. */
async function gone(stage: Stage, url: string, socket: Socket): Promise<void> {
  socket.resume();
  const own = `127.0.0.1:${socket.localPort}`;
  // Deno (2.9.5) now and then tells a client over TLS nothing of a reset: then the mob is asked.
  const untold = (): boolean => "Deno" in globalThis && url.startsWith("tls:") && !stage.knows(own);
  await comes(
    () => socket.destroyed || socket.readableEnded || untold(),
    () => `${url} ends the connection from ${own}`,
  );
  socket.destroy();
}

/** Does the same with a crowd, at each URL of both mobs. */
function everywhere(act: (stage: Stage, url: string) => Promise<unknown>): Churn {
  return async (stage) => {
    const urls = [...stage.open.urls, ...stage.guarded.urls];
    await Promise.all(urls.flatMap((url) => Array.from({ length: CROWD }, () => act(stage, url))));
  };
}

const comeAndGo = everywhere(async (stage, url) => (await reach(stage, url))?.destroy());

const reset = everywhere(async (stage, url) => {
  const socket = await reach(stage, url);
  if (socket === undefined) return;
  if (url.startsWith("tcp:")) socket.resetAndDestroy();
  else socket.destroy();
});

const resetAtOnce = everywhere(async (_stage, url) => {
  const socket = await reachRaw(url);
  if (url.startsWith("unix:")) socket.destroy();
  else socket.resetAndDestroy();
});

const garbage = everywhere(async (stage, url) => {
  const socket = await reach(stage, url);
  socket?.write(GARBAGE);
  if (socket !== undefined) await gone(stage, url, socket);
});

/** Over TLS a handshake that is none, over the others a frame that is none. */
const garbageBelow = everywhere(async (stage, url) => {
  const socket = await reachRaw(url);
  socket.write(GARBAGE);
  await gone(stage, url, socket);
});

/** Clients come from many addresses, each of which is counted. */
const addresses: Churn = async (stage) => {
  await Promise.all([stage.open, stage.guarded].flatMap(({ urls: [url] }) =>
    Array.from({ length: CROWD }, async () => {
      const { hostname: host, port } = new URL(url!.replace("tcp:", "http:"));
      const some = (): number => 1 + Math.floor(Math.random() * 250);
      const socket = connectTo({ host, port: Number(port), localAddress: `127.${some()}.${some()}.${some()}` });
      socket.on("error", () => {});
      socket.end();
      await gone(stage, url!, socket);
    })
  ));
};

/** A frame that has begun, or a secret, and then nothing: some wait for the deadline, some go, some end their half. */
const halfFrame = everywhere(async (stage, url) => {
  const socket = await reach(stage, url);
  if (socket === undefined) return;
  // More than a secret is refused at once, less than one is kept.
  const length = Math.random() < 0.5 ? 3000 : 12;
  socket.write(encodeFrame("u64", new Uint8Array(length === 12 ? 20 : 5000)).subarray(0, length));
  await pass(20);
  const fate = Math.random();
  if (fate < 0.3) socket.destroy();
  else {
    if (fate < 0.6) socket.end();
    await gone(stage, url, socket);
  }
});

const halfClose = everywhere(async (stage, url) => {
  const socket = await reach(stage, url);
  if (socket === undefined) return;
  socket.end(encodeFrame("u64", new Uint8Array(0)));
  await gone(stage, url, socket);
});

/** A client hello that stops in the middle, and goes. */
const halfHandshake: Churn = async (stage) => {
  for (const mob of [stage.open, stage.guarded]) {
    await Promise.all(Array.from({ length: CROWD }, async (_, index) => {
      const socket = await reachRaw(mob.urls[1]!);
      socket.write(Buffer.from("16030102000100020003030102030405060708", "hex"));
      await pass(10);
      if (index % 2 === 0) socket.resetAndDestroy();
      else socket.destroy();
    }));
  }
};

/** Clients that don't trust the mob, and clients that have no certificate: their handshake fails at the end. */
const distrust: Churn = async (stage) => {
  await Promise.all([[stage.open, []], [stage.guarded, [stage.ca]]].flatMap(([mob, ca]) => {
    const { port } = new URL((mob as Mob).urls[1]!.replace("tls:", "http:"));
    return Array.from({ length: CROWD }, () =>
      new Promise<void>((resolve) => {
        const below = connectTo(Number(port), "127.0.0.1");
        const socket = connectTls({ socket: below, servername: "localhost", ca: ca as string[] });
        socket.on("error", () => socket.destroy()).on("close", () => resolve());
        // With TLS 1.3 a client is done before the mob looks for its certificate.
        socket.on("secureConnect", () => mob === stage.open ? socket.destroy() : socket.resume());
      }));
  }));
};

/** They read nothing while the mob talks: over its limit they are dropped, or they go by themselves. */
const stuck: Churn = async (stage) => {
  const sockets = await Promise.all(stage.open.urls.flatMap((url) => [reach(stage, url), reach(stage, url)]));
  for (const socket of sockets) socket?.pause();
  await pass(50);
  await stage.say(400);
  sockets.forEach((socket, index) => {
    if (socket === undefined) return;
    if (index % 2 === 0 && "resetAndDestroy" in socket && index < 2) socket.resetAndDestroy();
    else socket.destroy();
  });
};

// --- clients of the library ---

/** Visitors send something, receive it, and leave; each subscriber must have received it all, once and in order. */
const visitors: Churn = async (stage) => {
  await Promise.all(stage.open.urls.map(async (url) => {
    const peer = await stage.library.connect(url, stage.options(url)) as Client;
    await visit(stage, peer);
  }));
  await visit(stage, stage.open.join());
};

async function visit(stage: Stage, peer: Client): Promise<void> {
  const publisher = new Publisher();
  const own = new Subscriber();
  const count = 12;
  const receiving = (async () => {
    for await (const message of peer) {
      if (new DataView(message.buffer, message.byteOffset).getUint32(0) !== publisher.id) continue;
      own.receive(message);
      if (own.receivedFrom(publisher) === count) break;
    }
  })();
  await Promise.all(Array.from({ length: count }, () => peer.send(publisher.next())));
  await receiving;
  await peer.close();
  const all = (): boolean => stage.subscribers.every((subscriber) => subscriber.receivedFrom(publisher) === count);
  await comes(all, () => `every subscriber receives the ${count} frames of ${publisher.id}`);
  if (own.problems.length > 0) throw new Error(own.problems[0]);
  for (const subscriber of stage.subscribers) subscriber.forget(publisher);
}

/** They say the secret, the wrong one, or none; and more than the rate allows. */
const secrets: Churn = async (stage) => {
  await Promise.all(stage.guarded.urls.map(async (url) => {
    const right = await stage.library.connect(url, { ...stage.options(url), secret: SECRET, receive: false }) as Client;
    const wrong = await stage.library.connect(url, { ...stage.options(url), secret: "another word" }) as Client;
    for (let index = 0; index < 60; index++) await right.send(new Uint8Array(30));
    await Promise.allSettled([wrong.send(new Uint8Array(3)), right.close(), wrong.closed]);
    await wrong.close({ timeout: 0 });
  }));
};

/** Connecting, sending and listening that is aborted, on one signal and on others. */
const aborted: Churn = async (stage) => {
  await Promise.all(stage.open.urls.flatMap((url) =>
    [0, 1, 3, 8].map(async (milliseconds) => {
      const abort = new AbortController();
      const timer = setTimeout(() => abort.abort(), milliseconds);
      const peer = await stage.library.connect(url, { ...stage.options(url), signal: abort.signal }).catch(() =>
        undefined
      ) as Client | undefined;
      await peer?.closed;
      clearTimeout(timer);
    })
  ));
  await Promise.all(stage.open.urls.map(async (url) => {
    const peer = await stage.library.connect(url, { ...stage.options(url), signal: stage.signal }) as Client;
    const member = stage.open.join({ signal: stage.signal, receive: false });
    // A ping is received by no client.
    await peer.send(new Uint8Array(0), { signal: stage.signal });
    const messages = peer[Symbol.asyncIterator]();
    const first = messages.next();
    await peer.close({ timeout: 0 });
    await first.catch(() => {});
    await member.close();
  }));
};

/** Nobody is there. */
const refused: Churn = async (stage) => {
  const connecting = ["tcp://127.0.0.1:1", "unix:///nowhere/at/all"].map((url) => stage.library.connect(url));
  await Promise.allSettled(connecting);
};

/** New certificates, while handshakes with the old ones are under way. The open mob keeps what its handshakes leave. */
const certificates: Churn = (stage) => stage.guarded.reload();

const reopened: Churn = (stage) => stage.reopen();

/** All kinds, by name. */
export const CHURNS: Readonly<Record<string, Churn>> = {
  comeAndGo,
  reset,
  resetAtOnce,
  garbage,
  garbageBelow,
  addresses,
  halfFrame,
  halfClose,
  halfHandshake,
  distrust,
  stuck,
  visitors,
  secrets,
  aborted,
  refused,
  certificates,
  reopened,
};
