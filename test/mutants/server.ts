/**
 * Mutants of the server's rules that the simulation does not know, or that a test of one rule finds at once: what is
 * logged, who may come in, rates, clocks, and listeners that open, close and are reloaded.
 *
 * @module
 */

import { type Group, unit } from "./mutant.ts";

/** The bugs of the server. */
export const SERVER: readonly Group[] = [
  {
    file: "src/server/event_log.ts",
    proof: unit("event_log"),
    bugs: [
      {
        in: "#mayWrite",
        from: "    if (tally.written < LINES) {\n",
        to: "    if (tally.written >= 0) {\n",
        why: "a flood of refusals fills the log",
        sample: true,
      },
      {
        in: "#mayWrite",
        from:
          "      if (unwritten > 0) logger[level](`Not logged${where}: {unwritten} more lines of {kind}`, { unwritten, kind });\n",
        to: "",
        why: "lines that were not logged are not counted",
      },
      {
        in: "#mayWrite",
        from: "!tally || now - tally.since >= WINDOW",
        to: "!tally",
        why: "ten lines of a kind are all that is ever logged of it",
      },
      {
        in: "#mayWrite",
        from: "let tally = this.#tallies.get(kind);",
        to: "let tally = [...this.#tallies.values()][0];",
        why: "a flood of one kind hides the lines of another",
      },
      {
        in: "ORDINARY",
        from: '"shutdown"]',
        to: '"shutdown", "lagged"]',
        why: "a connection that is cut for its lag is no warning",
      },
      {
        in: "#ordinary",
        from: 'this.#mayWrite(kind, now, "info") ? "info" : "debug"',
        to: '"info"',
        why: "a crowd that comes and goes fills the log",
      },
    ],
  },
  {
    file: "src/server/lifecycle.ts",
    proof: unit("access_list", "a thousand failed handshakes"),
    bugs: [
      {
        in: "codeOf",
        from: ".slice(0, LONGEST_WHY)",
        to: "",
        why: "a client writes as much into the log as it likes",
      },
    ],
  },
  {
    file: "src/server/rate_limit.ts",
    proof: unit("limits"),
    bugs: [
      {
        in: "allows",
        from: "Math.min(this.#frames, credit.frames + seconds * this.#frames)",
        to: "credit.frames + seconds * this.#frames",
        why: "frames that a silent connection did not send are saved up",
        hole: 9,
      },
      {
        in: "allows",
        from: "Math.min(this.#bytes, credit.bytes + seconds * this.#bytes)",
        to: "credit.bytes + seconds * this.#bytes",
        why: "bytes that a silent connection did not send are saved up",
        hole: 9,
      },
      {
        in: "allows",
        from: "    this.waiting.set(connection.token, now);\n",
        to: "",
        why: "a connection over its rate is never read from again",
      },
      {
        in: "spend",
        from: "    credit.frames -= frames;\n",
        to: "",
        why: "frames cost nothing",
      },
      {
        in: "forget",
        from: "    this.#credits.delete(connection);\n",
        to: "",
        why: "the bucket of a connection that left is kept for ever",
        hole: 6,
      },
    ],
  },
  {
    file: "src/server/timeouts.ts",
    proof: unit("limits", "a leaving connection has drainTimeout"),
    bugs: [
      {
        in: "constructor",
        from: "Math.min(LINGER, drainTimeout)",
        to: "LINGER",
        why: "a connection that was told the end stays longer than the drain",
        hole: 13,
      },
    ],
  },
  {
    file: "src/server/acceptor.ts",
    // Not wrong, but no simulated frame is in pieces then: the marks must say so.
    proof: { on: ["deno"], tests: "test/simulation/simulation.test.ts", named: "frames in pieces" },
    bugs: [
      {
        in: "#insert",
        from: "ownsChunks: true",
        to: "ownsChunks: false",
        why: "every large frame is copied as it comes",
      },
    ],
  },
  {
    file: "src/server/counters.ts",
    proof: unit("limits", "stats count the pings"),
    bugs: [
      {
        in: "closed",
        from: "    this.#pings += connection.pings;\n",
        to: "",
        why: "the pings of a connection that left are not counted",
        hole: 13,
      },
    ],
  },
  {
    file: "src/server/arrivals.ts",
    proof: unit("limits", "stats count the pings"),
    bugs: [
      {
        in: "open",
        from: "    connection.since = now();\n",
        to: "",
        why: "rates and ages run since the accept",
        hole: 13,
      },
      {
        in: "open",
        from: "if (lifecycle.hooks.any || feed.hasPending(connection)) poll.wake();",
        to: "if (feed.hasPending(connection)) poll.wake();",
        why: "a join is told with the next event of another connection",
        hole: 11,
        proof: unit("mob", "onJoin"),
      },
    ],
  },
  {
    file: "src/server/mob.ts",
    proof: unit("opening"),
    bugs: [
      {
        in: "#whileOpening",
        from: "      else await listener.close();\n",
        to: "",
        why: "a listener that opens while its mob closes stays open",
        hole: 10,
      },
      {
        in: "close",
        from: "        ...this.#opening,\n",
        to: "",
        why: "a mob has closed before a listener that was opening is closed",
        hole: 10,
      },
      {
        in: "listen",
        from: "    // The mob may have closed while the certificates were being read.\n    checkOpen();\n",
        to: "",
        why: "a mob that closed while it read certificates opens a listener",
        hole: 10,
      },
      {
        in: "listen",
        from: "if (tls && listener.reloads) this",
        to: "if (tls && tls === this.#transportOptions.tls) this",
        why: "a listener with certificates of its own is not reloaded",
        proof: unit("reload"),
      },
    ],
  },
  {
    file: "src/server/certificates.ts",
    proof: unit("reload"),
    bugs: [
      {
        in: "reload",
        from: "for (const [listener, source] of this.#sources) await",
        to: "for (const [listener, source] of this.#sources) return await",
        why: "only the first TLS listener is reloaded",
        hole: 5,
      },
      {
        in: "reload",
        from: "await listener.reload(certificates.get(source)!);",
        to: "await listener.reload([...certificates.values()][0]!);",
        why: "a listener takes the certificates of another",
      },
      {
        in: "reload",
        from: "await listener.reload(certificates.get(source)!);",
        to: "await listener.reload(await this.get(source));",
        why: "certificates are read once for each listener, and may differ",
      },
    ],
  },
  {
    file: "src/server/status_listener.ts",
    proof: unit("status_listener"),
    bugs: [
      {
        in: "#listen",
        from: "list.refuses(ipAddressOf(remote)) === undefined",
        to: "list.refuses(remote) === undefined",
        why: "an allow list refuses every client, since the port is taken for a part of the address",
      },
      {
        in: "#listen",
        from: "new AccessList(allow, deny)",
        to: "new AccessList(allow, [])",
        why: "deny is not honored",
      },
      {
        in: "#handler",
        from: "[address.host, ...hosts ?? []]",
        to: "hosts",
        why: "without hosts, any name may be led to the status listener",
      },
      {
        in: "#listen",
        from: 'if (this.#mob.state === "open") return socket;',
        to: "return socket;",
        why: "a status listener that opens while its mob closes is open for a moment, and says that it is",
      },
      {
        in: "open",
        from: "      if (!this.#socket) this.#opening = undefined;\n",
        to: "",
        why: "after a failure no other URL can be tried",
      },
      {
        in: "checkExposure",
        from: "isLocal(address.host) || allow.length > 0",
        to: "isLocal(address.host) || allow.length === 0",
        why: "no warning of a status listener that is open to all",
      },
    ],
  },
  {
    file: "src/server/status_options.ts",
    proof: unit("status_listener"),
    bugs: [
      {
        in: "checkStatus",
        from: 'if (transport !== "tls") useless("tls"',
        to: 'if (transport === "unix") useless("tls"',
        why: "certificates of a listener in the clear are ignored",
      },
      {
        in: "checkStatus",
        from: "useless(name, `clients of",
        to: "(() => {})(name, `clients of",
        why: "an access list of a Unix socket is ignored",
      },
      {
        in: "addressOf",
        from: 'transport === "tls" ? ":443" : ":80"',
        to: '":8000"',
        why: "the default port is that of a mob",
      },
    ],
  },
  {
    file: "src/server/mob.ts",
    proof: unit("status_listener"),
    bugs: [
      {
        in: "close",
        from: "          await this.#status?.close();\n",
        to: "",
        why: "the status listener outlives its mob",
      },
    ],
  },
];
