/**
 * HTTP: what the core and a runtime agree on for the status listener.
 *
 * @module
 */

import type { ServerTls } from "./tls.ts";

/** Answers a request. */
export type HttpHandler = (request: Request) => Response | Promise<Response>;

/** The options of `Adapter.listenHttp`. */
export interface HttpListenOptions {
  /** Answers the requests that come in. A request has no body: one that announces a body is refused before. */
  readonly handler: HttpHandler;
  /** Whether a client with this address may connect; otherwise its connection is closed at once. */
  readonly allows: (remoteAddress: string) => boolean;
  /** The certificates of an `https:` listener. */
  readonly tls?: ServerTls | undefined;
  /** The mode bits of a Unix socket's file. */
  readonly unixMode?: number | undefined;
}
