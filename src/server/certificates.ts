/**
 * The certificates of TLS listeners: what gives them, and that they are shown anew. Loaded with the first of them.
 *
 * @module
 */

import type { ServerTls, TlsSource } from "../contract/tls.ts";
import { describe } from "../errors.ts";
import type { Listener } from "./listener.ts";
import { isServerTls } from "./mob_options.ts";

/** The source of the certificates of each listener. */
export class CertificateSources {
  readonly #sources: Map<Pick<Listener, "reload">, TlsSource> = new Map();

  /** A listener has its certificates from this source. */
  add(listener: Pick<Listener, "reload">, source: TlsSource): void {
    this.#sources.set(listener, source);
  }

  /** The certificates that a source gives now. Rejects with a `TypeError` when they are none. */
  async get(tls: TlsSource | undefined): Promise<ServerTls> {
    if (!tls) throw new TypeError("a listener over TLS needs certificates: give tls: { cert, key }");
    if (typeof tls !== "function") return tls;
    const made = await tls();
    isServerTls("tls", made);
    return made;
  }

  /** Forgets all listeners. */
  clear(): void {
    this.#sources.clear();
  }

  /** Gets the certificates again, and shows them at every listener: see `Mob.reload`. */
  async reload(): Promise<void> {
    try {
      const sources = [...new Set(this.#sources.values())];
      // Every source has answered before the first listener takes its certificates.
      const certificates = new Map(
        await Promise.all(sources.map(async (source) => [source, await this.get(source)] as const)),
      );
      for (const [listener, source] of this.#sources) await listener.reload(certificates.get(source)!);
    } catch (cause) {
      throw describe("Cannot reload the certificates", cause);
    }
  }
}
