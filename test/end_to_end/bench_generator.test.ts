/** The load generator of the benchmark: what it sends to a server, and what it notices of what comes back. */

import { Buffer } from "node:buffer";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Dialect, dialectArguments, MOB, PACKED, WEBSOCKET } from "../../bench/dialects.ts";
import { compileGenerator, type Report, runGenerator } from "../../bench/load.ts";

const generator = compileGenerator();
const skip = "missing" in generator ? generator.missing : false;

const ANSWER = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/** What a server does wrong, all for its second client. */
interface Faults {
  /** The answer to the handshake. */
  readonly answer?: string;
  /** What becomes of a payload with this number. */
  readonly payloads?: (payload: Buffer, number: number) => readonly Buffer[];
  /** What becomes of the bytes of a message. */
  readonly message?: (message: Buffer, number: number) => Buffer;
}

/** A message of a server. */
function message(payload: Buffer): Buffer {
  const { length } = payload;
  const header = Buffer.alloc(length < 126 ? 2 : length < 65536 ? 4 : 10);
  header[0] = 0x82;
  header[1] = length < 126 ? length : length < 65536 ? 126 : 127;
  if (length >= 65536) header.writeBigUInt64BE(BigInt(length), 2);
  else if (length >= 126) header.writeUInt16BE(length, 2);
  return Buffer.concat([header, payload]);
}

