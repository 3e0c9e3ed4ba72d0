import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "../helpers/fast_check.ts";
import { FrameDecoder, type FrameDecoderOptions } from "../../src/framing/decoder.ts";
import { encodeFrame, type FramingName } from "../../src/framing/framing.ts";
import { wholeFrames } from "../helpers/frame_sink.ts";
import { bytesOf, concat, frameOf, textsOf } from "../helpers/bytes.ts";

const FRAMING_NAMES: readonly FramingName[] = ["u64", "u32", "line"];

/** Decodes chunks. Returns the texts of the frames, and the decoder. */
function decode(chunks: readonly Uint8Array[], options: FrameDecoderOptions = {}) {
  const decoder = new FrameDecoder(options);
  const texts: string[] = [];
  for (const chunk of chunks) {
    // A copy that is wiped afterwards: what the decoder hands on must not need the chunk any longer than that.
    const lent = chunk.slice();
    decoder.decode(
      lent,
      wholeFrames((bytes, start, end, count) => {
        const run = textsOf(bytes.slice(start, end), options.framing);
        assertEquals(run.length, count);
        texts.push(...run);
      }),
    );
    lent.fill(0xee);
  }
  return { texts, decoder };
}

for (const framing of FRAMING_NAMES) {
  test(`FrameDecoder gives the same ${framing} frames at every split position of the stream`, () => {
    const texts = ["a", "bc", "x".repeat(20), "d"];
    const stream = concat(...texts.map((text) => frameOf(text, framing)));
    for (let first = 0; first <= stream.length; first++) {
      for (let second = first; second <= stream.length; second++) {
        const chunks = [stream.subarray(0, first), stream.subarray(first, second), stream.subarray(second)];
        const { texts: decoded, decoder } = decode(chunks, { framing });
        assertEquals(decoded, texts);
        assertEquals(decoder.pending, 0);
      }
    }
  });

  test(`FrameDecoder gives the same ${framing} frames one byte at a time`, () => {
    const texts = ["hello", "y".repeat(300), "bye"];
    const stream = concat(...texts.map((text) => frameOf(text, framing)));
    assertEquals(decode(Array.from(stream, (byte) => new Uint8Array([byte])), { framing }).texts, texts);
  });

  test(`FrameDecoder swallows ${framing} pings wherever they stand`, () => {
    const ping = frameOf("", framing);
    const stream = concat(ping, ping, frameOf("a", framing), ping, frameOf("b", framing), frameOf("c", framing), ping);
    for (let split = 0; split <= stream.length; split++) {
      const { texts, decoder } = decode([stream.subarray(0, split), stream.subarray(split)], { framing });
      assertEquals([texts, decoder.pings, decoder.pending], [["a", "b", "c"], 4, 0]);
    }
  });

  test(`FrameDecoder takes a ${framing} frame of maxFrame bytes and refuses one more, at every split`, () => {
    const [largest, larger] = [frameOf("x".repeat(10), framing), frameOf("x".repeat(11), framing)];
    for (let split = 0; split <= larger.length; split++) {
      const options = { framing, maxFrame: 10 };
      const good = decode([largest.subarray(0, split), largest.subarray(split)], options);
      assertEquals([good.texts.length, good.decoder.failed], [1, false]);
      const bad = decode([frameOf("ok", framing), larger.subarray(0, split), larger.subarray(split)], options);
      assertEquals([bad.texts, bad.decoder.failed], [["ok"], true]);
    }
  });

  test(`FrameDecoder decodes any ${framing} messages in any chunks (property)`, () => {
    const message = fc.uint8Array({ minLength: 1, maxLength: 40 })
      .map((payload) => framing === "line" ? payload.map((byte) => byte === 10 ? 11 : byte) : payload);
    fc.assert(fc.property(
      fc.array(message, { maxLength: 30 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 40 }),
      (messages, sizes) => {
        const stream = concat(...messages.map((payload) => encodeFrame(framing, payload)));
        const received: Uint8Array[] = [];
        const decoder = new FrameDecoder({ framing });
        for (let at = 0, index = 0; at < stream.length; index++) {
          const size = sizes[index % sizes.length]!;
          decoder.decode(
            stream.slice(at, at + size),
            wholeFrames((bytes, start, end) => received.push(bytes.slice(start, end))),
          );
          at += size;
        }
        assertEquals(concat(...received), stream);
        assertEquals([decoder.pending, decoder.failed], [0, false]);
      },
    ));
  });
}

