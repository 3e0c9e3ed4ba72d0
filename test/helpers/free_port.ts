/**
 * A port for a program that cannot choose one itself and say which.
 *
 * @module
 */

import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
