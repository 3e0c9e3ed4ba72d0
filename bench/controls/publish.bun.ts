/** Publish and subscribe of `Bun.serve`: the runtime sends each message to each client. */

import process from "node:process";

/** A connection. */
interface Client {
  subscribe(topic: string): void;
}

/** A running server. */
interface Server {
  readonly port: number;
  upgrade(request: Request): boolean;
  publish(topic: string, data: Uint8Array): number;
}

/** What it is started with. */
interface Options {
  readonly hostname: string;
  readonly port: number;
  fetch(request: Request, server: Server): Response | undefined;
  readonly websocket: {
    readonly idleTimeout: number;
    open(client: Client): void;
    message(client: Client, message: Uint8Array): void;
  };
}

const { Bun } = globalThis as unknown as { Bun: { serve(options: Options): Server } };
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2] ?? 0),
  fetch: (request, server) => server.upgrade(request) ? undefined : new Response(null, { status: 426 }),
  websocket: {
    idleTimeout: 0,
    open: (client) => client.subscribe("mob"),
    message: (_, message) => void server.publish("mob", message),
  },
});
console.log(`listening on ${server.port}`);
