/**
 * What has to be so before a version is published: nothing of it can be mended afterwards.
 *
 * @module
 */

/** What is known of the version that is about to be published. */
export interface Release {
  /** The tag, `v1.2.3`. */
  readonly tag: string;
  /** The repository where the workflow runs, `owner/name`: npm's provenance has to say the same as package.json. */
  readonly repository: string;
  /** The text of package.json. */
  readonly manifest: string;
  /** The text of CHANGELOG.md. */
  readonly changes: string;
}

/** Why it cannot be published, one sentence for each reason; empty: it can. */
export function problemsOf({ tag, repository, manifest, changes }: Release): string[] {
  const { version, repository: home } = JSON.parse(manifest) as { version: string; repository?: { url?: string } };
  const problems: string[] = [];
  const cannot = (what: string, way: string): void => void problems.push(`Cannot publish ${tag}: ${what}, ${way}`);
  if (tag !== `v${version}`) {
    cannot(`the version in package.json is ${version}`, "make them equal (package.json, deno.json, src/version.ts)");
  }
  const sections = Array.from(changes.matchAll(/^## (\S+)/gm), ([, name]) => name!);
  if (sections[0] !== version) {
    cannot(`CHANGELOG.md begins with ${sections[0] ?? "no section"}`, `name its section ${version}`);
  }
  const url = home?.url ?? "";
  if (!url.replace(/\.git$/, "").endsWith(`/${repository}`)) {
    cannot(
      `repository.url in package.json is ${JSON.stringify(url)}`,
      `set it to that of ${repository}, which npm compares with its provenance`,
    );
  }
  return problems;
}
