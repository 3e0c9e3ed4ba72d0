/** What hostile clients do. */

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { LIMITS } from "../../src/server/options.ts";
import { framesFrom, openSocket, PATIENCE, Publisher } from "./clients.ts";
import type { Clients, Findings } from "./scenario.ts";
import type { Server } from "./server.ts";
import { pulse, until } from "./waiting.ts";

/** Where it happens. */
export interface Stage {
  readonly server: Server;
  readonly clients: Clients;
}

/** Something that a hostile client does. */
export interface Act {
  readonly label: string;
  /** Does it, notes what the server ought to have done, and returns figures of its own. */
  run(stage: Stage, findings: Findings): Promise<Record<string, string | number>>;
}

/** At once, on a busy machine, in milliseconds. */
const SOON = 10_000;

// --- unauthenticated connections ---

/** A connection that ignores everything it receives. */
interface RawClient {
  readonly socket: Socket;
  /** Bytes received. */
  received: number;
  /** Whether the server has ended it. */
  ended: boolean;
}

async function rawClient(port: number): Promise<RawClient> {
  const receive = (chunk: Buffer): void => {
    self.received += chunk.length;
    pulse();
  };
  const end = (): void => {
    self.ended = true;
    pulse();
  };
  const socket = await openSocket(port, receive);
  const self: RawClient = { socket, received: 0, ended: false };
  socket.on("error", end).on("end", end).on("close", end);
  return self;
}

function rawClients(count: number, port: number): Promise<RawClient[]> {
  return Promise.all(Array.from({ length: count }, () => rawClient(port)));
}

function reset({ socket }: RawClient): void {
  socket.on("error", () => {});
  socket.resetAndDestroy();
}

// --- bytes that no server could like ---

function rejected(label: string, bytes: Buffer): Act {
  return {
    label,
    async run({ server }) {
      const self = await rawClient(server.port);
      self.socket.write(bytes);
      await until(() => self.ended, "the client is cut off", SOON);
      self.socket.destroy();
      return {};
    },
  };
}

const HTTP = Buffer.from("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n");

/** The beginning of a TLS 1.2 client hello. */
const TLS = Buffer.concat([Buffer.from("16030102000100020003030102030405060708", "hex"), Buffer.alloc(500, 7)]);

const halfHeaders: Act = {
  label: "half a header, and gone",
  async run({ server }) {
    const all = await rawClients(60, server.port);
    for (const { socket } of all) await new Promise((resolve) => socket.write(Buffer.alloc(4), resolve));
    // A third ends its stream, a third resets, and a third just falls silent for as long as this attack takes.
    for (const one of all.slice(0, 20)) one.socket.destroy();
    for (const one of all.slice(20, 40)) reset(one);
    await settled(server, 30);
    for (const one of all.slice(40)) one.socket.destroy();
    return { clients: all.length };
  },
};

// --- many at once ---

async function settled(server: Server, connections: number): Promise<void> {
  const now = await server.hasConnections(connections, SOON);
  if (now !== connections) throw new Error(`${now} connections are left, and ${connections} were expected`);
}

const resets: Act = {
  label: "1,000 resets after connecting",
  async run({ server, clients }) {
    const reached = Array.from({ length: 1000 }, async () => reset(await rawClient(server.port)));
    await Promise.all(reached);
    await settled(server, clients.members.length);
    return {};
  },
};

const resetsBeforeAccept: Act = {
  label: "1,000 resets before accept",
  async run({ server, clients }) {
    // The kernel connects them while the server stands still, so that it accepts what was reset long ago.
    await server.freeze();
    try {
      for (let left = 1000; left > 0; left -= 100) (await rawClients(100, server.port)).forEach(reset);
    } finally {
      server.signal("SIGCONT");
    }
    await settled(server, clients.members.length);
    return {};
  },
};

const connects: Act = {
  label: "2,000 connects at once",
  async run({ server, clients }, findings) {
    const room = LIMITS.maxConnections.default - clients.members.length;
    const began = performance.now();
    const all = await rawClients(2000, server.port);
    const surplus = (): RawClient[] => all.filter(({ ended }) => ended);
    await until(() => surplus().length >= 2000 - room, "the surplus is closed", PATIENCE);
    const took = performance.now() - began;
    await until(() => all.every(({ ended, received }) => ended || received > 0), "those inside receive", SOON);
    const kept = 2000 - surplus().length;
    findings.expect(kept === room, `${kept} were kept where there was room for ${room}`);
    for (const { socket } of all) socket.destroy();
    await settled(server, clients.members.length);
    return { kept, "surplus closed in": `${took.toFixed(0)} ms` };
  },
};

// --- frames in strange pieces ---

/** Joins, sends something, and must receive its frames. Only the clients that are there before the first one receive it. */
function odd(label: string, frames: number, act: (publisher: Publisher) => Promise<void>): Act {
  return {
    label,
    async run({ server, clients }, findings) {
      const publisher = await Publisher.join(server.port, clients.expected);
      try {
        await act(publisher);
        const done = (): boolean => publisher.echoed === frames;
        await until(() => done() || publisher.ended !== undefined, "its frames are received", PATIENCE);
        findings.expect(done(), `it received ${publisher.echoed} of its ${frames} frames, then ${publisher.ended}`);
      } finally {
        publisher.drop();
      }
      return { frames };
    },
  };
}

const pings = odd("100,000 pings in one write", 1, (publisher) => {
  const frame = framesFrom(publisher.id, publisher.sent++, 1, () => 32);
  publisher.socket.write(Buffer.concat([Buffer.alloc(8 * 100_000), frame]));
  return Promise.resolve();
});

const single = odd("one byte per segment", 10, async (publisher) => {
  publisher.sent = 10;
  const bytes = framesFrom(publisher.id, 0, 10, () => 24);
  for (let at = 0; at < bytes.length; at++) {
    await new Promise((resolve) => publisher.socket.write(bytes.subarray(at, at + 1), resolve));
  }
});

const halfClose = odd("half-close after a frame", 1, async (publisher) => {
  publisher.send(1, () => 32);
  publisher.socket.end();
  await until(() => publisher.ended !== undefined, "the server ends its half too", SOON);
  if (publisher.ended !== "end") throw new Error(`its connection did not end cleanly: ${publisher.ended}`);
});

// --- all of them ---

const accounts: Act = {
  label: "accounts of all that",
  async run({ server, clients }, findings) {
    await settled(server, clients.members.length);
    const { closed: left, pings, acceptFailures, staleEvents } = await server.stats();
    findings.expect(left.internal === 0, `${left.internal} connections ended by internal errors`);
    findings.expect(pings === 100_000, `${pings} pings were counted`);
    findings.expect(left["frame-too-large"] === 3, `${left["frame-too-large"]} frames were too large, 3 were sent`);
    return {
      acceptFailures,
      staleEvents,
      ...Object.fromEntries(Object.entries(left).filter(([, count]) => count > 0)),
    };
  },
};

/** What they do, in this order. */
export const ACTS: readonly Act[] = [
  halfHeaders,
  rejected("eight 0xFF bytes", Buffer.alloc(8, 0xff)),
  rejected("an HTTP request", HTTP),
  rejected("a TLS hello", TLS),
  resets,
  resetsBeforeAccept,
  connects,
  pings,
  single,
  halfClose,
  accounts,
];
