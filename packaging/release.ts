/** Says whether the tag that a workflow runs for can be published: npm run release. */

import { readFileSync } from "node:fs";
import process from "node:process";
import { problemsOf } from "./release_check.ts";

const read = (name: string): string => readFileSync(new URL(`../${name}`, import.meta.url), "utf8");
const problems = problemsOf({
  tag: process.env.GITHUB_REF_NAME ?? "(no tag)",
  repository: process.env.GITHUB_REPOSITORY ?? "(no repository)",
  manifest: read("package.json"),
  changes: read("CHANGELOG.md"),
});
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
