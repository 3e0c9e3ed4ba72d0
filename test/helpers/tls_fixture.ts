/** All that listeners need, in a folder of its own: certificates, a token, and room for a socket. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClientTls } from "../../src/contract/tls.ts";
import { type Authority, makeAuthority, type Pair } from "./certificates.ts";

/** A folder with files for listeners. */
export class TlsFixture implements AsyncDisposable {
  /** The authority that has signed everything. */
  readonly authority: Authority;
  readonly #folder: string;
  readonly #client: Pair;

  /** Use {@link TlsFixture.make}. */
  constructor(folder: string, authority: Authority, client: Pair) {
    this.#folder = folder;
    this.authority = authority;
    this.#client = client;
  }

  /** Makes a folder, an authority, and certificates for a server and a client. */
  static async make(): Promise<TlsFixture> {
    const authority = await makeAuthority("the test's authority");
    const [server, client] = await Promise.all([authority.issue(), authority.issue({ usage: "client" })]);
    const kit = new TlsFixture(await mkdtemp(join(tmpdir(), "mobcast-")), authority, client);
    await kit.write("ca.pem", authority.cert);
    await kit.writePair("server", server);
    await kit.writePair("client", client);
    return kit;
  }

  /** The path of a file. */
  path(name: string): string {
    return join(this.#folder, name);
  }

  /** Writes a file that its owner alone may use. */
  async write(name: string, text: string): Promise<void> {
    await writeFile(this.path(name), text, { mode: 0o600 });
  }

  /** Writes `name.pem` and `name.key`. */
  async writePair(name: string, { cert, key }: Pair): Promise<void> {
    await this.write(`${name}.pem`, cert);
    await this.write(`${name}.key`, key);
  }

  /** The options of a server that asks for client certificates, or of a client of it. */
  flags(who: "server" | "client"): string[] {
    return ["--cert", this.path(`${who}.pem`), "--key", this.path(`${who}.key`), "--ca", this.path("ca.pem")];
  }

  /** What a client in this process connects with. */
  get tls(): ClientTls {
    return { ca: this.authority.cert, ...this.#client };
  }

  /** Removes the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
