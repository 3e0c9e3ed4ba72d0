/** The limit on Node: the smallest server that batches as mobcast does. It checks nothing and limits nothing. */

import { createServer } from "node:net";
import process from "node:process";
import { listen, take } from "./batches.ts";

listen(createServer({ noDelay: true }, take), process.argv[2]);
