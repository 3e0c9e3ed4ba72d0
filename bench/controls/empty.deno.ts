/** For the row of start times, on Deno: a program that opens one listener and sends a byte to each connection. */

import { deno } from "./deno.ts";

const listener = deno().listen({ hostname: "127.0.0.1", port: Number(deno().args[0]), tcpBacklog: 4096 });
for (;;) await (await listener.accept()).write(new Uint8Array([33]));
