import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "../helpers/fast_check.ts";
import { encodeFrame, type FramingName, framingOf } from "../../src/framing/framing.ts";
import { Log } from "../../src/broadcast/log.ts";
import { bytesOf, concat, frameOf, textsOf } from "../helpers/bytes.ts";

/** Everything from an offset to the end of the log. */
function readFrom(log: Log, offset: number): Uint8Array {
  const runs: Uint8Array[] = [];
  for (let at = offset; at < log.end;) {
    const run = log.read(at);
    runs.push(run);
    at += run.length;
  }
  return concat(...runs);
}

function append(log: Log, ...texts: string[]): void {
  const run = concat(...texts.map((text) => frameOf(text)));
  log.append(run, 0, run.length, texts.length);
}

test("Log gives back every byte in order, across segments", () => {
  const log = new Log({ segmentSize: 64 });
  const texts = Array.from({ length: 50 }, (_, index) => `message ${index}`);
  append(log, ...texts.slice(0, 30));
  append(log, ...texts.slice(30));
  assertEquals(textsOf(readFrom(log, 0)), texts);
  assertEquals([log.frames, log.start], [50, 0]);
});

test("Log lets no frame straddle two segments, and gives a large one its own", () => {
  const log = new Log({ segmentSize: 32 });
  append(log, "a", "bb", "c".repeat(100), "d");
  for (let at = 0; at < log.end;) {
    const run = log.read(at);
    textsOf(run); // throws when torn
    at += run.length;
  }
});

test("Log.read gives one view to all cursors at one offset, until something is appended", () => {
  const log = new Log();
  append(log, "one");
  const run = log.read(0);
  assert(log.read(0) === run, "another view of the same bytes");
  append(log, "two");
  assertEquals(textsOf(log.read(0)), ["one", "two"]);
  // The bytes given out before are as they were: a runtime may still be sending them.
  assertEquals(textsOf(run), ["one"]);
});

test("Log.read starts anywhere, also inside a frame, and is empty at the end", () => {
  const log = new Log({ segmentSize: 40 });
  append(log, "one", "two", "three", "four", "five");
  const whole = readFrom(log, 0);
  for (let offset = 0; offset < log.end; offset++) assertEquals(readFrom(log, offset), whole.subarray(offset));
  assertEquals(log.read(log.end).length, 0);
});

test("Log.trim drops whole segments behind the cursor and nothing before it", () => {
  const log = new Log({ segmentSize: 24 });
  for (let index = 0; index < 20; index++) append(log, `text ${index % 10}`);
  const whole = readFrom(log, 0);
  for (let offset = 0; offset <= log.end; offset += 7) {
    log.trim(offset);
    assert(log.start <= offset);
    assertEquals(readFrom(log, offset), whole.subarray(offset));
  }
  log.trim(log.end);
  assert(log.retainedBytes <= 24);
  assertThrows(() => log.read(0), RangeError, "offset 0");
});

test("Log begins a new segment when what is expected has no room, and leaves a quarter empty at most", () => {
  const log = new Log({ segmentSize: 100 });
  const append = (length: number): void => {
    const frame = frameOf("x".repeat(length - 8));
    log.append(frame, 0, frame.length, 1);
  };
  append(80);
  log.reserve(30);
  // 20 bytes are left, which is less than the quarter that may be: two frames of 15 are one run.
  append(15);
  append(15);
  assertEquals([log.read(80).length, log.retainedBytes], [30, 200]);
  append(30);
  log.reserve(1000);
  // 40 bytes are left: more than a quarter is never left empty.
  append(40);
  assertEquals([log.read(80).length, log.retainedBytes], [100, 200]);
});

test("Log.retainedBytes is what its segments weigh, and stays bounded while the log runs on", () => {
  const log = new Log({ segmentSize: 1024 });
  for (let index = 0; index < 10_000; index++) {
    append(log, "x".repeat(100));
    log.trim(log.end);
    assert(log.retainedBytes <= 1024);
  }
  assertEquals(log.end, 10_000 * 108);
});

