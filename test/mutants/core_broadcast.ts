/**
 * Mutants of the core: the log, its feeds, and policies for slow consumers.
 *
 * @module
 */

import { type Group, unit } from "./mutant.ts";

/** The bugs of broadcasting. */
export const CORE_BROADCAST: readonly Group[] = [
  {
    file: "src/broadcast/publisher.ts",
    bugs: [
      {
        in: "publish",
        from: "if (feed?.isUsed) feed.append",
        to: "feed.append",
        why: "a feed without connections keeps what the application publishes",
      },
      {
        in: "publishPieces",
        from:
          "    this.published.frames++;\n    this.published.bytes += this.#default.size(length - feed.framing.payloadAt(pieces[0]!, 0) - feed.framing.trailer);\n",
        to: "",
        why: "pieces are not counted",
      },
      {
        in: "#leaveOut",
        from: "    feed.leaveOut(sender, feed.log.end - mark, count);\n",
        to: "",
        why: "own frames are given under others",
      },
      {
        in: "#publishToOthers",
        from: "if (feed === own || !feed.isUsed) continue;",
        to: "if (feed === own) continue;",
        why: "a feed without connections is appended to",
      },
      {
        in: "publishPieces",
        from:
          "return others ? this.#publishToOthers(feed, feed.framing, concatenate(pieces, length), 0, length, 1) : 0;",
        to: "return others ? 0 : 0;",
        why: "a frame in pieces reaches its own framing alone",
      },
      {
        in: "#published",
        from: "isSame ? end - start : sizeIn(this.#default, framing, bytes, start, end, count);",
        to: "end - start;",
        why: "published bytes are those of the sender's framing",
      },
      {
        in: "backpressure",
        from: "for (const feed of this.feeds) if (feed.backpressure) return true;",
        to: "if (this.feeds[0]!.backpressure) return true;",
        why: "a connection holds back those of the mob's framing alone",
      },
      {
        in: "overLimit",
        from: "this.feeds.length === 1 ? this",
        to: "this.feeds.length > 0 ? this",
        why: "only the mob's own framing has a maxLag",
      },
      {
        in: "flush",
        from: "for (const feed of this.feeds) feed.flush();",
        to: "this.feeds[0]!.flush();",
        why: "only the mob's own framing is given what is published",
      },
      {
        in: "settle",
        from: "for (const feed of this.feeds) feed.settle();",
        to: "this.feeds[0]!.settle();",
        why: "the logs of other framings are not trimmed",
      },
    ],
  },
  {
    file: "src/broadcast/feed.ts",
    bugs: [
      {
        in: "#give",
        from: "        connection.cursor += taken;\n",
        to: "        connection.cursor += bytes.length;\n",
        why: "the remainder of a partial write is lost",
      },
      {
        in: "#give",
        from: "        connection.cursor += taken;\n",
        to: "        connection.cursor += full ? 0 : taken === bytes.length ? taken : 0;\n",
        why: "a partial write is given again from its start",
      },
      {
        in: "#give",
        from: "while (connection.cursor < end && !full) {",
        to: "for (let times = 0; connection.cursor < end && times < 3; times += full ? 1 : 0) {",
        why: "a full socket is written to until it takes more",
      },
      {
        in: "#block",
        from: "      this.#blocked.add(connection, this.log.end);\n",
        to: "",
        why: "a full socket does not wait for room (M8: never re-armed)",
      },
      {
        in: "resume",
        from: "      this.#blocked.remove(connection);\n      this.#makeReady(connection);\n",
        to: "",
        why: "room is not noticed",
      },
      {
        in: "#serve",
        from:
          '    if (connection.until === Infinity) this.#addCurrent(connection);\n    else connection.delivery = "current";\n',
        to: '    connection.delivery = "current";\n',
        why: "a connection that has caught up is given nothing more",
      },
      {
        in: "flush",
        from: "        this.#current.remove(connection);\n        this.#block(connection);\n",
        to: "        this.#current.remove(connection);\n        this.#block(connection);\n        index++;\n",
        why: "the connection that takes another's place in the list is passed over",
      },
      {
        in: "#leaveFrame",
        from: "const boundary = this.log.boundaryAfter(cursor);",
        to: "const boundary = cursor;",
        why: "a skip tears a frame",
      },
      {
        in: "#leaveFrame",
        from: "    connection.cursor = boundary;\n",
        to: "",
        why: "a skip repeats a frame's rest",
      },
      {
        in: "#skip",
        from: "    connection.bytesSkipped += this.log.end - connection.cursor;\n",
        to: "",
        why: "what was skipped is not counted",
      },
      {
        in: "resume",
        from: "      this.#ready.add(connection);\n",
        to: "",
        why: "a connection that was skipped never goes on",
      },
      {
        in: "overLimit",
        from: "this.log.end - first.cursor > maxLag) {",
        to: "this.log.end - first.cursor > maxLag + 1) {",
        why: "maxLag is one byte more",
      },
      {
        in: "overLimit",
        from: "      first = this.#blocked.first;\n",
        to: "      first = undefined;\n",
        why: "only the first over the limit is dealt with",
      },
      {
        in: "settle",
        from: "    this.log.trim(furthest);\n",
        to: "    this.log.trim(furthest + 1);\n    if (furthest < this.log.end) this.log.trim(this.log.end);\n",
        why: "the log is trimmed one segment too far",
      },
      {
        in: "settle",
        from: "    this.log.trim(furthest);\n",
        to: "",
        why: "the log is not trimmed",
      },
      {
        in: "settle",
        from: "    if (this.#current.members.length === 0 && furthest === this.log.end) this.log.clear();\n",
        to: "",
        why: "the log stays when no connection is there",
      },
      {
        in: "#readOthers",
        from: "    connection.cursor = first.to;\n",
        to: "    connection.cursor = first.to < this.log.end ? this.log.boundaryAfter(first.to + 1) : first.to;\n",
        why: "with own frames, the next one is left out, too",
      },
      {
        in: "finish",
        from: "    connection.until = this.log.end;\n",
        to: "",
        why: "a connection that leaves is given what comes later, too",
      },
      {
        in: "finish",
        from: "    connection.framesAtUntil = this.log.frames;\n",
        to: "",
        why: "a connection that leaves has no frames at its end",
      },
      {
        in: "finish",
        from: "    this.#makeReady(connection);\n",
        to: "",
        why: "the stream of a connection that leaves with everything does not end",
      },
      {
        in: "#resumeAtTail",
        from: "    connection.own = undefined;\n",
        to: "",
        why: "own frames before a gap are left out behind it, too",
      },
      {
        in: "#resumeAtTail",
        from: "    connection.framesSkipped += this.framesAtEndFor(connection) - connection.skippedAt;\n",
        to: "",
        why: "frames published during a gap are not counted",
      },
      {
        in: "appendFrom",
        from: "      this.uncarried++;\n",
        to: "",
        why: "frames that a framing cannot carry are not counted",
      },
      {
        in: "appendFrom",
        from: "      this.uncarriedBytes += length;\n",
        to: "",
        why: "bytes that a framing cannot carry are not counted",
      },
      {
        in: "add",
        from: "    connection.uncarried = -this.uncarried;\n",
        to: "",
        why: "what could not be carried before a connection joined counts for it",
      },
      {
        in: "finish",
        from: "    connection.uncarriedBytes += this.uncarriedBytes;\n",
        to: "",
        why: "a connection that leaves forgets what it could not be given",
      },
    ],
  },
  {
    file: "src/broadcast/log_ranges.ts",
    bugs: [
      {
        in: "add",
        from: "    if (last?.to === from) {",
        to: "    if (last !== undefined) {",
        why: "own frames with others between them are one range",
      },
      {
        in: "add",
        from: "      last.frames += frames;\n",
        to: "",
        why: "own frames that lengthen a range are not counted",
      },
      {
        in: "add",
        from: "      this.#lastGapFrom = last.to;\n",
        to: "",
        why: "all ranges but the first and the last lie elsewhere",
        proof: unit("log_ranges"),
      },
      {
        in: "shift",
        from: "      this.#first = this.#last;\n",
        to: "      this.#first = undefined;\n",
        why: "the last own frames are given to their sender",
      },
    ],
  },
  {
    file: "src/broadcast/log.ts",
    bugs: [
      {
        in: "appendPieces",
        from: "      at += piece.length;\n",
        to: "",
        why: "pieces are written over each other",
      },
      {
        in: "appendPieces",
        from: "    let at = segment.filled;\n    for (const piece",
        to: "    let at = 0;\n    for (const piece",
        why: "pieces are written over what the segment holds",
      },
      {
        in: "appendPieces",
        from: "    this.#written(segment, length, count);\n",
        to: "    this.#written(segment, length, 0);\n",
        why: "a frame in pieces counts for none",
      },
      {
        in: "#segmentFor",
        from: "if (frame > this.#room()) this.#grow(frame);",
        to: "if (frame > this.#room()) this.#grow(0);",
        why: "a frame in pieces gets a segment that is too short",
      },
      {
        in: "read",
        from: "segment.bytes.subarray(offset - segment.start, segment.filled);",
        to: "segment.bytes.subarray(offset - segment.start);",
        why: "a run goes on behind what is written",
      },
      {
        in: "boundaryAfter",
        from: "    if (segment.start + at === offset) return offset;\n",
        to: "",
        why: "a boundary is looked for one byte too late",
      },
      {
        in: "append",
        from: "next - at <= room;",
        to: "next - at <= room + 1;",
        why: "a frame straddles two segments",
      },
      {
        in: "#copy",
        from: "segment.bytes.set(bytes.subarray(from, to), segment.filled);",
        to: "segment.bytes.set(bytes.subarray(from, to), Math.max(0, segment.filled - 1));",
        why: "a segment is written over",
      },
      {
        in: "appendPayloadOf",
        from: "    this.#written(segment, length, 1);\n",
        to: "    this.#written(segment, length, 0);\n",
        why: "a frame of another framing counts for none",
      },
    ],
  },
  {
    file: "src/broadcast/blocked_list.ts",
    bugs: [
      {
        in: "settle",
        from: "this.backpressure ? worst > maxLag / 2 : worst > maxLag;",
        to: "this.backpressure || worst > maxLag;",
        why: "back-pressure never ends",
      },
      {
        in: "first",
        from: "return !far || (near && near.cursor < far.cursor) ? near : far;",
        to: "return near ?? far;",
        why: "a connection beyond half of maxLag is not the furthest behind while another is blocked",
      },
      {
        in: "remove",
        from: "    this.#far.remove(connection);\n",
        to: "",
        why: "a connection that was slow and is gone holds the log",
      },
    ],
  },
  {
    file: "src/broadcast/lag_heap.ts",
    bugs: [
      {
        in: "remove",
        from: "    this.#sink(last.heapIndex);\n",
        to: "",
        why: "the heap is not mended after a removal",
      },
      {
        in: "#rise",
        from: "if (heap[parent]!.cursor <= entry.cursor) break;",
        to: "if (heap[parent]!.cursor >= entry.cursor) break;",
        why: "the furthest behind is not on top",
      },
    ],
  },
];
