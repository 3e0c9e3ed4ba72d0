/**
 * Mutants of what is over TLS.
 *
 * @module
 */

import type { Group } from "./mutant.ts";

/** The bugs of listeners and connections over TLS. */
export const TLS: readonly Group[] = [
  {
    file: "adapters/tls/handshakes.ts",
    proof: { on: ["node"], tests: "test/unit/tls.test.ts" },
    bugs: [
      {
        in: "constructor",
        from: "requestCert: this.#needCertificate,",
        to: "requestCert: false,",
        why: "clients are not asked for a certificate",
        sample: true,
      },
      {
        in: "constructor",
        from: "      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,\n",
        to: "",
        why: "a client may renegotiate again and again",
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
      },
      {
        in: "begin",
        from: 'return () => end(new Error("the listener was closed"));',
        to: "return () => {};",
        why: "a handshake outlives its listener",
      },
      {
        in: "begin",
        from: "      if (outcome instanceof Error) setImmediate(() => raw.destroy());\n",
        to: "",
        why: "a failed handshake leaves its connection open",
      },
    ],
  },
  {
    file: "adapters/tls/tls.ts",
    proof: { on: ["node"], tests: "test/unit/tls.test.ts" },
    bugs: [
      {
        in: "connectOverTls",
        from: "          rejectUnauthorized: true,\n",
        to: "          rejectUnauthorized: false,\n",
        why: "the runtime lets any server pass, and the second look alone stops it",
        proof: { on: ["node"], tests: "test/unit/tls.test.ts" },
      },
      {
        in: "connectOverTls",
        from: "checkServerIdentity(name, certificate)",
        to: "undefined",
        why: "a server may have any name",
        sample: true,
      },
      {
        in: "openTls",
        from: "if (registry.handshakeStarted?.(remoteAddress) === false) return",
        to: "if (registry.handshakeStarted?.(remoteAddress) === undefined) return",
        why: "handshakes begin however many there are",
      },
      {
        in: "listenOverTls",
        from: "      handshakes = await makeHandshakes(tls, surroundings);\n",
        to: "      await makeHandshakes(tls, surroundings);\n",
        why: "a reload changes nothing",
      },
    ],
  },
  {
    file: "adapters/tls/pem.ts",
    proof: { on: ["node"], tests: "test/unit/tls.test.ts" },
    bugs: [
      {
        in: "checkPair",
        from: "if (!own.checkPrivateKey(privateKeyIn(key)))",
        to: "if (privateKeyIn(key) === undefined)",
        why: "a key need not fit its certificate",
      },
    ],
  },
];
