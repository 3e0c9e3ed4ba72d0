/**
 * The cases of the conformance kit: what passes over the wire in each, byte by byte, and what a client prints. They are data:
 * `mobcast check` plays them, and `mobcast check --vectors` prints them for tests in other languages.
 *
 * @module
 */

import { toHex, utf8, writeHex } from "../bytes.ts";
import { type Framing, type FramingName, FRAMINGS } from "../framing/framing.ts";
import { encodeHello, type HelloOf, NO_OFFSET, type StreamOffset } from "../framing/hello.ts";

/**
 * Bytes in words of hexadecimal digits with spaces between them. `78*1000` is such a word a thousand times.
 */
export type Bytes = string;

/** What happens next on a connection, on the side of the server. */
export type Step =
  /** The client's input gets these messages, a line each. */
  | { readonly says: readonly Bytes[] }
  /** The client's input ends. */
  | { readonly leaves: true }
  /** The client has ended its half of the stream. */
  | { readonly left: true }
  /** The client has sent these bytes, pings left out. */
  | { readonly receives: Bytes }
  /** The server sends these bytes and reads nothing meanwhile; in pieces of so many bytes, a moment apart. */
  | { readonly sends: Bytes; readonly pieces?: number }
  /** The server ends its half of the stream. */
  | { readonly ends: true };

/** What a client has to be able to do for a case. */
export type Ability = "hex" | "secret" | "resume";

/** One case. */
export interface Case {
  /** Its name, unique within a framing. */
  readonly name: string;
  /** What a client has to do, in a sentence. */
  readonly about: string;
  /** What it needs besides the framing. */
  readonly needs?: Ability;
  /** What happens on each connection that the client makes, one after the other. */
  readonly connections: readonly (readonly Step[])[];
  /** The messages that the client prints, a line each, in this order. */
  readonly prints: readonly Bytes[];
  /** How the client ends: `0` in order, `other` with another exit code, since something is missing. */
  readonly exit: "0" | "other";
}

/** The secret of the cases that have one. */
export const SECRET = "pass wörd of this check";

/** The longest payload: what a server allows by default. */
const LONGEST = 2 ** 20;

/** The words of a notation: digits, and how many times they stand there. */
function wordsOf(notation: Bytes): { digits: string; count: number }[] {
  return notation.split(" ").filter((word) => word !== "").map((word) => {
    const [digits = "", count = "1"] = word.split("*");
    return { digits, count: Number(count) };
  });
}

/** The hexadecimal digits of a notation. */
export function digitsOf(notation: Bytes): string {
  return wordsOf(notation).map(({ digits, count }) => digits.repeat(count)).join("");
}

/** How many bytes a notation stands for. */
function lengthOf(notation: Bytes): number {
  return wordsOf(notation).reduce((sum, { digits, count }) => sum + digits.length / 2 * count, 0);
}

/** The bytes of a notation. */
export function bytesOf(notation: Bytes): Uint8Array {
  const bytes = new Uint8Array(lengthOf(notation));
  let at = 0;
  for (const { digits, count } of wordsOf(notation)) {
    const length = digits.length / 2;
    writeHex(digits, bytes, at);
    if (length === 1) bytes.fill(bytes[at]!, at, at + count);
    else for (let index = 1; index < count; index++) bytes.copyWithin(at + index * length, at, at + length);
    at += length * count;
  }
  return bytes;
}

/** The payload of a text. */
function text(words: string): Bytes {
  return toHex(utf8(words));
}

/** A payload of so many bytes. */
function many(count: number, byte: string = "78"): Bytes {
  return `${byte}*${count}`;
}

/** What is written in front of a payload of `length` bytes, and behind it. */
function around({ header, trailer }: Framing, length: number): [before: Bytes, after: Bytes] {
  return [header > 0 ? length.toString(16).padStart(2 * header, "0") : "", trailer > 0 ? "0a" : ""];
}

/** The frames of payloads, back to back. */
function framesOf(framing: Framing, ...payloads: readonly Bytes[]): Bytes {
  return payloads.flatMap((payload) => {
    const [before, after] = around(framing, lengthOf(payload));
    return [before, payload, after];
  }).filter((word) => word !== "").join(" ");
}

