/**
 * A client of the wire on `node:net`, for the conformance kit: with every framing, secrets, resuming and lines in hexadecimal
 * digits (`--hex`). It is right, unless the variable BUG names what it does wrong.
 */

import { Buffer } from "node:buffer";
import { connect } from "node:net";
import process from "node:process";
import { setTimeout } from "node:timers";

const bug = (name) => process.env.BUG === name;
const hex = process.argv.includes("--hex");
const url = new URL(process.argv.at(-1));
const framing = url.searchParams.get("framing") ?? "u64";
const resumes = url.searchParams.get("resume") === "true";
const header = { u64: 8, u32: 4, line: 0 }[framing];
const LONGEST = 2 ** 20;

// --- frames ---

function frameOf(payload) {
  if (header === 0) return Buffer.concat([payload, Buffer.from("\n")]);
  const length = Buffer.alloc(header);
  if (bug("little-endian")) length.writeUInt32LE(payload.length, 0);
  else length.writeUInt32BE(payload.length, header - 4);
  return Buffer.concat([length, payload]);
}

function lengthAt(bytes) {
  if (bug("16-bit-lengths")) return bytes.readUInt16BE(header - 2);
  if (bug("32-bit-lengths")) return bytes.readUInt32BE(header - 4);
  if (bug("signed-lengths")) return Math.max(bytes.readInt32BE(header - 4), 5);
  return header === 8 ? Number(bytes.readBigUInt64BE()) : bytes.readUInt32BE();
}

/** The first frame of the bytes: its payload and its size; `undefined`: it is not whole. */
function firstOf(bytes) {
  if (header === 0) {
    const newline = bytes.indexOf(10);
    return newline === -1 ? undefined : { payload: bytes.subarray(0, newline), size: newline + 1 };
  }
  if (bytes.length < header) return undefined;
  const length = lengthAt(bytes);
  if (length > LONGEST && !bug("no-limit") && !bug("signed-lengths")) leave(3, `a message of ${length} bytes`);
  if (bytes.length < header + length) return undefined;
  return { payload: bytes.subarray(header, header + length), size: header + length };
}

// --- output ---

let print = (payload) => {
  if (bug("decodes-text")) payload = Buffer.from(payload.toString("utf8"));
  if (bug("trims")) payload = Buffer.from(payload.toString("latin1").trim(), "latin1");
  process.stdout.write(hex ? `${payload.toString("hex")}\n` : Buffer.concat([payload, Buffer.from("\n")]));
};

function leave(code, why = "") {
  if (why !== "") process.stderr.write(`${why}\n`);
  process.stdout.end(() => process.exit(code));
  // Nothing that comes meanwhile counts.
  print = () => {};
}

// --- the stream that is resumed ---

let epoch = Buffer.alloc(8);
let offset = 0n;

function helloOf() {
  const digits = Buffer.concat([epoch, Buffer.alloc(8)]);
  digits.writeBigUInt64BE(bug("forgets-offset") ? 0n : offset, 8);
  return Buffer.concat([Buffer.from("mob1"), header === 0 ? Buffer.from(digits.toString("hex")) : digits]);
}

function takeHello(payload) {
  const digits = header === 0 ? Buffer.from(payload.subarray(4).toString("latin1"), "hex") : payload.subarray(4);
  const first = epoch.equals(Buffer.alloc(8));
  epoch = Buffer.from(digits.subarray(0, 8));
  if (first || !bug("ignores-gaps")) offset = digits.readBigUInt64BE(8);
}

// --- the connection ---

let socket;
let inputEnded = false;
let said = 0;

function open() {
  let rest = Buffer.alloc(0);
  let greeted = !resumes;
  socket = connect({ host: url.hostname, port: Number(url.port), allowHalfOpen: true });
  socket.on("error", (error) => leave(2, error.message));
  const secret = process.env.MOBCAST_SECRET;
  if (secret && !bug("no-secret") && !bug("late-secret")) socket.write(frameOf(Buffer.from(secret)));
  if (resumes) socket.write(frameOf(helloOf()));
  if (bug("greets")) socket.write(frameOf(Buffer.from("hello, server")));
  if (inputEnded) socket.end();
  // All that the case says: this is never reached while the other end waits for us.
  if (bug("writes-before-it-reads")) socket.pause().on("drain", () => said === 64 && socket.resume());
  socket.on("data", (chunk) => {
    if (bug("a-read-is-a-frame")) return print(chunk.subarray(header));
    if (bug("header-at-once") && rest.length === 0 && chunk.length < header) return;
    rest = Buffer.concat([rest, chunk]);
    for (let frame = firstOf(rest); frame !== undefined; frame = firstOf(rest)) {
      rest = bug("drops-the-rest") ? Buffer.alloc(0) : rest.subarray(frame.size);
      if (!greeted) {
        greeted = true;
        takeHello(frame.payload);
        if (bug("prints-hello")) print(frame.payload);
        if (bug("counts-hello")) offset += BigInt(frame.size);
        continue;
      }
      offset += BigInt(bug("counts-payloads") ? frame.payload.length : frame.size);
      print(frame.payload);
    }
  });
  socket.on("end", () => {
    if (bug("counts-torn")) offset += BigInt(rest.length);
    if (bug("prints-torn") && rest.length > header) print(rest.subarray(header));
    socket.end();
    if (resumes && !inputEnded) return setTimeout(open, 20);
    if (bug("stays")) return setTimeout(() => {}, 60_000);
    const torn = rest.length > 0 && !bug("torn-is-an-end") && !(bug("torn-length-is-an-end") && rest.length < header) &&
      !(bug("torn-empty-is-an-end") && rest.length === header);
    leave(torn ? 1 : 0, torn ? "the connection broke inside a message" : "");
  });
}

// --- input ---

function say(line) {
  if (line.length === 0) return;
  const text = hex ? Buffer.from(line.toString("latin1"), "hex") : line;
  let payload = text;
  if (bug("keeps-newline")) payload = Buffer.concat([text, Buffer.from("\n")]);
  if (bug("latin1")) payload = Buffer.from(text.toString("utf8"), "latin1");
  if (bug("strips-cr")) payload = Buffer.from(text.toString("latin1").replace(/\r$/, ""), "latin1");
  if (bug("echoes-itself")) print(payload);
  socket.write(frameOf(payload));
  said++;
  if (bug("late-secret")) socket.write(frameOf(Buffer.from(process.env.MOBCAST_SECRET ?? "")));
}

let partial = [];
process.stdin.on("data", (chunk) => {
  for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10)) {
    say(Buffer.concat([...partial, chunk.subarray(0, end)]));
    partial = [];
    chunk = chunk.subarray(end + 1);
  }
  if (chunk.length > 0) partial.push(chunk);
});
process.stdin.on("end", () => {
  inputEnded = true;
  if (bug("ignores-the-end")) return;
  if (bug("closes-at-once")) socket.destroy();
  else socket.end();
  if (bug("closes-at-once")) leave(0);
});
open();
