/**
 * Mutants of the client.
 *
 * @module
 */

import { type Group, unit } from "./mutant.ts";

/** The bugs of clients. */
export const CLIENT: readonly Group[] = [
  {
    file: "src/client/message_reader.ts",
    proof: unit("client_api"),
    bugs: [
      {
        in: "MessageIterator.next",
        from: "this.#waiting.size === 0 && look()",
        to: "look()",
        why: "a later next() takes the message of an earlier one",
        proof: unit("message_reader"),
      },
      {
        in: "MessageIterator.return",
        from: "      end();\n",
        to: "",
        why: "return() leaves a next() waiting",
      },
      {
        in: "MessageIterator.return",
        from: "      this.#waiting.delete(look);\n",
        to: "",
        why: "a next() that was ended takes a message with it",
      },
    ],
  },
  {
    file: "src/client/socket_client.ts",
    proof: unit("client_api"),
    bugs: [
      { in: "#pingAfter", from: "!this.#sentLately && ", to: "", why: "pings are sent among messages" },
      {
        in: "#end",
        from: "    this.#cancelPing?.();\n",
        to: "",
        why: "the ping timer of a client that is over runs on",
      },
      { in: "trySend", from: "    if (this.#mustWait) return false;\n", to: "", why: "trySend has no bound" },
      {
        in: "#failure",
        from: "this.#messages.bytes >= RECEIVE_AHEAD || this.#clock.now() - this.#behindAt < BEHIND",
        to: "false",
        why: "a client that was cut while it was behind is lost",
      },
    ],
  },
  {
    file: "src/client/socket_client.ts",
    proof: unit("client"),
    bugs: [
      {
        in: "take",
        from: "      this.#poll.ready(TOKEN, READABLE);\n",
        to: "",
        why: "a client that stopped reading never reads again",
        sample: true,
      },
      {
        in: "#read",
        from: " || this.#messages.bytes < RECEIVE_AHEAD) {",
        to: " || true) {",
        why: "a client reads on though its application does not",
      },
      {
        in: "#write",
        from: " || this.#unsent > 0 || this.#shut",
        to: " || this.#shut",
        why: "close forgets what waits to be sent",
        proof: unit("client_close"),
      },
      {
        in: "#end",
        from: "    this.#ignoreSignal();\n",
        to: "",
        why: "a signal keeps the clients that are over",
        hole: 6,
        proof: unit("reconnecting_end", "no longer listen"),
      },
      {
        in: "close",
        from: "      this.#messages.clear();\n",
        to: "",
        why: "a client that is closed keeps what was not taken",
        hole: 12,
        proof: unit("client_close"),
      },
    ],
  },
  {
    file: "src/client/send_queue.ts",
    proof: unit("send_queue"),
    bugs: [
      {
        in: "#shift",
        from: "    value.ignoreSignal?.();\n",
        to: "",
        why: "a signal that aborts late takes another one out of the line",
        hole: 4,
      },
    ],
  },
  {
    file: "src/client/message_queue.ts",
    proof: unit("client"),
    bugs: [
      {
        in: "take",
        from: "chunk.slice(start + header, end - trailer)",
        to: "chunk.subarray(start + header, end - trailer)",
        why: "a message is a view of what it came in",
      },
      {
        in: "take",
        from: "      this.#at = 0;\n",
        to: "",
        why: "the next chunk begins where the last one ended",
      },
      {
        in: "bytes",
        from: "this.#chunks.retainedBytes",
        to: "this.#chunks.bytes",
        why: "a message queue counts frames, and not what it holds",
      },
      {
        in: "#isAlone",
        from: "size - header - trailer >= LARGE",
        to: "size >= LARGE",
        why: "a payload just below the size of a large one goes into a block, and is read as frames",
      },
    ],
  },
  {
    file: "src/client/backoff.ts",
    proof: unit("reconnecting_client"),
    bugs: [
      {
        in: "next",
        from: "this.#minDelay * 2 ** this.count++",
        to: "this.#minDelay * ++this.count",
        why: "waits grow by the same each time",
        sample: true,
      },
    ],
  },
  {
    file: "src/client/reconnecting_client.ts",
    proof: unit("reconnecting_client"),
    bugs: [
      {
        in: "#isStable",
        from: "this.#backoff.count = 0;",
        to: "this.#backoff.count = this.#backoff.count;",
        why: "the waits never start anew",
        hole: 13,
      },
      {
        in: "#use",
        from: "    while (this.#senders.length > 0) this.#senders.next();\n",
        to: "",
        why: "a send that waits does not learn of a new connection",
      },
      {
        in: "send",
        from: 'if (client.state !== "closed" || signal?.aborted) throw error;',
        to: "throw error;",
        why: "a message is lost with the connection that did not take it",
      },
    ],
  },
  {
    file: "src/client/socket_client.ts",
    proof: unit("client_close"),
    bugs: [
      {
        in: "#waitForEnd",
        from: "this.#said ? timeout : Math.min(timeout, NOTHING_TO_LOSE)",
        to: "Math.min(timeout, NOTHING_TO_LOSE)",
        why: "close gives up what was sent after five seconds",
      },
      {
        in: "#lost",
        from: "    if (!this.#said) return undefined;\n",
        to: "    if (this.#closeTimeout >= 0) return undefined;\n",
        why: "a close that is cut short does not say so",
      },
      {
        in: "#write",
        from: '    if (this.#cursor > before && this.#state === "closing") this.#patience.moved();\n',
        to: "",
        why: "a close is cut short while bytes move",
      },
      {
        in: "#leave",
        from: "    if (ended && !this.#shut) this.#endedFirst = true;\n",
        to: "",
        why: "a mob that ended first is said to have received everything",
      },
      {
        in: "#leave",
        from: 'this.#said ? new ClientError("UNDELIVERED", message, socket.error) : undefined',
        to: "undefined",
        why: "a connection that breaks during close is said to have delivered everything",
      },
      {
        in: "#read",
        from: 'if (this.#state === "closing" || !this.#receive) continue;',
        to: "if (!this.#receive) continue;",
        why: "messages pile up while a client closes",
        hole: 12,
      },
      {
        in: "#write",
        from: "    this.#outbox.trim(this.#cursor);\n",
        to: "",
        why: "a client keeps everything that it has sent",
        hole: 6,
        proof: unit("client_memory"),
      },
    ],
  },
  {
    file: "src/client/patience.ts",
    proof: unit("client_close"),
    bugs: [
      {
        in: "received",
        from: "if (now - this.#moved < RECEIVING * this.#milliseconds) this",
        to: "this",
        why: "a mob that sends for ever keeps a client that closes",
      },
      {
        in: "#watch",
        from: "if (left > 0) this.#watch(left);\n      else this",
        to: "if (left > 0) this.#watch(this.#milliseconds);\n      else this",
        why: "the time of a close starts anew whenever it is looked at",
      },
      {
        in: "constructor",
        from: "new AwakeClock(clock)",
        to: "clock as AwakeClock",
        why: "a stop of the process counts against a close",
      },
    ],
  },
  {
    file: "src/client/backoff.ts",
    proof: unit("reconnecting_client"),
    bugs: [
      {
        in: "next",
        from: "Math.min(this.#maxDelay, this.#minDelay * 2 ** this.count++)",
        to: "this.#minDelay * 2 ** this.count++",
        why: "the waits between attempts have no bound",
      },
      {
        in: "next",
        from: "(drawn >= 0 && drawn <= 1 ? drawn : 1) *",
        to: "(drawn >= 0 && drawn <= 1 ? 1 : 1) *",
        why: "clients that lost a server together return together",
      },
      {
        in: "next",
        from: "(drawn >= 0 && drawn <= 1 ? drawn : 1) *",
        to: "drawn *",
        why: "a random function that draws no number makes a loop without waits",
      },
      {
        in: "next",
        from: "this.count >= this.maxAttempts",
        to: "this.count > this.maxAttempts",
        why: "there is one attempt more than maxAttempts",
        proof: unit("reconnecting_end"),
      },
    ],
  },
  {
    file: "src/client/reconnecting_client.ts",
    proof: unit("reconnecting_client"),
    bugs: [
      {
        in: "#isStable",
        from: "!session.stable && session === this.#newest",
        to: "!session.stable",
        why: "messages of an older connection start the waits anew",
      },
      {
        in: "#wait",
        from: "const ignoreSignal = onAbort(signal, end);",
        to: "const ignoreSignal = (): void => {};",
        why: "close waits for the next attempt",
      },
      {
        in: "#live",
        from: "        if (error instanceof TypeError || error instanceof RangeError) throw error;\n",
        to: "",
        why: "a wrong option is tried again and again",
      },
      {
        from: "to.since - from.until",
        to: "to.since - from.since",
        why: "the gap lasts as long as the connection before it",
      },
      {
        in: "#use",
        from: '    if (this.#state === "closing") this.#cutShort = client.error;\n    else if',
        to: "    if",
        why: "a reconnecting client does not say what close did not deliver",
        proof: unit("client_close", "reconnect:"),
      },
      {
        in: "#use",
        from: "    cancel();\n",
        to: "",
        why: "a connection that is over has its timer still",
        hole: 6,
      },
    ],
  },
  {
    file: "src/client/dial.ts",
    proof: unit("connect_timeout", "^connect"),
    bugs: [
      {
        in: "dialInTime",
        from: "    cancel();\n",
        to: "",
        hole: 6,
        proof: unit("client_close"),
        why: "the deadline of an attempt runs on when there is a connection",
      },
      {
        in: "dialInTime",
        from: "new AwakeClock(adapter).after(connectTimeout, () => dialing.abort(late))",
        to: "new AwakeClock(adapter).after(connectTimeout, () => {})",
        why: "an attempt has no deadline",
      },
      {
        in: "dialInTime",
        from: "throw dialing.signal.aborted ? late : cause;",
        to: "throw cause;",
        why: "an attempt that was too late does not say so",
      },
    ],
  },
  {
    file: "src/client/send_buffer.ts",
    proof: unit("send_buffer"),
    bugs: [
      { in: "read", from: "    this.trim(offset);\n", to: "", why: "a block that is sent hides the next" },
      {
        in: "appendPayload",
        from: "last.filled + length > last.bytes.length",
        to: "last.filled + length >= last.bytes.length + 8",
        why: "a frame is cut at the end of a block",
      },
      {
        in: "trim",
        from: "if (start + filled > offset || ",
        to: "if (",
        why: "a block is dropped before it is sent",
      },
    ],
  },
];
