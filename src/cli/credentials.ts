/**
 * Credentials: certificates, keys and secrets, read from files. Their contents are in no log line and no error.
 *
 * @module
 */

import type { ClientTls, ServerTls } from "../contract/tls.ts";
import type { ClientFlags, ListenerFlags } from "./listener_flags.ts";
import { Failure } from "./session.ts";
import type { Terminal } from "./terminal.ts";

/** The mode bits of all users but the owner. */
const OWNER_ONLY = 0o077;

/** Reads files, and warns of secret files that other users may read. */
export class Credentials {
  readonly #terminal: Pick<Terminal, "readFile">;
  readonly #warn: (file: string, mode: string) => void;

  /** Makes a reader of files. `warn` gets the name and the octal mode of an exposed file, each time it is read. */
  constructor(terminal: Pick<Terminal, "readFile">, warn: (file: string, mode: string) => void) {
    this.#terminal = terminal;
    this.#warn = warn;
  }

  /** The certificates of TLS listeners. `cert` and `key` must be set. */
  async forListeners({ cert, key, ca }: ListenerFlags): Promise<ServerTls> {
    return { cert: await this.#read(cert!), key: await this.#readSecret(key!), ca: await this.#readAny(ca) };
  }

  /** The certificates of a TLS client; `undefined` when no option is set. */
  async forClient({ ca, cert, key, servername }: ClientFlags): Promise<ClientTls | undefined> {
    if ([ca, cert, key, servername].every((flag) => flag === undefined)) return undefined;
    return {
      ca: await this.#readAny(ca),
      cert: await this.#readAny(cert),
      key: key === undefined ? undefined : await this.#readSecret(key),
      servername,
    };
  }

  /** The certificates for a bus; `undefined` when there is no file. */
  async forBus(ca?: string, cert?: string, key?: string): Promise<Omit<ClientTls, "servername"> | undefined> {
    const { servername: _, ...tls } = await this.forClient({ ca, cert, key }) ?? {};
    return ca === undefined && cert === undefined ? undefined : tls;
  }

  /**
   * The secret: the first line of its file, without the spaces around it, which an editor may leave unseen.
   * `undefined` when there is no file.
   */
  async secret(file: string | undefined): Promise<string | undefined> {
    if (file === undefined) return undefined;
    const [line = ""] = (await this.#readSecret(file)).split("\n", 1);
    const secret = line.trim();
    if (secret === "") throw new Failure(`Cannot use the secret in ${file}: its first line is empty`);
    return secret;
  }

  /** A user and its password: `USER:PASSWORD` in the first line of the file. `undefined` when there is no file. */
  async user(file: string | undefined): Promise<{ readonly name: string; readonly password: string } | undefined> {
    const line = await this.secret(file);
    if (line === undefined) return undefined;
    const end = line.indexOf(":");
    if (end < 1) throw new Failure(`Cannot use the user in ${file}: its first line is no USER:PASSWORD`);
    return { name: line.slice(0, end), password: line.slice(end + 1) };
  }

  /** A file that is a secret as a whole. `undefined` when there is no file. */
  async whole(file: string | undefined): Promise<string | undefined> {
    return file === undefined ? undefined : await this.#readSecret(file);
  }

  async #readSecret(file: string): Promise<string> {
    const { text, mode } = await this.#terminal.readFile(file);
    if (mode !== undefined && (mode & OWNER_ONLY) !== 0) this.#warn(file, `0${mode.toString(8)}`);
    return text;
  }

  async #read(file: string): Promise<string> {
    return (await this.#terminal.readFile(file)).text;
  }

  async #readAny(file: string | undefined): Promise<string | undefined> {
    return file === undefined ? undefined : await this.#read(file);
  }
}
