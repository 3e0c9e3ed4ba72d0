/**
 * Mutants of the core: the simulation must find each. The ancestor's bugs are among them (M and a number), as far as our
 * code can have them.
 *
 * @module
 */

import type { Group } from "./mutant.ts";

/** The bugs of the core. */
export const CORE: readonly Group[] = [
  {
    file: "src/reactor/slab.ts",
    bugs: [
      {
        in: "get",
        from: "return this.#tokens[index] === token ? this.#values[index] : undefined;",
        to: "return this.#values[index];",
        why: "an event is for any connection in the slot",
      },
      {
        in: "insert",
        from: "const generation = (this.#generations[index] ?? 0) + 1;",
        to: "const generation = 1;",
        why: "a slot's generation stays as it was",
      },
      {
        in: "remove",
        from: "this.#tokens[index] = NaN;",
        to: "",
        why: "a removed value is not vacated",
      },
      {
        in: "remove",
        from: "else this.#free.push(index);",
        to: "",
        why: "a vacated slot is not free again",
        proof: { on: ["node"], tests: "test/unit/slab.test.ts" },
      },
    ],
  },
  {
    file: "src/reactor/poll.ts",
    bugs: [
      {
        in: "ready",
        from: "(this.#collecting.get(token) ?? 0) | readiness",
        to: "readiness",
        why: "the later event of a token replaces the earlier",
      },
      {
        in: "#deliver",
        from: "    this.#armed = false;\n",
        to: "",
        why: "a tick is armed once and never again",
      },
      {
        in: "#deliver",
        from: "events.clear();",
        to: "",
        why: "a batch is handled twice",
      },
    ],
  },
  {
    file: "src/server/acceptor.ts",
    bugs: [
      {
        in: "handshakeFailed",
        from: "    this.#with.admission.handshakeOver(remoteAddress);\n",
        to: "",
        why: "a handshake that failed keeps its place",
      },
      {
        in: "accept",
        from: "    this.#with.admission.handshakeOver(socket.remoteAddress);\n",
        to: "",
        why: "a connection that comes in after a handshake counts twice",
      },
      {
        in: "#insert",
        from: "const { framing = this.#options.framing } = (listener?.protocol ? undefined : listener) ?? {};",
        to: "const { framing } = this.#options;",
        why: "every connection has the framing of the mob",
      },
      {
        in: "place",
        from: "this.#with.admission.enter(remoteAddress, listener?.accessList)",
        to: "this.#with.admission.enter(remoteAddress, undefined)",
        why: "the lists of a listener are not asked",
      },
    ],
  },
  {
    file: "src/server/delivery.ts",
    bugs: [
      {
        in: "caughtUp",
        from: "      connection.socket.shutdown();\n",
        to: "",
        why: "the stream of a leaving connection with everything does not end",
      },
      {
        in: "caughtUp",
        from: "      linger.set(connection.token, now);\n",
        to: "",
        why: "a connection whose stream has ended may stay forever",
      },
      {
        in: "blocked",
        from: "    this.#receiver().unpause(connection);\n",
        to: "",
        why: "a paused sender of which less is pending, and not nothing, stays paused",
      },
      {
        in: "progressed",
        from: "    this.tookControl(connection);\n",
        to: "",
        why: "progress does not count against a stall",
      },
      {
        in: "caughtUp",
        from: "    stall.clear(connection.token);\n",
        to: "",
        why: "a stall is over and still counted",
      },
    ],
  },
  {
    file: "src/server/outbox.ts",
    bugs: [
      {
        in: "push",
        from: "this.#frames.length === 0 && this.#hasRoom",
        to: "this.#hasRoom",
        why: "a published message overtakes those that wait",
      },
      {
        in: "push",
        from: "this.#frames.length === 0 && this.#hasRoom",
        to: "this.#frames.length === 0",
        why: "publish() has no bound in a tick",
      },
      {
        in: "#hasRoom",
        from: "this.#left > 0 && !this.#uplink.backpressure",
        to: "this.#left > 0",
        why: "publish() goes on under block",
      },
      {
        in: "#next",
        from: "    this.bufferedAmount -= frame.length;\n",
        to: "",
        why: "what was published still counts as waiting",
      },
      {
        in: "beginTick",
        from: "    this.#left = this.#budget;\n",
        to: "",
        why: "what publish() may publish is not renewed by a tick",
      },
    ],
  },
  {
    file: "src/admission/authorization.ts",
    bugs: [
      {
        in: "authorizationStep",
        from: 'return allowed ? { state: "accepted", rest } : REFUSED;',
        to: 'return { state: "accepted", rest };',
        why: "authorize refuses no connection",
      },
      {
        in: "authorizationStep",
        from: "      decided();\n",
        to: "",
        why: "the answer of authorize wakes no tick",
      },
    ],
  },
  {
    file: "src/server/hooks.ts",
    bugs: [
      {
        in: "authorization",
        from: "decide(answer === true);",
        to: "decide(Boolean(answer));",
        why: "authorize takes any answer for yes",
      },
      {
        in: "allows",
        from: ", () => answer = false);",
        to: ", () => answer = true);",
        why: "a message whose hook fails is published",
      },
      {
        in: "#call",
        from: "      this.failures++;\n",
        to: "",
        why: "hooks that fail are not counted",
      },
      {
        in: "allows",
        from: "return answer !== false;",
        to: "return answer === true;",
        why: "onMessage that returns nothing withholds",
      },
    ],
  },
  {
    file: "src/server/receiver.ts",
    bugs: [
      {
        in: "#show",
        from: "bytes.slice(framing.payloadAt",
        to: "bytes.subarray(framing.payloadAt",
        why: "onMessage can change what is published",
      },
      {
        in: "#show",
        from: "    this.withheld.frames++;\n",
        to: "",
        why: "withheld messages are not counted",
      },
      {
        in: "#show",
        from: "    this.withheld.bytes += end - start;\n",
        to: "",
        why: "the bytes of withheld messages are not counted",
      },
    ],
  },
  {
    file: "src/server/connection.ts",
    bugs: [
      {
        in: "endOf",
        from: 'return decoder.pending > 0 ? "truncated" : "end";',
        to: 'return "end";',
        why: "every end is taken for a clean one",
      },
      {
        in: "endOf",
        from: 'if (readiness & ERROR) return "reset";',
        to: "",
        why: "a reset is taken for an end",
      },
    ],
  },
  {
    file: "src/server/dispatcher.ts",
    bugs: [
      {
        in: "#whenDone",
        from: "if (this.#working) this.#afterwards.push(action);\n    else action();",
        to: "action();",
        why: "a connection is removed while it is read",
      },
      {
        in: "Dispatcher",
        from:
          "!this.#doomed.has(connection) && this.#lifecycle.hooks.allows(message, connection) &&\n      !this.#doomed.has(connection)",
        to: "this.#lifecycle.hooks.allows(message, connection)",
        why: "messages of a connection that was just disconnected are published",
      },
      {
        in: "disconnect",
        from: '"disconnected", detail',
        to: '"disconnected"',
        why: "the text of disconnect() is lost",
      },
      {
        in: "drop",
        from: "      this.#outbox.clear();\n",
        to: "",
        why: "a mob that drops its connections keeps what publish() took",
      },
      {
        in: "#drainAll",
        from: "    this.#outbox.flush();\n",
        to: "",
        why: "a closing mob forgets what publish() took",
      },
      {
        in: "#tick",
        from: " || this.#outbox.ready",
        to: "",
        why: "what publish() took waits for another event",
      },
    ],
  },
  {
    file: "src/server/dispatcher.ts",
    bugs: [
      {
        in: "#tick",
        from: "staleEvents++;\n        continue;",
        to: 'staleEvents++;\n        throw new Error("no such connection");',
        why: "no look-up before an event is handled (the ancestor's crash)",
      },
      {
        in: "#read",
        from: "const outcome = this.#receiver.read(connection, this.#now, final);",
        to: 'const outcome = final ? "end" : this.#receiver.read(connection, this.#now, final);',
        why: "a hup drops what was not read (M: unread data behind a hup)",
      },
      {
        in: "#read",
        from: 'else if (outcome === "end") this.#leave',
        to: 'else if (outcome === "end" && connection.leaving) this.#leave',
        why: "an end of stream is not noticed",
      },
      {
        in: "#read",
        from: 'if (outcome === "failed") this.#broke(connection, final);\n    else if (final)',
        to: "if (final)",
        why: "a frame over the limit does not remove its sender",
      },
      {
        in: "#remove",
        from: "    this.#memory.forget(connection);\n",
        to: "",
        why: "what a removed connection held counts on",
        hole: 6,
      },
      {
        in: "#tick",
        from: 'this.#memory.overLimit()) this.#end(connection, "receive-memory");',
        to: 'this.#memory.overLimit()) this.#end(connection, "lagged");',
        why: "a receive buffer that is too large ends with the wrong reason",
      },
      {
        in: "#remove",
        from: "    socket.close();\n",
        to: "",
        why: "a removed socket is not closed (M: leaked handles)",
      },
      {
        in: "#remove",
        from: "    socket.close();\n",
        to: "    socket.close();\n    socket.close();\n",
        why: "a removed socket is closed twice",
      },
      {
        in: "#remove",
        from: "      feed.remove(connection);\n",
        to: "",
        why: "a removed connection is still given the log",
      },
      {
        in: "#remove",
        from: "    this.#acceptor.leave(connection);\n",
        to: "",
        why: "a removed connection keeps its place (M: a full server stays full)",
      },
      {
        in: "#tick",
        from:
          "      } catch (error) {\n        this.#failed(connection, error);\n      }\n    }\n    if (this.#draining)",
        to: "      } finally {\n        // nothing\n      }\n    }\n    if (this.#draining)",
        why: "one connection's trouble ends the tick",
      },
      {
        in: "#tick",
        from: "this.closing ? [] : this.#publisher.overLimit()",
        to: "this.closing ? this.#publisher.overLimit() : []",
        why: "a connection over maxLag stays",
      },
      {
        in: "#tick",
        from: "    this.#receiver.beginTick();\n",
        to: "    this.#receiver.beginTick();\n    this.#expiry.run();\n",
        why: "deadlines pass before the input is handled",
      },
      {
        in: "#depart",
        from:
          "    connection.feed.finish(connection, connection.protocol?.closing(connection.closeReason!, connection.decoder));\n",
        to: "",
        why: "a connection that begins to leave is not served once more",
      },
      {
        in: "#drainAll",
        from: 'else if (this.#receiver.read(connection, this.#now, true) === "failed") this.#broke(connection, false);',
        to: "",
        why: "a drain forgets what was sent before",
      },
      {
        in: "#finish",
        from: "    this.#timeouts.stop();\n",
        to: "",
        why: "the deadlines of an ended mob run on",
      },
      {
        in: "#tick",
        from: "    if (this.#receiver.released || this.#outbox.ready || this.bus?.link.released) this.#poll.wake();\n",
        to: "",
        why: "the end of back-pressure wakes no tick",
      },
      {
        in: "#remove",
        from: "    socket.close();\n    this.#acceptBackoff.tryNow();\n",
        to: "    socket.close();\n",
        why: "a connection that leaves does not end a back-off",
      },
      {
        in: "#tick",
        from: "    this.#working = true;\n",
        to:
          "    this.#working = true;\n    for (const each of this.#slab.values()) each.paused = each.paused && true;\n",
        why: "every tick walks over all connections (the ancestor's tick)",
      },
      {
        in: "#drainAll",
        from: "this.arrivals.handshaker!.close(connection, this.closing!);",
        to: ";",
        why: "a mob that closes keeps unauthenticated connections",
      },
      {
        in: "#handle",
        from: "    if (!connection.joined) this.arrivals.handshaker!.handle(connection, readiness);\n",
        to: "    if (!connection.joined) return this.arrivals.handshaker!.handle(connection, readiness);\n",
        why: "what came behind a handshake waits for the next event",
      },
      {
        in: "#leave",
        from: "    connection.closeReason = reason;\n",
        to: "",
        why: "a connection that leaves has forgotten why",
      },
      {
        in: "#leave",
        from: "    this.#receiver.forget(connection);\n",
        to: "",
        why: "a connection that leaves keeps its deadline for a frame",
      },
      {
        in: "#leave",
        from: "    this.#timeouts.idle.clear(connection.token);\n",
        to: "",
        why: "a connection that leaves is ended as idle",
      },
      {
        in: "#remove",
        from: "    this.#acceptor.leave(connection);\n",
        to: "    if (connection.joined) this.#acceptor.leave(connection);\n",
        why: "an unauthenticated connection that was turned away keeps its place",
      },
    ],
  },
  {
    file: "src/server/handshaker.ts",
    bugs: [
      {
        in: "begin",
        from: "    if (lifecycle.hooks.any) poll.wake();\n",
        to: "",
        why: "authorize is asked when something else happens",
      },
      {
        in: "begin",
        from: "    if (connection.handshake) timeouts.handshake.set(token);\n",
        to:
          "    if (connection.handshake) {\n      timeouts.handshake.set(token);\n      connection.feed.add(connection);\n    }\n",
        why: "an unauthenticated connection is given the log",
      },
      {
        in: "begin",
        from: "    if (connection.handshake) timeouts.handshake.set(token);\n",
        to: "    if (connection.handshake) void token;\n",
        why: "an unauthenticated connection may stay for ever",
      },
      {
        in: "#read",
        from: 'if ("rest" in outcome && outcome.rest.length > 0) connection.unread = outcome.rest;',
        to: "",
        why: "frames behind the secret are lost",
      },
    ],
  },
  {
    file: "src/server/expiry.ts",
    bugs: [
      {
        in: "run",
        from: "    if (rate) this.#late(rate.waiting, (connection) => poll.ready(connection.token, READABLE));\n",
        to: "",
        why: "a connection over its rate is not looked at again",
      },
    ],
  },
  {
    file: "src/framing/receive_buffer.ts",
    bugs: [
      {
        in: "clear",
        from: "this.length = this.#filled = this.#pinned = 0;",
        to: "this.length = this.#filled = 0;",
        why: "a frame that is whole counts on as a receive buffer",
      },
      {
        in: "retainedBytes",
        from: "this.#pinned + this.#block.length",
        to: "this.#block.length",
        why: "the pieces of a frame count for nothing",
      },
      {
        in: "append",
        from: "this.#pieces.push(chunk.subarray(from, to));",
        to: "this.#pieces.push(chunk.subarray(from));",
        why: "a kept piece reaches to the end of its chunk",
      },
      {
        in: "append",
        from: "      this.#closeBlock();\n      this.#pieces.push",
        to: "      this.#pieces.push",
        why: "a kept piece goes before the bytes that were copied",
      },
      {
        in: "pieces",
        from: "  pieces(): readonly Uint8Array[] {\n    this.#closeBlock();\n",
        to: "  pieces(): readonly Uint8Array[] {\n",
        why: "what was copied last is left out",
      },
      {
        in: "clear",
        from: "    if (this.#pieces.length > 0) this.#pieces = [];\n",
        to: "",
        why: "the pieces of the frame before are kept",
      },
      {
        in: "#makeRoom",
        from: "    block.set(this.#block.subarray(0, this.#filled));\n",
        to: "",
        why: "a block that grows forgets what it held",
      },
      {
        in: "#makeRoom",
        from: "if (isFull) this.#closeBlock();",
        to: "if (isFull) this.#filled = 0;",
        why: "a full block is dropped",
      },
      {
        in: "#closeBlock",
        from: "this.#pieces.push(this.#block.subarray(0, this.#filled));",
        to: "this.#pieces.push(this.#block);",
        why: "a block is handed on with its empty rest",
      },
      {
        in: "head",
        from: "return this.#pieces[0] ?? this.#block;",
        to: "return this.#block;",
        why: "a header is looked for behind the first piece",
      },
      {
        in: "concatenate",
        from: "    at += piece.length;\n",
        to: "",
        why: "pieces are put one over the other for other framings",
      },
    ],
  },
  {
    file: "src/framing/decoder.ts",
    bugs: [
      {
        in: "#finish",
        from: "else sink.pieces(partial.pieces(), length);",
        to: "else sink.frames(partial.head, 0, partial.head.length, 1);",
        why: "pieces are published as the first of them",
      },
      {
        in: "#scan",
        from: "    else if (at < to) this.#keep(chunk, at, to);\n",
        to: "    else if (to - at >= empty) this.#keep(chunk, at, to);\n",
        why: "a header in parts is forgotten (M1)",
      },
      {
        in: "#finish",
        from: "      partial.append(chunk, at, at + taken);\n",
        to:
          "      if (partial.length < this.#framing.header) partial.append(chunk, at, at + taken);\n      else partial.length += taken;\n",
        why: "a payload in parts is forgotten (M2)",
      },
      {
        in: "#finish",
        from: "    partial.clear();\n    return at;\n",
        to: "    return at;\n",
        why: "the state of a frame in parts is not reset",
      },
      {
        in: "#scan",
        from: "if (end - at > empty) {",
        to: "if (end - at >= empty) {",
        why: "a ping is published",
      },
      {
        in: "#scan",
        from: "        if (count > 0) sink.frames(chunk, start, at, count);\n        start = end;",
        to: "        start = end;",
        why: "a ping takes the frames before it with it",
      },
    ],
  },
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
        proof: { on: ["node"], tests: "test/unit/log_ranges.test.ts" },
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
  {
    file: "src/framing/framing.ts",
    bugs: [
      {
        in: "declared",
        from: "return length > maxFrame ? TOO_LARGE : header + length;",
        to: "return length >= maxFrame ? TOO_LARGE : header + length;",
        why: "maxFrame is one byte less",
      },
      {
        in: "declared",
        from: "!== 0) return TOO_LARGE;",
        to: "!== 0) low = from + 4;",
        why: "only the low word of a length is read",
      },
    ],
  },
  {
    file: "src/framing/line.ts",
    bugs: [
      {
        in: "carries",
        from: "for (let at = start; at < end; at++)",
        to: "for (let at = start + 1; at < end; at++)",
        why: "a newline in front of a payload is carried",
      },
    ],
  },
  {
    file: "src/server/receiver.ts",
    bugs: [
      {
        in: "unpause",
        from: "    connection.paused = false;\n",
        to: "",
        why: "a paused connection stays so",
      },
      {
        in: "#isBehind",
        from: "connection.feed.lag(connection) > this.#pauseLag;",
        to: "false;",
        why: "a connection that does not read is read from",
      },
      {
        in: "#next",
        from: "    connection.unread = chunk.subarray(left);\n",
        to: "",
        why: "the rest of a large chunk is lost",
      },
      {
        in: "read",
        from: "else if (left <= 0) outcome = this.#again(connection);",
        to: 'else if (left <= 0) outcome = "later";',
        why: "a budget that ends is not asked for again",
      },
      {
        in: "read",
        from: "else if (left <= 0) outcome",
        to: 'else if (left <= Infinity) outcome = "later";\n        else if (left <= 0) outcome',
        why: "one read and no more (the edge is spent)",
      },
      {
        in: "beginTick",
        from: "    for (const connection of this.#held) this.#poll.ready(connection.token, READABLE);\n",
        to: "",
        why: "a connection that is held is not made ready again",
      },
      {
        in: "#watchFrame",
        from: 'if (decoder.pending === 0 || outcome === "later") this',
        to: "if (decoder.pending === 0) this",
        why: "a frame's time runs while we do not read",
      },
      {
        in: "#watchFrame",
        from: "else if (completed || !this.#frameDeadlines.has(token))",
        to: "else if (!this.#frameDeadlines.has(token))",
        why: "a new frame does not start anew",
      },
    ],
  },
  {
    file: "src/server/listener.ts",
    bugs: [
      {
        in: "steps",
        from: ": [...this.#steps];",
        to: ": [];",
        why: "a listener with a secret asks for none",
      },
      {
        in: "Listener",
        from: "new AccessList(rules.allow, rules.deny)",
        to: "new AccessList([], rules.deny)",
        why: "a listener lets in all that it does not deny",
      },
    ],
  },
  {
    file: "src/server/listener_parts.ts",
    bugs: [
      {
        in: "loadParts",
        from: "webSocket || authorizes || steps.length > 0",
        to: "webSocket || steps.length > 0",
        why: "authorize of a plain mob is not asked",
      },
    ],
  },
  {
    file: "src/admission/access_list.ts",
    bugs: [
      {
        in: "refuses",
        from: "if (denied) return",
        to: "if (denied && this.#allow.length === 0) return",
        why: "allow beats deny",
      },
    ],
  },
  {
    file: "src/admission/admission.ts",
    bugs: [
      {
        in: "ipAddressOf",
        from: '  return address.replace(/^::ffff:(?=\\d+\\.\\d+\\.\\d+\\.\\d+$)/i, "");',
        to: "  return address;",
        why: "IPv4 over an IPv6 listener is another address",
      },
      {
        in: "handshakeStarted",
        from: "if (this.#underWay >= this.#maxHandshakes)",
        to: "if (this.#underWay >= this.#maxConnections)",
        why: "handshakes may take all places",
      },
    ],
  },
  {
    file: "src/server/arrivals.ts",
    bugs: [
      {
        in: "open",
        from: "    timeouts.handshake.clear(token);\n",
        to: "",
        why: "the time for the handshake runs on when it is over",
      },
    ],
  },
  {
    file: "src/server/counters.ts",
    bugs: [
      {
        in: "uncarriedFor",
        from: "const open = until === Infinity;",
        to: "const open = until !== undefined;",
        why: "what cannot be carried goes on counting for a connection that leaves",
      },
      {
        in: "joinedIn",
        from: "if (connection.joined) yield",
        to: "yield",
        why: "an unauthenticated connection is listed",
      },
      {
        in: "deliveryCounts",
        from: "(remainder ? remainderFrames : 0);",
        to: "0;",
        why: "a half-delivered frame counts as delivered",
      },
    ],
  },
  {
    file: "src/admission/handshake.ts",
    bugs: [
      {
        in: "read",
        from: "if (chunk === null || (!chunk && final)) return withReply(reply, LEFT);",
        to: "if (chunk === null) return MORE;",
        why: "a connection that leaves during its handshake stays",
      },
      {
        in: "read",
        from: 'while (result.state === "more")',
        to: 'while (result.state !== "accepted")',
        why: "a handshake that was rejected goes on",
      },
      {
        in: "read",
        from: "if (!chunk) return withReply(reply, MORE);",
        to: 'if (!chunk) return { state: "rejected", why: "it says too little" };',
        why: "a handshake in parts is rejected",
      },
      {
        in: "read",
        from: 'return final && result.state === "waiting" ? withReply(result.reply, LEFT) : result;',
        to: "return result;",
        why: "a connection that breaks while authorize decides stays",
      },
    ],
  },
  {
    file: "src/admission/secret.ts",
    bugs: [
      {
        in: "SecretHandshake",
        from: "sameBytes(payload, secret)",
        to: "payload.length > 0",
        why: "any first frame is the secret",
      },
      {
        in: "difference",
        from: "let difference = guess.length ^ secret.length;",
        to: "let difference = 0;",
        why: "the beginning of the secret is enough",
      },
    ],
  },
  {
    file: "src/admission/first_frame.ts",
    bugs: [
      {
        in: "#compare",
        from: "const { framing } = this.#connection.feed;",
        to:
          "const framing = { ...this.#connection.feed.framing, trailer: 0, payloadAt: (_: Uint8Array, at: number) => at + 8 };",
        why: "the secret of every listener is in u64",
      },
      {
        in: "receive",
        from: "rest: chunk.subarray(at)",
        to: "rest: chunk",
        why: "the secret is published",
      },
      {
        in: "receive",
        from: "(decoder.pending === 0 ? whole : 1)",
        to: "whole",
        why: "what follows a secret in pieces is lost",
      },
    ],
  },
  {
    file: "src/reactor/awake_clock.ts",
    bugs: [
      {
        in: "now",
        from: "Math.min(this.#counts, this.#clock.now() - this.#began)",
        to: "(this.#clock.now() - this.#began)",
        why: "a stop of the process counts as a whole",
      },
      {
        in: "#end",
        from: "if (late > LATE && this.#rests < MOST_RESTS) {",
        to: "if (late < 0) {",
        why: "after a stop of the process there is no rest",
      },
    ],
  },
  {
    file: "src/server/timeouts.ts",
    bugs: [
      {
        in: "constructor",
        from: "const clock = this.clock = new AwakeClock(adapter);",
        to: "const clock = this.clock = adapter;",
        why: "deadlines go by a clock that a stop of the process does not stop",
      },
    ],
  },
  {
    file: "src/reactor/awake_clock.ts",
    proof: { on: ["node"], tests: "test/unit/awake_clock.test.ts" },
    bugs: [
      {
        in: "now",
        from: "Math.min(this.#counts, this.#clock.now() - this.#began)",
        to: "(this.#clock.now() - this.#began)",
        why: "time in which the process was stopped counts",
        sample: true,
      },
      {
        in: "#end",
        from: "if (this.#first - this.#time < rest) {",
        to: "if (false) {",
        why: "a late process judges before it looks",
      },
      {
        in: "#end",
        from: " && this.#rests < MOST_RESTS",
        to: "",
        why: "a process that is always late has no deadlines",
      },
    ],
  },
  {
    file: "src/reactor/deadlines.ts",
    bugs: [
      {
        in: "set",
        from: "    this.#due.delete(token);\n    this.#due.set",
        to: "    this.#due.set",
        why: "a deadline that is set again keeps its place",
      },
      {
        in: "#arm",
        from: "      this.#armNext(this.#firedAt);\n",
        to: "",
        why: "after the first deadline no timer is set",
      },
      {
        in: "expired",
        from: "if (due > now) break;",
        to: "if (due > now + 5) break;",
        why: "deadlines pass too early",
      },
      {
        in: "expired",
        from: "const now = this.#firedAt;",
        to: "const now = this.#clock.now();",
        why: "a stop between a timer and its tick counts",
        proof: { on: ["node"], tests: "test/simulation/simulation.test.ts", named: "recordings of what once failed" },
      },
    ],
  },
  {
    file: "src/admission/accept_backoff.ts",
    bugs: [
      {
        in: "failed",
        from: "      const cancel = this.#adapter.after(this.#wait, end);\n",
        to: "      const cancel = (): void => {};\n",
        why: "a failed accept is never tried again",
      },
    ],
  },
  {
    file: "src/server/hooks.ts",
    bugs: [
      {
        in: "tell",
        from: "    this.#pending = [];\n",
        to: "",
        why: "the hooks of a tick are called again at the next one",
      },
    ],
  },
  {
    file: "src/call_hook.ts",
    bugs: [
      {
        in: "callHook",
        from: "  } catch (error) {\n    failed(error);",
        to: "  } catch (error) {\n    throw error;",
        why: "a hook that throws ends the tick",
      },
    ],
  },
  {
    file: "src/server/receive_memory.ts",
    bugs: [
      {
        in: "overLimit",
        from: "if (this.#bytes <= this.#limit) return [];",
        to: "return [];",
        why: "receive buffers have no bound together",
      },
      {
        in: "overLimit",
        from: "while (left > this.#limit)",
        to: "if (left > this.#limit)",
        why: "one connection goes, however many are too much",
        proof: { on: ["node"], tests: "test/unit/receive_memory.test.ts" },
      },
      {
        in: "overLimit",
        from: "other.receiveBytes - one.receiveBytes",
        to: "one.receiveBytes - other.receiveBytes",
        why: "the connection with the smallest receive buffer goes",
        proof: { on: ["node"], tests: "test/unit/receive_memory.test.ts" },
      },
      {
        in: "#set",
        from: "this.#bytes += bytes - before;",
        to: "this.#bytes += bytes;",
        why: "a receive buffer that grows counts anew",
      },
      {
        in: "heldBy",
        from: " + (unread?.buffer.byteLength ?? 0)",
        to: "",
        why: "the rest of a chunk counts for nothing",
      },
      {
        in: "heldBy",
        from: " + (handshake?.retainedBytes ?? 0)",
        to: "",
        why: "what a handshake holds counts for nothing",
        proof: { on: ["node"], tests: "test/unit/websocket_moments.test.ts", named: "counts as receive memory" },
      },
      {
        in: "note",
        from: "connection.unread = unread.slice();",
        to: "return;",
        why: "a small rest pins a large chunk",
      },
    ],
  },
];