test("Log.framesBefore walks few frames, wherever and however often it is asked, also while the log grows", () => {
  let walked = 0;
  const { size, write, end } = framingOf("line");
  const counting = { size, write, end: (...range: Parameters<typeof end>) => (walked++, end(...range)) };
  const log = new Log({ segmentSize: 2 ** 20 }, counting);
  const boundaries = [0];
  const append = (count: number): void => {
    for (; count > 0; count--) {
      log.appendPayload(new Uint8Array(boundaries.length % 7).fill(120));
      boundaries.push(log.end);
    }
  };
  const check = (from: number, to: number, step: number): void => {
    for (let frames = from; frames !== to; frames += step) {
      const [at, next] = [boundaries[frames]!, boundaries[frames + 1]!];
      assertEquals(log.framesBefore(at), frames);
      assertEquals([log.framesBefore(next - 1), log.boundaryAfter(next - 1)], [frames, next - 1 === at ? at : next]);
    }
  };
  append(3000);
  check(2998, 0, -2);
  append(3000);
  check(1, 5999, 2);
  check(5998, 0, -2);
  // Each frame once, and for each question no more than from one mark to the next.
  assert(walked < 6000 + 4 * 3 * 3000 * 34 / 2, `${walked}`);
  walked = 0;
  assertEquals(log.framesBefore(boundaries[5900]!), 5900);
  assert(walked <= 33, `${walked}`);
});

test("Log.framesBefore and boundaryAfter agree with the frames", () => {
  const log = new Log({ segmentSize: 48 });
  const texts = ["a", "bb", "ccc", "x".repeat(60), "e", "ff"];
  const boundaries = [0];
  for (const text of texts) {
    append(log, text);
    boundaries.push(boundaries[boundaries.length - 1]! + 8 + text.length);
  }
  for (let offset = 0; offset <= log.end; offset++) {
    assertEquals(log.framesBefore(offset), boundaries.filter((boundary) => boundary > 0 && boundary <= offset).length);
    assertEquals(log.boundaryAfter(offset), boundaries.find((boundary) => boundary >= offset));
  }
});

test("Log.appendPayload writes the frame that append would", () => {
  const [one, other] = [new Log({ segmentSize: 32 }), new Log({ segmentSize: 32 })];
  for (const text of ["a", "bcd", "", "x".repeat(50)]) {
    append(one, text);
    other.appendPayload(bytesOf(text));
  }
  assertEquals(readFrom(other, 0), readFrom(one, 0));
  assertEquals(other.frames, one.frames);
});

test("Log keeps any runs of any frames in any segments (property)", () => {
  fc.assert(fc.property(
    fc.array(fc.array(fc.string({ minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 10 }), { maxLength: 20 }),
    fc.integer({ min: 1, max: 200 }),
    fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }),
    (runs, segmentSize, cursors) => {
      const log = new Log({ segmentSize });
      let all: Uint8Array = new Uint8Array(0);
      let trimmed = 0;
      runs.forEach((texts, index) => {
        const run = concat(...texts.map((text) => frameOf(text)));
        // With foreign bytes around it: only the run itself may be copied.
        log.append(concat(new Uint8Array(3), run, new Uint8Array(5)), 3, 3 + run.length, texts.length);
        all = concat(all, run);
        trimmed = Math.max(trimmed, Math.floor((cursors[index] ?? 0) * log.end));
        log.trim(trimmed);
        assertEquals(readFrom(log, trimmed), all.subarray(trimmed));
      });
      assertEquals([log.end, log.frames], [all.length, runs.flat().length]);
    },
  ));
});

// --- against a model ---

/** A payload that every framing can carry. */
const PAYLOAD = fc.uint8Array({ maxLength: 40 }).map((bytes) => bytes.map((byte) => byte === 10 ? 11 : byte));

const OPERATION = fc.oneof(
  fc.record({ kind: fc.constant("append" as const), payloads: fc.array(PAYLOAD, { minLength: 1, maxLength: 6 }) }),
  fc.record({ kind: fc.constant("appendPayload" as const), payload: PAYLOAD }),
  fc.record({
    kind: fc.constant("trim" as const),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    atBoundary: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("clear" as const), really: fc.nat({ max: 5 }) }),
  fc.record({ kind: fc.constant("expect" as const), bytes: fc.nat({ max: 150 }) }),
);

