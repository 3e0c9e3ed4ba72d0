// A client of a mob that is not ours: the WebSocket global of the runtime at hand, or the package `ws` on Node. Does all
// that a page might, prints "ready", and waits for the end of the mob. Ends with 1 when anything is not as it should be.
// node test/helpers/websocket_driver.mjs URL TAG [ws]; websocket_driver.py does the same.

import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import process from "node:process";
import { setTimeout } from "node:timers";

const [url, tag, library] = process.argv.slice(2);
// `deno check` resolves imports by an import map that has no such package.
const WebSocket = library === "ws" ? createRequire(import.meta.url)("ws").WebSocket : globalThis.WebSocket;

function equal(actual, expected, what) {
  if (actual === expected) return;
  console.error(`${tag}: ${what} is ${`${actual}`.slice(0, 100)}, not ${`${expected}`.slice(0, 100)}`);
  process.exit(1);
}

setTimeout(() => equal("late", "in time", "the mob"), 40_000).unref();

/** Connects. `heard()` resolves to the next message of this client's own. */
async function open(...protocols) {
  const socket = new WebSocket(url, protocols);
  socket.binaryType = "arraybuffer";
  const waiting = [];
  const queue = [];
  const closed = new Promise((resolve) => {
    socket.onclose = ({ code, wasClean }) => resolve(`${code} ${wasClean ?? true}`);
  });
  socket.onmessage = ({ data }) => {
    const bytes = Buffer.from(data);
    for (const payload of socket.protocol === "mobcast.u64" ? payloads(bytes) : [bytes]) {
      // Other clients are in the mob, too.
      if (!payload.includes(tag)) continue;
      const next = waiting.shift();
      if (next) next(payload);
      else queue.push(payload);
    }
  };
  await new Promise((resolve) => {
    socket.onopen = resolve;
    socket.onerror = ({ message }) => equal(message ?? "an error", "no error", "connecting");
  });
  socket.onerror = () => {};
  const heard = () => {
    const bytes = queue.shift();
    return bytes ?? new Promise((resolve) => waiting.push(resolve));
  };
  return { socket, heard, closed };
}

/** A frame of the framing u64. */
function frame(text) {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(8);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** The payloads of whole frames back to back. */
function* payloads(bytes) {
  for (let at = 0; at < bytes.length;) {
    const end = at + 8 + bytes.readUInt32BE(at + 4);
    equal(end <= bytes.length, true, "whether a message holds whole frames");
    yield bytes.subarray(at + 8, end);
    at = end;
  }
}

const plain = await open();
const packed = await open("mobcast.u64");
equal(packed.socket.protocol, "mobcast.u64", "the subprotocol");
equal(plain.socket.protocol, "", "no subprotocol");
equal(plain.socket.extensions, "", "the extensions");

const large = tag + "x".repeat(300_000);
const texts = [`${tag} binary`, `${tag} text ü€😀`, large];
plain.socket.send(Buffer.from(texts[0]));
plain.socket.send(texts[1]);
plain.socket.send(Buffer.from(large));
for (const client of [plain, packed]) {
  for (const text of texts) equal(`${await client.heard()}`, text, "a message");
}

// Cut anywhere, two messages are one frame.
const own = frame(`${tag} packed`);
packed.socket.send(own.subarray(0, 3));
packed.socket.send(own.subarray(3));
for (const client of [plain, packed]) equal(`${await client.heard()}`, `${tag} packed`, "a message of mobcast.u64");

if (library === "ws") {
  for (const { socket } of [plain, packed]) {
    const pong = new Promise((resolve) => socket.once("pong", resolve));
    socket.ping(`${tag}?`);
    equal(`${await pong}`, `${tag}?`, "a pong");
  }
}

const greedy = await open();
greedy.socket.send(Buffer.alloc(400_001));
equal(await greedy.closed, "1009 true", "the end of a message that is too large");
const leaving = await open();
leaving.socket.close(3000, "bye");
equal(await leaving.closed, "3000 true", "the end of one that leaves");

console.log("ready");
for (const { closed } of [plain, packed]) equal(await closed, "1001 true", "the end of the mob");
console.log("done");
process.exit(0);
