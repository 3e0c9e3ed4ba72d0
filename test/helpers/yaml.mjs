/** Prints a file in YAML as JSON. A program of Node for tests on any runtime: what reads YAML is here for the build. */

import { readFileSync } from "node:fs";
import { argv } from "node:process";
import { parseYAML } from "confbox/yaml";

console.log(JSON.stringify(parseYAML(readFileSync(argv[2], "utf8"))));