/** The cases of a framing, in the order in which they are played. */
export function casesOf(name: FramingName): Case[] {
  const framing = FRAMINGS[name];
  return [
    ...basicCases(framing),
    ...endCases(framing),
    ...(framing.header > 0 ? lengthCases(framing) : []),
    bytesCase(framing),
    secretCase(framing),
    resumeCase(framing),
  ];
}

function basicCases(framing: Framing): Case[] {
  const frames = (...payloads: Bytes[]): Bytes => framesOf(framing, ...payloads);
  const [hello, unicode] = [text("hello"), text("ünï😀cödé")];
  const short = ["a", "bc", "def", "ünï😀", "the end"].map(text);
  const hundred = Array.from({ length: 100 }, (_, index) => text(`message ${index}`));
  const lengths = [1, 2, 9, 10, 13, 127, 128, 255, 256, 257, 65_535, 65_536, 65_537, 100_000].map((count) =>
    many(count)
  );
  const received = (name: string, about: string, payloads: readonly Bytes[], pieces?: number): Case => ({
    name,
    about,
    connections: [[{ sends: frames(...payloads), ...(pieces === undefined ? {} : { pieces }) }, { ends: true }]],
    prints: payloads,
    exit: "0",
  });
  const big = Array.from({ length: 64 }, (_, index) => many(2 ** 18, (0x30 + index).toString(16)));
  return [
    {
      name: "order",
      about:
        "sends each message as a frame, and prints messages in the order in which they come, its own among them, once",
      connections: [[
        { says: [hello, unicode] },
        { receives: frames(hello, unicode) },
        { sends: frames(text("before"), hello, text("between"), unicode) },
        { ends: true },
      ]],
      prints: [text("before"), hello, text("between"), unicode],
      exit: "0",
    },
    received("bytewise", "collects a frame that comes a byte at a time", short, 1),
    received("pieces", "collects frames wherever the stream is cut into reads", short, 5),
    received("together", "finds all frames of one read", hundred),
    received("lengths", "reads frames of many lengths", lengths),
    received("longest", "reads a message of 1 MiB, which servers allow by default", [many(LONGEST), hello]),
    {
      name: "long",
      about: "sends a message of 1 MiB, and more after it",
      connections: [[
        { says: [many(LONGEST), hello] },
        { receives: frames(many(LONGEST), hello) },
        { sends: frames(hello) },
        { ends: true },
      ]],
      prints: [hello],
      exit: "0",
    },
    {
      name: "both-ways",
      about: "reads while it writes: 16 MiB go each way, and the server reads nothing before the client has read all",
      connections: [[{ says: big }, { sends: frames(...big) }, { receives: frames(...big) }, { ends: true }]],
      prints: big,
      exit: "0",
    },
  ];
}

function endCases(framing: Framing): Case[] {
  const frames = (...payloads: Bytes[]): Bytes => framesOf(framing, ...payloads);
  const [whole, torn] = [text("whole"), text("never whole")];
  const [before] = around(framing, lengthOf(torn));
  const cut = (name: string, about: string, part: Bytes): Case => ({
    name,
    about,
    connections: [[{ sends: `${frames(whole)} ${part}` }, { ends: true }]],
    prints: [whole],
    exit: "other",
  });
  return [
    {
      name: "leaves",
      about:
        "ends its half of the stream when its input ends, and prints what still comes until the server ends its own",
      connections: [[
        { says: [text("bye")] },
        { leaves: true },
        { receives: frames(text("bye")) },
        { left: true },
        { sends: frames(text("bye"), text("late")) },
        { ends: true },
      ]],
      prints: [text("bye"), text("late")],
      exit: "0",
    },
    cut(
      "torn",
      "prints nothing of a frame that is cut by the end of the stream, and says so",
      `${before} ${text("never")}`,
    ),
    ...(framing.header > 0
      ? [
        cut("torn-length", "takes the end of the stream inside a length for a cut", before.slice(0, framing.header)),
        cut("torn-empty", "takes the end of the stream between a length and its payload for a cut", before),
      ]
      : []),
  ];
}