test("FrameDecoder never throws, whatever bytes come, and hands on nothing over the limit (property)", () => {
  fc.assert(fc.property(
    fc.constantFrom(...FRAMING_NAMES),
    fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 30 }),
    (framing, chunks) => {
      const decoder = new FrameDecoder({ framing, maxFrame: 16 });
      for (const chunk of chunks) {
        decoder.decode(
          chunk,
          wholeFrames((bytes, start, end) => {
            for (const text of textsOf(bytes.slice(start, end), framing)) assert(text.length <= 16 && text.length > 0);
          }),
        );
        assert(decoder.pending <= 8 + 16 + 1);
      }
    },
  ));
});

/** Bytes as a friend, a fool or an enemy sends them: frames, pings, noise, newlines, and headers that declare anything. */
const HOSTILE = fc.array(
  fc.oneof(
    fc.tuple(fc.constantFrom(...FRAMING_NAMES), fc.string({ maxLength: 18 })).map(([framing, text]) =>
      frameOf(text.replaceAll("\n", "_"), framing)
    ),
    fc.uint8Array({ maxLength: 20 }),
    fc.integer({ min: 1, max: 12 }).map((length) => new Uint8Array(length)),
    fc.constantFrom(10, 13, 65, 255).map((byte) => new Uint8Array([byte])),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((length) => {
      const header = new Uint8Array(8);
      new DataView(header.buffer).setBigUint64(0, length);
      return header;
    }),
  ),
  { maxLength: 12 },
).map((parts) => concat(...parts));

test("FrameDecoder gives the same of any bytes, hostile ones too, wherever they are split (property)", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...FRAMING_NAMES),
      HOSTILE,
      fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 24 }),
      (framing, stream, sizes, maxFrame) => {
        const chunks: Uint8Array[] = [];
        for (let at = 0, index = 0; at < stream.length; index++) {
          // Empty chunks may come too, but not forever.
          const size = sizes[index % sizes.length]! || (index % 2);
          chunks.push(stream.subarray(at, at + size));
          at += size;
        }
        const outcome = ({ texts, decoder }: ReturnType<typeof decode>): unknown[] => //
        [texts, decoder.failed, decoder.pings, decoder.pending];
        const options = { framing, maxFrame };
        assertEquals(outcome(decode(chunks, options)), outcome(decode([stream], options)));
      },
    ),
    { numRuns: 1000 },
  );
});

/** The frames of chunks, and in how many pieces those came that lay in several chunks. */
function framesOf(chunks: readonly Uint8Array[], framing: FramingName, ownsChunks: boolean) {
  const decoder = new FrameDecoder({ framing, ownsChunks });
  const frames: Uint8Array[] = [];
  let pieces = 0;
  for (const chunk of chunks) {
    // Chunks that the decoder does not own are used again: what it kept of them must be a copy.
    const lent = ownsChunks ? chunk : chunk.slice();
    decoder.decode(lent, {
      frames: (bytes, start, end) => frames.push(bytes.slice(start, end)),
      pieces: (parts, length) => {
        const frame = concat(...parts);
        assertEquals(frame.length, length);
        frames.push(frame);
        pieces += parts.length;
      },
    });
    if (!ownsChunks) lent.fill(0xee);
  }
  return { bytes: concat(...frames), pieces, pending: decoder.pending };
}

