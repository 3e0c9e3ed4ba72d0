/**
 * Mutants of what is over TLS.
 *
 * @module
 */

import { type Group, unit } from "./mutant.ts";

/** The bugs of listeners and connections over TLS. */
export const TLS: readonly Group[] = [
  {
    file: "adapters/tls/tcp_listener.ts",
    proof: {
      on: ["deno"],
      tests: "test/end_to_end/file_limit.test.ts",
      named: "a listener that could not accept for a moment accepts again: tls",
    },
    bugs: [
      {
        in: "keepAccepting",
        from: "    acceptAgain(server);\n",
        to: "",
        why: "deno: a TLS listener that could not accept for a moment is shut for good",
        hole: 6,
      },
    ],
  },
  {
    file: "adapters/tls/handshakes.ts",
    proof: unit("tls"),
    bugs: [
      {
        in: "constructor",
        from: "requestCert: this.#needCertificate,",
        to: "requestCert: false,",
        why: "clients are not asked for a certificate",
        proof: { on: ["node"], tests: "test/conformance/adapter.test.ts", named: "with tls.ca, a client with" },
        sample: true,
      },
      {
        in: "constructor",
        from: "      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,\n",
        to: "",
        why: "a client may renegotiate again and again",
        hole: 7,
        proof: {
          on: ["node"],
          tests: "test/end_to_end/tls_sessions.test.ts",
          named: "a client cannot renegotiate",
        },
      },
      {
        in: "begin",
        from: "const cancel = this.#clock.after(milliseconds, () => end(late(milliseconds)));",
        to: "const cancel = this.#clock.after(milliseconds, () => {});",
        why: "a handshake may last for ever",
        proof: unit("tls_attacks", "a client that stops after 5 bytes"),
      },
      {
        in: "begin",
        from: 'return () => end(new Error("the listener was closed"));',
        to: "return () => {};",
        why: "a handshake outlives its listener",
        proof: unit("tls_attacks", "a listener that closes ends the handshakes"),
      },
      {
        in: "begin",
        from: "      if (outcome instanceof Error) eventLoop.defer(() => raw.destroy());\n",
        to: "",
        why: "a failed handshake leaves its connection open",
        hole: 6,
        proof: unit("tls_attacks", "a client that stops after 5 bytes"),
      },
    ],
  },
  {
    file: "adapters/tls/tls.ts",
    proof: unit("tls"),
    bugs: [
      {
        in: "connectOverTls",
        from: "        rejectUnauthorized: true,\n",
        to: "        rejectUnauthorized: false,\n",
        why: "the runtime lets any server pass, and the second look alone stops it",
        proof: unit("tls", "whose certificate is self-signed"),
      },
      {
        in: "connectOverTls",
        from: "wrongName(name, certificate)",
        to: "undefined",
        why: "a server may have any name",
        sample: true,
        proof: unit("tls", "whose certificate has another name"),
      },
      {
        in: "wrongName",
        from: "checkIP(name) === undefined ? wrong : undefined",
        to: "checkIP(name) === undefined ? undefined : undefined",
        why: "a server may have any IPv6 address",
        proof: unit("tls", "checks the name that servername gives"),
      },
      {
        in: "openTls",
        from: "if (registry.handshakeStarted?.(remoteAddress) === false) return",
        to: "if (registry.handshakeStarted?.(remoteAddress) === undefined) return",
        why: "handshakes begin however many there are",
        proof: unit("tls", "a client that handshakeStarted refuses"),
      },
      {
        in: "listenOverTls",
        from: "        handshakes = handshakesOf(tls);\n",
        to: "        handshakesOf(tls);\n",
        why: "a reload changes nothing",
        proof: { on: ["node"], tests: "test/conformance/adapter.test.ts", named: "^node, tls: rule 9: an authority" },
      },
    ],
  },
  {
    file: "adapters/tls/pem.ts",
    proof: unit("tls"),
    bugs: [
      {
        in: "checkedPair",
        from: "if (!certificates.first.checkPrivateKey(block.key))",
        to: "if (block.key === undefined)",
        why: "a key need not fit its certificate",
        proof: unit("tls_certificates", "a listener with the key of another"),
      },
    ],
  },
  {
    file: "adapters/tls/tls.ts",
    bugs: [
      {
        in: "openTls",
        from: "    raw.setKeepAlive(SOCKET_OPTIONS.keepAlive, SOCKET_OPTIONS.keepAliveInitialDelay);\n",
        to: "",
        why: "deno: a client over TLS that lost power is never noticed",
        proof: { on: ["deno"], tests: "test/unit/connect_timeout.test.ts", named: "keepalive is on at both ends" },
      },
    ],
  },
  {
    file: "adapters/tls/handshakes.ts",
    bugs: [
      {
        in: "#objection",
        from: '    if (onDeno && socket.isSessionReused()) return new Error("it resumed a session: connect anew");\n',
        to: "",
        why: "deno: a session of another listener passes the authority",
        proof: {
          on: ["deno"],
          tests: "test/end_to_end/tls_sessions.test.ts",
          named: "sessions, TLSv1.3: a session of a listener with another authority",
        },
      },
    ],
  },
  {
    file: "adapters/tls/tls.ts",
    proof: { on: ["deno"], tests: "test/unit/freed_memory.test.ts" },
    bugs: [
      {
        in: "overTls",
        from: "  keepFreedMemory();\n",
        to: "",
        why: "deno: what a tick over TLS frees goes back to the system, and the next tick takes it anew",
      },
    ],
  },
  {
    file: "adapters/tls/write_rounds.ts",
    proof: unit("write_rounds"),
    bugs: [
      {
        in: "answered",
        from: "    if (round !== this.#round) return;\n",
        to: "",
        why: "deno: a late answer makes room in a round that it does not belong to",
      },
      {
        in: "#end",
        from: "    if (this.#told) return this.#letEnd();\n",
        to: "",
        why: "deno: a round ends though its writes are answered, and twice as much goes out as should",
      },
      {
        in: "#end",
        from: "    this.#taken = 0;\n",
        to: "",
        why: "deno: a few clients over TLS that do not read hold up all others",
        proof: unit("write_rounds", "writers that nothing answers"),
      },
      {
        in: "#tell",
        from: "    this.#letEnd();\n",
        to: "",
        why: "deno: behind a connection that is told and writes nothing, all others wait for ever",
        proof: unit("write_rounds", "has nothing to write"),
      },
      {
        in: "#tell",
        from: "      if (--room === 0) break;\n",
        to: "",
        why: "deno: all that wait are told at once, and come in another order",
      },
    ],
  },
];
