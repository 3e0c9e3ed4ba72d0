/** A thread of a campaign: runs the chunks of seeds that it is sent. */

import { parentPort } from "node:worker_threads";
import { runChunk } from "./campaign.ts";

parentPort!.on("message", (work: [number, number, number]) => {
  void runChunk(...work).then((result) => parentPort!.postMessage(result));
});
