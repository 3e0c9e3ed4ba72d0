/** For the start, on Bun: a program that opens one listener and greets who comes. */

import process from "node:process";
import { bun } from "./bun.ts";

bun<undefined>().listen({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  socket: { binaryType: "buffer", open: (socket) => void socket.write(new Uint8Array([33])), data() {}, close() {} },
});
