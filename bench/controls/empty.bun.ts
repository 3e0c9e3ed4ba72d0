/** For the row of start times, on Bun: a program that opens one listener and sends a byte to each connection. */

import process from "node:process";
import { bun } from "./bun.ts";

bun<undefined>().listen({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  socket: { binaryType: "buffer", open: (socket) => void socket.write(new Uint8Array([33])), data() {}, close() {} },
});
