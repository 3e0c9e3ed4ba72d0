/**
 * Operators, accounts and users of NATS, each a key pair with a signed text (JWT): what `nsc` makes, for tests.
 *
 * The claims are those of https://docs.nats.io/running-a-nats-service/nats_admin/security/jwt.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { nkeys } from "@nats-io/transport-node";

type KeyPair = ReturnType<typeof nkeys.createUser>;

const utf8 = new TextEncoder();

/** A text that says something of `subject`, signed by `issuer`. */
function sign(issuer: KeyPair, subject: KeyPair, name: string, nats: object, more: object = {}): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const sub = subject.getPublicKey();
  const claims = { jti: `${name}-${sub}`, iat: 1_700_000_000, iss: issuer.getPublicKey(), name, sub, nats, ...more };
  const body = `${part({ typ: "JWT", alg: "ed25519-nkey" })}.${part(claims)}`;
  return `${body}.${Buffer.from(issuer.sign(utf8.encode(body))).toString("base64url")}`;
}

const NO_LIMITS = { subs: -1, data: -1, payload: -1 };
const NO_MORE = { imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
const STORAGE = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

/** An operator with an account that may have streams. */
export class NatsAuthority {
  readonly #operator: KeyPair = nkeys.createOperator();
  readonly #system: KeyPair = nkeys.createAccount();
  readonly #account: KeyPair = nkeys.createAccount();

  /** Lines of the configuration of a server that trusts it. */
  get lines(): string[] {
    const account = (pair: KeyPair, name: string, limits: object): string => {
      const nats = { type: "account", version: 2, limits, default_permissions: { pub: {}, sub: {} } };
      return `${pair.getPublicKey()}: ${sign(this.#operator, pair, name, nats)}`;
    };
    const operator = sign(this.#operator, this.#operator, "op", {
      type: "operator",
      version: 2,
      system_account: this.#system.getPublicKey(),
    });
    return [
      `operator: ${operator}`,
      `system_account: ${this.#system.getPublicKey()}`,
      "resolver: MEMORY",
      "resolver_preload: {",
      account(this.#system, "SYS", { ...NO_LIMITS, ...NO_MORE }),
      account(this.#account, "APP", { ...NO_LIMITS, ...NO_MORE, ...STORAGE }),
      "}",
    ];
  }

  /** The file of credentials of a new user of the account. `more` claims may end its time: `{ exp: 1 }`. */
  credentials(more: object = {}): string {
    const user = nkeys.createUser();
    const jwt = sign(this.#account, user, "ann", { type: "user", version: 2, ...NO_LIMITS, pub: {}, sub: {} }, more);
    const seed = new TextDecoder().decode(user.getSeed());
    const framed = (what: string, text: string): string =>
      `-----BEGIN ${what}-----\n${text}\n------END ${what}------\n`;
    return `${framed("NATS USER JWT", jwt)}\n${framed("USER NKEY SEED", seed)}`;
  }
}
