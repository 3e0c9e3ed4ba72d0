/**
 * Mutants of the core: events of connections, and what is read then.
 *
 * @module
 */

import { type Group, unit } from "./mutant.ts";

/** The bugs of dispatching and receiving. */
export const CORE_DISPATCH: readonly Group[] = [
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
        proof: unit("receive_memory"),
      },
      {
        in: "overLimit",
        from: "other.receiveBytes - one.receiveBytes",
        to: "one.receiveBytes - other.receiveBytes",
        why: "the connection with the smallest receive buffer goes",
        proof: unit("receive_memory"),
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
        proof: unit("websocket_moments", "counts as receive memory"),
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
