/** For the row of start times, on Node: a program that opens one listener and sends a byte to each connection. */

import { createServer } from "node:net";
import process from "node:process";

createServer((socket) => void socket.on("error", () => {}).write("!")).listen(Number(process.argv[2]), "127.0.0.1");
