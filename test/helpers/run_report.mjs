// What test/run.mjs makes of what the processes of the tests have written and how long they took.

/** How many lines of what failed are shown again at the end, for each file. */
export const SHOWN_AGAIN = 400;

/** A process is slow when it takes so many times as long as the table says, on a machine as busy as this one, and so many seconds more. */
const SLOW = { times: 3, seconds: 10 };

/** The seconds of what `times` of a shell writes: minutes and seconds of user and system, of the shell and of what it has run. */
export function workOf(times) {
  return Array.from(times.matchAll(/(\d+)m([\d.]+)s/g), ([, minutes, seconds]) => 60 * minutes + Number(seconds))
    .reduce((sum, seconds) => sum + seconds, 0);
}

/** What Bun writes of each file, by its name: it has a section for each. */
function sectionsOf(text) {
  const parts = text.split(/^test\/(\S+\.test\.ts):$/m);
  return new Map(parts.flatMap((name, index) => index % 2 === 1 ? [[name, parts[index + 1]]] : []));
}

/** Which of the files that share a process have failed, as far as the runtime tells. */
export function failedIn(text, files) {
  const sections = sectionsOf(text);
  // Node and Deno list what failed at the end.
  const list = text.split(/^(?: ERRORS | FAILURES |✖ failing tests:)$/m).slice(1).join();
  const failed = files.filter((file) =>
    list.includes(`test/${file}`) || /^\(fail\)|^error: /m.test(sections.get(file) ?? "")
  );
  return failed.length > 0 ? failed : files;
}

/** The end of what a process has written, in which is why it failed: of Bun's sections, those of the files that have. */
export function endOf(text, files) {
  const sections = sectionsOf(text);
  const own = failedIn(text, files).filter((file) => sections.has(file));
  const parts = own.length > 0 ? own.map((file) => `test/${file}:${sections.get(file)}`) : [text];
  return parts.map((part) => lastLines(part.trimEnd(), SHOWN_AGAIN)).join("\n");
}

function lastLines(text, count) {
  const lines = text.split("\n");
  if (lines.length <= count) return text;
  return [`(${lines.length - count} lines before)`, ...lines.slice(-count)].join("\n");
}

/** What runs in one process each, the longest first: short files share one, up to so many seconds. */
export function batchesOf(files, secondsOf, most) {
  const batches = [];
  let last = { files: [], seconds: Infinity };
  for (const file of files.toSorted((one, other) => secondsOf(other) - secondsOf(one))) {
    const seconds = secondsOf(file);
    if (last.seconds + seconds > most) batches.push(last = { files: [], seconds: 0 });
    last.files.push(file);
    last.seconds += seconds;
  }
  return batches.map(({ files }) => files);
}

/**
 * Which processes took far longer than the table says. What is not in it begins last, and all wait for it; so a table that is
 * not true costs minutes. On a busy machine everything takes longer: what counts is what takes longer than the others do.
 */
export function slowOf(runs) {
  const ratios = runs.map(({ seconds, said }) => seconds / said).sort((one, other) => one - other);
  const busy = Math.max(1, ratios[ratios.length >> 1] ?? 1);
  return runs.filter(({ seconds, said }) => seconds > SLOW.times * busy * said && seconds > busy * said + SLOW.seconds);
}