test("FrameDecoder gives the same large frames, copied or kept, whole or in pieces, wherever they are split (property)", () => {
  const size = fc.oneof(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 60_000, max: 300_000 }));
  fc.assert(
    fc.property(
      fc.constantFrom(...FRAMING_NAMES),
      fc.array(size, { minLength: 1, maxLength: 4 }),
      fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), size), { minLength: 1, maxLength: 8 }),
      (framing, lengths, sizes) => {
        const stream = concat(...lengths.map((length, index) => frameOf(`${index}`.repeat(length), framing)));
        const chunks: Uint8Array[] = [];
        for (let at = 0, index = 0; at < stream.length; index++) {
          // Some are views of a larger buffer, some have one of their own, as runtimes give them.
          const chunk = stream.subarray(at, at += Math.max(sizes[index % sizes.length]!, stream.length >> 12));
          chunks.push(index % 3 === 0 ? chunk : chunk.slice());
        }
        for (const ownsChunks of [false, true]) {
          const { bytes, pending } = framesOf(chunks, framing, ownsChunks);
          assert(bytes.length === stream.length && bytes.every((byte, at) => byte === stream[at]));
          assertEquals(pending, 0);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("FrameDecoder keeps no large buffer for a small part of it, and no more than twice what came", () => {
  const frame = frameOf("x".repeat(500_000));
  const held = (chunks: readonly Uint8Array[]): number => {
    const decoder = new FrameDecoder({ ownsChunks: true });
    const buffers = new Map<ArrayBufferLike, number>();
    const note = (pieces: readonly Uint8Array[]): void => {
      for (const { buffer } of pieces) buffers.set(buffer, buffer.byteLength);
    };
    for (const chunk of chunks) decoder.decode(chunk, { frames: (bytes) => note([bytes]), pieces: note });
    return [...buffers.values()].reduce((sum, bytes) => sum + bytes, 0);
  };
  const cut = (size: number, around: number): Uint8Array[] =>
    Array.from({ length: Math.ceil(frame.length / size) }, (_, index) => {
      const part = frame.subarray(index * size, (index + 1) * size);
      const whole = new Uint8Array(part.length + around);
      whole.set(part);
      return whole.subarray(0, part.length);
    });
  for (const [size, around] of [[65_536, 0], [65_536, 60_000], [65_536, 500_000], [2000, 100_000], [7, 0]] as const) {
    assertLess(held(cut(size, around)), 2 * frame.length + 65_536, `${size} bytes of ${size + around}`);
  }
});

test("FrameDecoder refuses every length that is too large for a number, a sign or an array", () => {
  const lengths = [
    0xffffffffffffffffn,
    2n ** 63n,
    2n ** 53n + 1n,
    2n ** 53n,
    2n ** 32n + 5n,
    2n ** 32n,
    2n ** 31n,
    1025n,
  ];
  for (const length of lengths) {
    const header = new Uint8Array(8);
    new DataView(header.buffer).setBigUint64(0, length);
    const { texts, decoder } = decode([header], { maxFrame: 1024 });
    assertEquals([texts, decoder.failed, decoder.pending], [[], true, 0]);
  }
});

test("FrameDecoder ignores everything after a fatal frame", () => {
  const bad = new Uint8Array(8).fill(0xff);
  const { texts, decoder } = decode([concat(frameOf("before"), bad, frameOf("behind")), frameOf("later")]);
  assertEquals([texts, decoder.failed], [["before"], true]);
});

test("FrameDecoder takes an HTTP request and a TLS hello for what they are: lengths over every limit", () => {
  for (const text of ["GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"]) {
    assert(decode([bytesOf(text)]).decoder.failed);
  }
});

test("FrameDecoder allocates by what came, not by what was declared", () => {
  const decoder = new FrameDecoder({ maxFrame: 2 ** 30 });
  const header = new Uint8Array(8);
  new DataView(header.buffer).setUint32(4, 2 ** 30);
  const before = process.memoryUsage().arrayBuffers;
  const decoders = Array.from({ length: 100 }, () => new FrameDecoder({ maxFrame: 2 ** 30 }));
  for (const each of [decoder, ...decoders]) each.decode(header, wholeFrames(() => {}));
  assertLess(process.memoryUsage().arrayBuffers - before, 1_000_000);
});

test("FrameDecoder decodes 100 000 pings in one chunk without recursion, and the frame behind them", () => {
  const stream = concat(new Uint8Array(800_000), frameOf("end"));
  const { texts, decoder } = decode([stream]);
  assertEquals([texts, decoder.pings], [["end"], 100_000]);
});

test("FrameDecoder hands on many frames of a chunk as one run, without a copy", () => {
  const chunk = concat(...Array.from({ length: 1000 }, (_, index) => frameOf(`message ${index}`)));
  const runs: [boolean, number][] = [];
  new FrameDecoder().decode(chunk, wholeFrames((bytes, _start, _end, count) => runs.push([bytes === chunk, count])));
  assertEquals(runs, [[true, 1000]]);
});

test("FrameDecoder in time proportional to the bytes, one byte at a time", { timeout: 30_000 }, () => {
  for (const framing of FRAMING_NAMES) {
    const stream = frameOf("z".repeat(300_000), framing);
    const decoder = new FrameDecoder({ framing });
    let frames = 0;
    for (let at = 0; at < stream.length; at++) decoder.decode(stream.subarray(at, at + 1), wholeFrames(() => frames++));
    assertEquals(frames, 1);
  }
});

test("encodeFrame puts the length first, big-endian", () => {
  assertEquals(encodeFrame("u64", bytesOf("hi")), new Uint8Array([0, 0, 0, 0, 0, 0, 0, 2, 104, 105]));
  assertEquals(encodeFrame("u32", bytesOf("hi")), new Uint8Array([0, 0, 0, 2, 104, 105]));
  assertEquals(encodeFrame("line", bytesOf("hi")), bytesOf("hi\n"));
  assertEquals(encodeFrame("u64", new Uint8Array(0x01020304)).subarray(0, 8), new Uint8Array([0, 0, 0, 0, 1, 2, 3, 4]));
});

test("encodeFrame refuses a line with a newline in it", () => {
  assertThrows(() => encodeFrame("line", bytesOf("a\nb")), TypeError, "newline");
});
