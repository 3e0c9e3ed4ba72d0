/**
 * Mutants: bugs of one line, to be planted in a copy of the core. The simulation must find each, or it could not find
 * the next one that we make ourselves.
 *
 * @module
 */

/** One bug. */
export interface Mutant {
  /** What is wrong with it, in words. */
  readonly about: string;
  /** Where. */
  readonly file: string;
  /** What is there, exactly once. */
  readonly find: string;
  /** What the bug puts in its place. */
  readonly put: string;
}

function mutant(about: string, file: string, find: string, put: string): Mutant {
  return { about, file, find, put };
}

/** The bugs: the ancestor's among them (M and a number), as far as our code can have them. */
export const MUTANTS: readonly Mutant[] = [
  // --- tokens and slab ---
  mutant(
    "an event is for whoever is in the slot",
    "src/slab.ts",
    "return this.#tokens[index] === token ? this.#values[index] : undefined;",
    "return this.#values[index];",
  ),
  mutant(
    "a slot's generation stays as it was",
    "src/slab.ts",
    "const generation = (this.#generations[index] ?? 0) + 1;",
    "const generation = 1;",
  ),
  mutant("a removed value is not vacated", "src/slab.ts", "this.#tokens[index] = NaN;", ""),
  mutant("a vacated slot is not free again", "src/slab.ts", "else this.#free.push(index);", ""),
  // --- poll ---
  mutant(
    "the later event of a token replaces the earlier",
    "src/poll.ts",
    "(this.#collecting.get(token) ?? 0) | readiness",
    "readiness",
  ),
  mutant("a turn is armed once and never again", "src/poll.ts", "    this.#armed = false;\n", ""),
  mutant("a batch is handled twice", "src/poll.ts", "events.clear();", ""),
  // --- dispatch ---
  mutant(
    "no look-up before an event is handled (the ancestor's crash)",
    "src/dispatch.ts",
    "        this.#census.staleEvents++;\n        continue;",
    '        this.#census.staleEvents++;\n        throw new Error("no such connection");',
  ),
  mutant(
    "a hup drops what was not read (M: unread data behind a hup)",
    "src/dispatch.ts",
    ": this.#intake.read(connection, this.#now, final);",
    ': final ? "end" : this.#intake.read(connection, this.#now, final);',
  ),
  mutant(
    "every end is taken for a clean one",
    "src/dispatch.ts",
    'return connection.decoder.pending > 0 ? "truncated" : "end";',
    'return "end";',
  ),
  mutant("a reset is taken for an end", "src/dispatch.ts", 'if ((readiness & ERROR) !== 0) return "reset";', ""),
  mutant(
    "an end of stream is not noticed",
    "src/dispatch.ts",
    'else if (outcome === "end" && !leaving) this.#leave',
    'else if (outcome === "end" && leaving) this.#leave',
  ),
  mutant(
    "a frame over the limit does not remove its sender",
    "src/dispatch.ts",
    'if (outcome === "too-large") this.#remove(connection, "frame-too-large");\n    else if (final)',
    "if (final)",
  ),
  mutant("a removed socket is not closed (M: leaked handles)", "src/dispatch.ts", "    socket.close();\n", ""),
  mutant(
    "a removed socket is closed twice",
    "src/dispatch.ts",
    "    socket.close();\n",
    "    socket.close();\n    socket.close();\n",
  ),
  mutant(
    "a removed connection is still given the log",
    "src/dispatch.ts",
    "    this.#broadcast.remove(connection);\n",
    "",
  ),
  mutant(
    "a removed connection's place at the gate is kept (M: a full server stays full)",
    "src/dispatch.ts",
    "    this.#timeouts.clear(token);\n    this.#newcomers.left(socket.peer);\n",
    "    this.#timeouts.clear(token);\n",
  ),
  mutant(
    "one receiver's trouble ends the turn",
    "src/dispatch.ts",
    "      } catch (error) {\n        this.#failed(connection, error);\n      }\n    }\n    if (this.#draining)",
    "      } finally {\n        // nothing\n      }\n    }\n    if (this.#draining)",
  ),
  mutant(
    "laggards stay",
    "src/dispatch.ts",
    "this.closing === undefined ? this.#broadcast.overLimit()",
    "this.closing !== undefined ? this.#broadcast.overLimit()",
  ),
  mutant(
    "deadlines pass before the input is handled",
    "src/dispatch.ts",
    "    this.#intake.beginTurn();\n",
    "    this.#intake.beginTurn();\n    this.#expire();\n",
  ),
  mutant("who is told everything is not told the end", "src/dispatch.ts", "      connection.socket.shutdown();\n", ""),
  mutant(
    "who was told the end may stay for ever",
    "src/dispatch.ts",
    "      this.#timeouts.linger.set(connection.token, this.#now);\n",
    "",
  ),
  mutant(
    "who begins to leave is not served once more",
    "src/dispatch.ts",
    "    this.#broadcast.finish(connection);\n",
    "",
  ),
  mutant(
    "who leaves is given what comes later, too",
    "src/dispatch.ts",
    "    connection.until = this.#broadcast.log.end;\n",
    "",
  ),
  mutant(
    "a drain forgets what was sent before",
    "src/dispatch.ts",
    "const outcome = this.#intake.read(connection, this.#now, true);",
    "const outcome = this.#intake.discard(connection);",
  ),
  mutant("the deadlines of an ended mob run on", "src/dispatch.ts", "    this.#timeouts.stop();\n", ""),
  mutant(
    "the end of a hold wakes nobody",
    "src/dispatch.ts",
    "    if (this.#intake.released) this.#poll.wake();\n",
    "",
  ),
  mutant(
    "a leaver does not end a back-off",
    "src/dispatch.ts",
    "    socket.close();\n    this.#backOff.tryNow();\n    this.#census",
    "    socket.close();\n    this.#census",
  ),
  mutant(
    "every turn walks over all connections (the ancestor's tick)",
    "src/dispatch.ts",
    "    this.#census.turns++;\n",
    "    this.#census.turns++;\n    for (const each of this.#slab.values()) each.paused = each.paused && true;\n",
  ),
  mutant(
    "progress does not count against a stall",
    "src/dispatch.ts",
    "    if (this.#timeouts.stall.has(token)) this.#timeouts.stall.set(token, this.#now);\n    if (connection.leaving",
    "    if (connection.leaving",
  ),
  mutant(
    "a stall is over and still counted",
    "src/dispatch.ts",
    "    this.#timeouts.stall.clear(connection.token);\n",
    "",
  ),
  // --- broadcast ---
  mutant(
    "the remainder of a partial write is lost",
    "src/broadcast.ts",
    "        connection.cursor += taken;\n",
    "        connection.cursor += run.length;\n",
  ),
  mutant(
    "a partial write is given again from its start",
    "src/broadcast.ts",
    "        connection.cursor += taken;\n",
    "        connection.cursor += full ? 0 : taken === run.length ? taken : 0;\n",
  ),
  mutant(
    "a full socket is written to until it takes more",
    "src/broadcast.ts",
    "while (connection.cursor < end && !full) {",
    "for (let times = 0; connection.cursor < end && times < 3; times += full ? 1 : 0) {",
  ),
  mutant(
    "a full socket does not wait for room (M8: never re-armed)",
    "src/broadcast.ts",
    "    if (connection.adriftAt === -1) this.#laggards.add(connection);\n",
    "",
  ),
  mutant(
    "room is not noticed",
    "src/broadcast.ts",
    "    this.#resumed.add(connection);\n  }\n\n  /** Publishes",
    "  }\n\n  /** Publishes",
  ),
  mutant(
    "who has caught up is given no more news",
    "src/broadcast.ts",
    "    if (connection.leaving === undefined) this.#flow(connection);\n",
    "",
  ),
  mutant(
    "the one that takes a leaver's place is passed over",
    "src/broadcast.ts",
    "        this.#unflow(connection);\n        this.#wait(connection);\n",
    "        this.#unflow(connection);\n        this.#wait(connection);\n        index++;\n",
  ),
  mutant(
    "a skip tears a frame",
    "src/broadcast.ts",
    "const border = this.log.borderAfter(connection.cursor);",
    "const border = connection.cursor;",
  ),
  mutant("a skip repeats a frame's rest", "src/broadcast.ts", "      connection.cursor = border;\n", ""),
  mutant(
    "what was skipped is not counted",
    "src/broadcast.ts",
    "    connection.bytesSkipped += this.log.end - connection.cursor;\n",
    "",
  ),
  mutant("one that was skipped never goes on", "src/broadcast.ts", "    connection.adriftAt = -1;\n", ""),
  mutant(
    "maxLag is one byte more",
    "src/broadcast.ts",
    "this.log.end - first.cursor > maxLag) {",
    "this.log.end - first.cursor > maxLag + 1) {",
  ),
  mutant(
    "only the first over the limit is dealt with",
    "src/broadcast.ts",
    "      first = this.#laggards.first;\n",
    "      first = undefined;\n",
  ),
  mutant(
    "the log is trimmed one segment too far",
    "src/broadcast.ts",
    "    this.log.trim(furthest);\n",
    "    this.log.trim(furthest + 1);\n    if (furthest < this.log.end) this.log.trim(this.log.end);\n",
  ),
  mutant("the log is not trimmed", "src/broadcast.ts", "    this.log.trim(furthest);\n", ""),
  mutant(
    "the log stays when nobody is there",
    "src/broadcast.ts",
    "    if (this.#flowing.length === 0 && furthest === this.log.end) this.log.clear();\n",
    "",
  ),
  mutant(
    "a hold is never over",
    "src/broadcast.ts",
    "this.#holding ? worst > maxLag / 2 : worst > maxLag;",
    "this.#holding || worst > maxLag;",
  ),
  mutant(
    "own frames are heard under others",
    "src/broadcast.ts",
    '    if (this.#options.echo === "all") return;\n',
    "    return;\n",
  ),
  mutant(
    "with own frames, the next one is left out, too",
    "src/broadcast.ts",
    "    connection.cursor = first.to;\n",
    "    connection.cursor = Math.min(this.log.end, this.log.borderAfter(first.to + 1));\n",
  ),
  // --- laggards ---
  mutant("the heap is not mended after a removal", "src/laggards.ts", "    this.#sink(last.heapIndex);\n", ""),
  mutant(
    "the furthest behind is not on top",
    "src/laggards.ts",
    "if (heap[parent]!.cursor <= laggard.cursor) break;",
    "if (heap[parent]!.cursor >= laggard.cursor) break;",
  ),
  // --- log ---
  mutant(
    "a run goes on behind what is written",
    "src/log.ts",
    "segment.bytes.subarray(offset - segment.start, segment.filled);",
    "segment.bytes.subarray(offset - segment.start);",
  ),
  mutant(
    "a border is looked for one byte too late",
    "src/log.ts",
    "if (border >= offset) return border;",
    "if (border > offset) return border;",
  ),
  mutant("a frame straddles two segments", "src/log.ts", "next - at <= room;", "next - at <= room + 1;"),
  mutant(
    "a segment is written over",
    "src/log.ts",
    "segment.bytes.set(bytes.subarray(from, to), segment.filled);",
    "segment.bytes.set(bytes.subarray(from, to), Math.max(0, segment.filled - 1));",
  ),
  // --- decoder ---
  mutant(
    "a header in parts is forgotten (M1)",
    "src/frame.ts",
    "    else if (at < to) this.#keep(chunk, at, to);\n",
    "    else if (to - at >= header) this.#keep(chunk, at, to);\n",
  ),
  mutant(
    "a payload in parts is forgotten (M2)",
    "src/frame.ts",
    "      partial.append(chunk, at, at + taken);\n",
    "      if (partial.length < this.#framing.header) partial.append(chunk, at, at + taken);\n      else partial.length += taken;\n",
  ),
  mutant(
    "the state of a frame in parts is not reset",
    "src/frame.ts",
    "    partial.clear();\n    return at;\n",
    "    return at;\n",
  ),
  mutant(
    "a ping is published",
    "src/frame.ts",
    "      if (end - at > header + trailer) {",
    "      if (end - at >= header + trailer) {",
  ),
  mutant(
    "a ping takes the frames before it with it",
    "src/frame.ts",
    "        if (count > 0) visit(chunk, start, at, count);\n        start = end;",
    "        start = end;",
  ),
  mutant(
    "maxFrame is one byte less",
    "src/framing.ts",
    "return length > maxFrame ? TOO_LARGE : header + length;",
    "return length >= maxFrame ? TOO_LARGE : header + length;",
  ),
  mutant(
    "only the low word of a length is read",
    "src/framing.ts",
    "!== 0) return TOO_LARGE;",
    "!== 0) low = from + 4;",
  ),
  // --- intake ---
  mutant("whoever is paused stays so", "src/intake.ts", "    connection.paused = false;\n", ""),
  mutant(
    "whoever does not read is read from",
    "src/intake.ts",
    "this.#broadcast.lag(connection) > this.#pauseLag) {\n      connection.paused = true;",
    "this.#broadcast.lag(connection) > Infinity) {\n      connection.paused = true;",
  ),
  mutant("the rest of a large chunk is lost", "src/intake.ts", "    connection.unread = chunk.subarray(left);\n", ""),
  mutant(
    "a budget that ends is not asked for again",
    "src/intake.ts",
    "else if (left <= 0) outcome = this.#again(connection);",
    'else if (left <= 0) outcome = "later";',
  ),
  mutant(
    "one read and no more (the edge is spent)",
    "src/intake.ts",
    "else if (left <= 0) outcome",
    'else if (left <= Infinity) outcome = "later";\n        else if (left <= 0) outcome',
  ),
  mutant(
    "who is held is not made ready again",
    "src/intake.ts",
    "    for (const connection of this.#held) this.#poll.ready(connection.token, READABLE);\n",
    "",
  ),
  mutant(
    "a frame's time runs while we do not read",
    "src/intake.ts",
    'if (decoder.pending === 0 || outcome === "later") this',
    "if (decoder.pending === 0) this",
  ),
  mutant(
    "a new frame does not start anew",
    "src/intake.ts",
    "else if (completed || !this.#frameDeadlines.has(token))",
    "else if (!this.#frameDeadlines.has(token))",
  ),
  // --- newcomers: lists, handshakes, the secret ---
  mutant(
    "allow beats deny",
    "src/access.ts",
    "if (denied !== undefined) return",
    "if (denied !== undefined && this.#allow.length === 0) return",
  ),
  mutant(
    "IPv4 over an IPv6 door is another address",
    "src/gate.ts",
    '  return address.replace(/^::ffff:(?=\\d+\\.\\d+\\.\\d+\\.\\d+$)/i, "");',
    "  return address;",
  ),
  mutant(
    "a handshake that failed keeps its place",
    "src/newcomers.ts",
    "    this.#gate.handshakeOver(peer);\n",
    "",
  ),
  mutant(
    "who comes in after a handshake counts twice",
    "src/newcomers.ts",
    "    this.#gate.handshakeOver(socket.peer);\n",
    "",
  ),
  mutant(
    "handshakes may take all places",
    "src/gate.ts",
    "if (this.#underWay >= this.#maxHandshakes)",
    "if (this.#underWay >= this.#maxConnections)",
  ),
  mutant(
    "a stranger hears",
    "src/newcomers.ts",
    "      connection.hearing = new PartialFrame(false);\n",
    "      connection.hearing = new PartialFrame(false);\n      this.#house.broadcast.add(connection);\n",
  ),
  mutant("a stranger is listed", "src/census.ts", "if (connection.hearing === undefined) yield", "yield"),
  mutant(
    "a stranger may stay for ever",
    "src/newcomers.ts",
    "      timeouts.secret.set(connection.token, adapter.now());\n",
    "",
  ),
  mutant(
    "the time for the secret runs on when it was said",
    "src/newcomers.ts",
    "    timeouts.secret.clear(token);\n",
    "",
  ),
  mutant(
    "a stranger that was turned away keeps its place",
    "src/newcomers.ts",
    "    this.#gate.leave(socket.peer);\n    socket.close();\n",
    "    socket.close();\n",
  ),
  mutant(
    "a mob that closes keeps strangers",
    "src/dispatch.ts",
    '        this.#remove(connection, "shutdown");\n        continue;',
    "        continue;",
  ),
  mutant("any first frame is the secret", "src/secret.ts", "sameBytes(payload, this.#payload) ?", "said.length > 0 ?"),
  mutant(
    "the beginning of the secret is enough",
    "src/secret.ts",
    "let difference = said.length ^ secret.length;",
    "let difference = 0;",
  ),
  mutant("the secret is published", "src/secret.ts", '? chunk.subarray(at) : "wrong"', '? chunk : "wrong"'),
  mutant("a ping is a first frame", "src/secret.ts", "said.length === header + trailer", "said.length === 0"),
  mutant(
    "frames behind the secret are lost",
    "src/newcomers.ts",
    "      if (behind.length > 0) connection.unread = behind;\n",
    "",
  ),
  // --- deadlines, rates, back-off ---
  mutant(
    "a deadline that is set again keeps its place",
    "src/deadlines.ts",
    "    this.#due.delete(token);\n    this.#due.set",
    "    this.#due.set",
  ),
  mutant(
    "after the first deadline no timer is set",
    "src/deadlines.ts",
    "      if (this.#cancel === undefined) this.#arm(Math.max(1, due - now));\n",
    "",
  ),
  mutant("deadlines pass too early", "src/deadlines.ts", "if (due > now) break;", "if (due > now + 5) break;"),
  mutant(
    "who is over the rate is not looked at again",
    "src/dispatch.ts",
    "    this.#late(this.#rate.waiting, (connection) => this.#poll.ready(connection.token, READABLE));\n",
    "",
  ),
  mutant(
    "a failed accept is never tried again",
    "src/back_off.ts",
    "      const cancel = this.#adapter.after(this.#wait, end);\n",
    "      const cancel = (): void => {};\n",
  ),
  // --- accounts ---
  mutant("a half-given frame counts as given", "src/census.ts", "(remainder === undefined ? 0 : 1);", "0;"),
  mutant("what was told of a leaver is told again", "src/news.ts", "    this.#untold = [];\n", ""),
  mutant(
    "a hook that throws ends the turn",
    "src/news.ts",
    "      try {\n        tell();\n      } catch (error) {",
    "      tell();\n      try {\n        // nothing\n      } catch (error) {",
  ),
];
