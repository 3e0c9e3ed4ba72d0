/**
 * TLS on bare `node:tls`, the same on Node, Bun and Deno: the smallest server that writes to each client once a tick. It checks
 * nothing and limits nothing.
 */

import { readFileSync } from "node:fs";
import process from "node:process";
import { createServer } from "node:tls";
import { listen, take } from "./batches.ts";

const [port, cert, key] = process.argv.slice(2);
const server = createServer({ cert: readFileSync(cert!), key: readFileSync(key!), noDelay: true }, take);
server.on("tlsClientError", () => {});
listen(server, port);