function u64(payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** Takes the WebSocket frame of a client at the start of the bytes. */
function takeMessage(bytes: Buffer): { opcode: number; payload: Buffer; key: Buffer; rest: Buffer } | undefined {
  if (bytes.length < 2) return undefined;
  assert((bytes[1]! & 0x80) !== 0, "a client masks");
  const code = bytes[1]! & 0x7f;
  const start = code < 126 ? 2 : code === 126 ? 4 : 10;
  if (bytes.length < start + 4) return undefined;
  const length = code < 126 ? code : code === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  const end = start + 4 + length;
  if (bytes.length < end) return undefined;
  const key = bytes.subarray(start, start + 4);
  const payload = Buffer.from(bytes.subarray(start + 4, end));
  for (let index = 0; index < length; index++) payload[index]! ^= key[index & 3]!;
  return { opcode: bytes[0]!, payload, key, rest: bytes.subarray(end) };
}

/** A server that sends every payload to every client. */
class Echo {
  readonly #dialect: Dialect;
  readonly #faults: Faults;
  readonly #sockets: Socket[] = [];
  /** Those whose handshake is over: the others get no frames. */
  readonly #joined: Set<Socket> = new Set();
  payloads = 0;
  /** Messages that were received with more than one frame in them. */
  runs = 0;
  pongs = 0;
  errors: unknown[] = [];

  constructor(dialect: Dialect, faults: Faults) {
    this.#dialect = dialect;
    this.#faults = faults;
  }

  join(socket: Socket): void {
    const place = this.#sockets.push(socket);
    if (this.#dialect === MOB) this.#joined.add(socket);
    let bytes: Buffer = Buffer.alloc(0);
    let stream: Buffer = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      try {
        bytes = Buffer.concat([bytes, chunk]);
        if (!this.#joined.has(socket)) {
          const end = bytes.indexOf("\r\n\r\n");
          if (end < 0) return;
          const head = bytes.subarray(0, end).toString();
          assertEquals(head.includes("Sec-WebSocket-Protocol: mobcast.u64"), this.#dialect === PACKED);
          bytes = bytes.subarray(end + 4);
          this.#joined.add(socket);
          socket.write(place === 2 ? this.#faults.answer ?? ANSWER : ANSWER);
        }
        if (this.#dialect === MOB) bytes = this.#frames(bytes);
        for (let next; this.#dialect !== MOB && (next = takeMessage(bytes)) !== undefined; bytes = next.rest) {
          assertEquals(next.key, Buffer.from("37fa213d", "hex"));
          if (next.opcode === 0x8a) this.pongs++;
          else if (this.#dialect === WEBSOCKET) this.#publish(next.payload);
          else {
            assertEquals(next.opcode, 0x82);
            const before = this.payloads;
            stream = this.#frames(Buffer.concat([stream, next.payload]));
            if (this.payloads > before + 1) this.runs++;
          }
        }
      } catch (error) {
        this.errors.push(error);
      }
    });
  }

  /** Publishes all whole frames, and returns what is left. */
  #frames(bytes: Buffer): Buffer {
    let at = 0;
    for (; at + 8 <= bytes.length && at + 8 + bytes.readUInt32BE(at + 4) <= bytes.length;) {
      const end = at + 8 + bytes.readUInt32BE(at + 4);
      this.#publish(bytes.subarray(at + 8, end));
      at = end;
    }
    return bytes.subarray(at);
  }

  #publish(payload: Buffer): void {
    const number = this.payloads++;
    for (const [index, socket] of this.#sockets.entries()) {
      if (!this.#joined.has(socket)) continue;
      const faults = index === 1 ? this.#faults : {};
      const payloads = faults.payloads?.(payload, number) ?? [payload];
      for (const one of payloads) {
        const frame = this.#dialect === WEBSOCKET ? one : u64(one);
        if (this.#dialect === MOB) {
          socket.write(frame);
          continue;
        }
        // Where frames are packed, a message may end anywhere.
        const cut = this.#dialect === PACKED ? number % frame.length : frame.length;
        const pieces = [frame.subarray(0, cut), frame.subarray(cut)].filter(({ length }) => length > 0).map(message);
        const bytes = Buffer.concat(pieces);
        socket.write(faults.message?.(bytes, number) ?? bytes);
        if (number % 64 === 10) socket.write(Buffer.from([0x89, 0]));
      }
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** So many frames have all that is tried: a fault in the twentieth shows by a later one of the same publisher. */
const ENOUGH = 200;

/** Loads such a server for a moment; on a machine that is busy until it has had enough frames, or something is wrong. */
async function load(
  dialect: Dialect,
  faults: Faults = {},
  size = 64,
  patience = 5,
): Promise<Report & { server: Echo }> {
  for (let seconds = 0.1;; seconds *= 4) {
    const report = await loadFor(seconds, dialect, faults, size, patience);
    const { server, received, ended, underWay } = report;
    const stalls = patience < 1 && underWay !== 0;
    if (server.payloads >= ENOUGH && received! > 3 || ended !== 0 || stalls || seconds > 10) return report;
  }
}

/** `patience`: how many seconds it waits in the end for what is under way. */
async function loadFor(
  seconds: number,
  dialect: Dialect,
  faults: Faults,
  size: number,
  patience: number,
): Promise<Report & { server: Echo }> {
  const echo = new Echo(dialect, faults);
  const server = createServer({ noDelay: true }, (socket) => echo.join(socket));
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port))
  );
  try {
    if ("missing" in generator) throw new Error(generator.missing);
    const report = await runGenerator([
      generator.path,
      ...[`port=${port}`, "receivers=3", "publishers=2", `size=${size}`, "window=8", "ramp=0.05"],
      ...[`seconds=${seconds}`, `patience=${patience}`, ...dialectArguments(dialect, size)],
    ], 50_000);
    assertEquals(echo.errors, []);
    return { ...report, server: echo };
  } finally {
    echo.close();
    await new Promise((resolve) => server.close(resolve));
  }
}

const GOOD = { underWay: 0, lost: 0, repeated: 0, late: 0, corrupt: 0, ended: 0, disorder: 0 };

/** What was wrong. */
function faultsOf(report: Report): Partial<Report> {
  return Object.fromEntries(Object.keys(GOOD).map((name) => [name, report[name as keyof Report]]));
}

/** Changes the payload with this number. */
const the = (number: number, change: (payload: Buffer) => readonly Buffer[]): Faults => ({
  payloads: (payload, each) => each === number ? change(payload) : [payload],
});

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 1;
  return copy;
}

/** Most of the time of a load is waiting: all of a test run at once. */
function all<Given, Made>(given: readonly Given[], make: (each: Given) => Promise<Made>): Promise<Made[]> {
  return Promise.all(given.map(make));
}

for (const dialect of [MOB, WEBSOCKET, PACKED]) {
  test(`the load generator speaks ${dialect.name}, with headers of each size`, { skip }, async () => {
    await all([64, 200, 70_000], async (size) => {
      const { server, ...report } = await load(dialect, {}, size);
      assertEquals(faultsOf(report), GOOD, `${size} bytes`);
      assert(report.received! > 3, `${size} bytes: ${report.received} frames`);
      if (dialect === MOB || size > 64) return;
      assert(server.pongs > 0, "pings are answered");
      assertEquals(server.runs > 0, dialect === PACKED, "frames are sent in runs");
    });
  });

  test(`the load generator notices what is wrong in ${dialect.name}`, { skip }, async () => {
    const [missing, wrong, short, twice] = await all([
      the(20, () => []),
      the(20, (payload) => [flipped(payload, 2)]),
      the(20, (payload) => [payload.subarray(1)]),
      the(20, (payload) => [payload, payload]),
    ], async (faults) => faultsOf(await load(dialect, faults)));
    assertEquals(missing, { ...GOOD, lost: 1, disorder: 1 });
    assertEquals([wrong!.corrupt, wrong!.ended], [1, 1], "a bit is wrong");
    assertEquals([short!.corrupt, short!.ended], [1, 1], "a frame is too short");
    assertEquals([twice!.repeated, twice!.late], [1, 1], "a frame comes twice");
    const stalls: Faults = { payloads: (payload, number) => number < 20 ? [payload] : [] };
    const slow = faultsOf(await load(dialect, stalls, 64, 0.3));
    assert(slow.underWay! > 0, "frames are under way in the end");
    assertEquals(slow, { ...GOOD, underWay: slow.underWay! });
  });
}

for (const dialect of [WEBSOCKET, PACKED]) {
  test(`the load generator notices what is no ${dialect.name}`, { skip }, async () => {
    const changes: Record<string, (bytes: Buffer) => Buffer> = {
      "a masked message": (bytes) => flipped(bytes, 1).fill(bytes[1]! | 0x80, 1, 2),
      "a text message": (bytes) => Buffer.concat([Buffer.from([0x81]), bytes.subarray(1)]),
      "a length in more bytes than it needs": (bytes) =>
        Buffer.concat([bytes.subarray(0, 1), Buffer.from([126, 0]), bytes.subarray(1)]),
    };
    await all(Object.entries(changes), async ([what, change]) => {
      const report = await load(dialect, { message: (bytes, number) => number === 20 ? change(bytes) : bytes });
      assertEquals([report.corrupt, report.ended], [1, 1], what);
    });
  });

  test(`the load generator checks the handshake of ${dialect.name}`, { skip }, async () => {
    const refused = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    await assertRejects(() => load(dialect, { answer: refused }), Error, "the server refuses the handshake");
    const wrong = ANSWER.replace("s3pP", "s3pQ");
    await assertRejects(() => load(dialect, { answer: wrong }), Error, "the answer to the handshake has a wrong key");
  });
}
