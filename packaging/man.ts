/** Writes the man page: npm run man. */

import { writeFileSync } from "node:fs";
import { manPage } from "./man_page.ts";

writeFileSync(new URL("mobcast.1", import.meta.url), manPage());