/** A log, and arrays of what must be in it. */
class LogBesideArrays {
  readonly log: Log;
  readonly #framing: FramingName;
  readonly #segmentSize: number;
  #bytes: Uint8Array = new Uint8Array(0);
  /** Where each frame ends. */
  readonly #boundaries: number[] = [];
  /** The furthest that the log was trimmed to: what lies before may be gone. */
  #trimmed = 0;

  constructor(framing: FramingName, segmentSize: number) {
    this.log = new Log({ framing, segmentSize });
    this.#framing = framing;
    this.#segmentSize = segmentSize;
  }

  append(payloads: readonly Uint8Array[]): void {
    const run = concat(...payloads.map((payload) => this.#add(payload)));
    // With foreign bytes around it: only the run itself may be copied.
    this.log.append(concat(new Uint8Array(3).fill(255), run, new Uint8Array(5)), 3, 3 + run.length, payloads.length);
  }

  appendPayload(payload: Uint8Array): void {
    this.#add(payload);
    this.log.appendPayload(payload);
  }

  trim(share: number, atBoundary: boolean): void {
    const anywhere = Math.floor(this.#trimmed + share * (this.log.end - this.#trimmed));
    const offset = atBoundary ? this.#boundaries.find((boundary) => boundary >= anywhere) ?? anywhere : anywhere;
    this.#trimmed = offset;
    this.log.trim(offset);
    assert(this.log.start <= offset, "dropped what is needed");
    const first = this.log.read(this.log.start).length;
    assert(this.log.start + first > offset || this.log.start + first === this.log.end, "kept what no reader needs");
    if (offset === this.log.end) {
      assert(this.log.retainedBytes <= this.#segmentSize, `${this.log.retainedBytes} bytes held for no reader`);
    }
  }

  clear(): void {
    this.log.clear();
    this.#trimmed = this.log.end;
    assertEquals([this.log.start, this.log.retainedBytes], [this.log.end, 0]);
  }

  check(): void {
    const { log } = this;
    assertEquals([log.end, log.frames], [this.#bytes.length, this.#boundaries.length]);
    assert(log.retainedBytes >= log.end - log.start, "less memory than bytes");
    for (let offset = log.start; offset <= log.end; offset++) {
      const run = log.read(offset);
      assertEquals(run, this.#bytes.subarray(offset, offset + run.length));
      assertEquals(run.length > 0, offset < log.end, "an empty run before the end");
      // A cursor that has read a whole run is never inside a frame.
      if (run.length > 0) assert(this.#boundaries.includes(offset + run.length), "a run that tears a frame");
      assertEquals(log.framesBefore(offset), this.#boundaries.filter((boundary) => boundary <= offset).length);
      const after = offset === log.start ? offset : this.#boundaries.find((boundary) => boundary >= offset);
      assertEquals(log.boundaryAfter(offset), after ?? offset);
    }
    for (const offset of [log.start - 1, log.end + 1]) {
      if (offset >= 0) assertThrows(() => log.read(offset), RangeError, `offset ${offset}`);
    }
  }

  #add(payload: Uint8Array): Uint8Array {
    const frame = encodeFrame(this.#framing, payload);
    this.#bytes = concat(this.#bytes, frame);
    this.#boundaries.push(this.#bytes.length);
    return frame;
  }
}

test("Log behaves as an array of bytes and one of boundaries, whatever is appended and trimmed (property)", () => {
  fc.assert(fc.property(
    fc.constantFrom<FramingName>("u64", "u32", "line"),
    fc.integer({ min: 1, max: 120 }),
    fc.array(OPERATION, { maxLength: 15, size: "max" }),
    (framing, segmentSize, operations) => {
      const both = new LogBesideArrays(framing, segmentSize);
      for (const step of operations) {
        if (step.kind === "append") both.append(step.payloads);
        else if (step.kind === "appendPayload") both.appendPayload(step.payload);
        else if (step.kind === "trim") both.trim(step.share, step.atBoundary);
        else if (step.kind === "expect") both.log.reserve(step.bytes);
        else if (step.really === 0) both.clear();
        both.check();
      }
    },
  ));
});