/** Lengths that no client should believe: some are short when not all of their bits are looked at. */
function lengthCases(framing: Framing): Case[] {
  const lengths = framing.header === 8
    ? { "too-long": "7fffffffffffffff", "too-long-high": "0000000100000005", "too-long-sign": "8000000000000005" }
    : { "too-long": "7fffffff", "too-long-sign": "80000005", "too-long-minus": "ffffffff" };
  const first = text("before");
  return Object.entries(lengths).map(([name, length]) => ({
    name,
    about: `ends when a length is over its limit (${BigInt(`0x${length}`)} bytes), and waits for nothing more`,
    connections: [[{ sends: `${framesOf(framing, first)} ${length} ${text("hello")}` }]],
    prints: [first],
    exit: "other",
  }));
}

function bytesCase(framing: Framing): Case {
  const payloads = [
    "00",
    "000000000000000568656c6c6f",
    "ff80fe",
    "0d",
    "2020",
    "c3",
    ...(framing.trailer > 0 ? [] : ["0a", "610a0a62"]),
  ];
  return {
    name: "bytes",
    about: "carries any bytes that the framing can carry, unchanged, both ways",
    needs: "hex",
    connections: [[
      { says: payloads },
      { receives: framesOf(framing, ...payloads) },
      { sends: framesOf(framing, ...payloads) },
      { ends: true },
    ]],
    prints: payloads,
    exit: "0",
  };
}

function secretCase(framing: Framing): Case {
  const hello = text("hello");
  return {
    name: "secret",
    about: "sends the secret in its first frame, without being asked, and prints nothing of it",
    needs: "secret",
    connections: [[
      { receives: framesOf(framing, text(SECRET)) },
      { says: [hello] },
      { receives: framesOf(framing, hello) },
      { sends: framesOf(framing, hello) },
      { ends: true },
    ]],
    prints: [hello],
    exit: "0",
  };
}

function resumeCase(framing: Framing): Case {
  const hello = (whose: HelloOf, position: StreamOffset): Bytes => toHex(encodeHello(framing, whose, position));
  const [one, two, three, four, five] = ["one", "two", "three", "four", "five"].map(text) as [
    Bytes,
    Bytes,
    Bytes,
    Bytes,
    Bytes,
  ];
  const frames = (...payloads: Bytes[]): Bytes => framesOf(framing, ...payloads);
  const sizeOf = (...payloads: Bytes[]): number => lengthOf(frames(...payloads));
  const at = (offset: number, epoch: string = "0123456789abcdef"): StreamOffset => ({ epoch, offset });
  const begin = 2 ** 40 + 250;
  const afterOne = begin + sizeOf(one);
  const afterThree = afterOne + sizeOf(two, three);
  const gap = afterThree + 1000;
  const other = "fedcba9876543210";
  return {
    name: "resume",
    about: "resumes its stream over five connections: where it was, behind a gap, and in another life of the server",
    needs: "resume",
    connections: [
      // The second message is cut: what came of it does not count.
      [{ receives: hello("mob1", NO_OFFSET) }, { sends: `${hello("MOB1", at(begin))} ${frames(one)}` }, {
        sends: frames(two).slice(0, 6),
      }, { ends: true }],
      [{ receives: hello("mob1", at(afterOne)) }, {
        sends: `${hello("MOB1", at(afterOne))} ${frames(two, three)}`,
        pieces: 3,
      }, { ends: true }],
      [{ receives: hello("mob1", at(afterThree)) }, { sends: `${hello("MOB1", at(gap))} ${frames(four)}` }, {
        ends: true,
      }],
      [{ receives: hello("mob1", at(gap + sizeOf(four))) }, { sends: hello("MOB1", at(7, other)) }, { ends: true }],
      [
        { receives: hello("mob1", at(7, other)) },
        { sends: `${hello("MOB1", at(7, other))} ${frames(five)}` },
        { leaves: true },
        { left: true },
        { ends: true },
      ],
    ],
    prints: [one, two, three, four, five],
    exit: "0",
  };
}
