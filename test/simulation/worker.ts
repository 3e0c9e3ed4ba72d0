/** A process of a campaign: runs the chunks of seeds that it is sent, until it is sent no more. */

import process from "node:process";
import { runChunk, type Work } from "./campaign.ts";

process.on("message", (work) => {
  void runChunk(...work as Work).then((result) => process.send!(result));
});
