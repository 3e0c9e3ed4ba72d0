/**
 * Reads the text format of Prometheus, strictly: what is not in it throws.
 *
 * @module
 */

/** What a text has. */
export interface Metrics {
  /** Families by name. */
  readonly families: ReadonlyMap<string, { readonly help: string; type: string }>;
  /** Values by name and labels, as they are written. */
  readonly samples: ReadonlyMap<string, number>;
}

/** Reads a text. Throws on a line that is none, on a sample without a family, and on what is there twice. */
export function parseMetrics(text: string): Metrics {
  const families = new Map<string, { help: string; type: string }>();
  const samples = new Map<string, number>();
  for (const line of text.trimEnd().split("\n")) {
    const help = /^# HELP (\S+) (.+)$/.exec(line);
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    const sample = /^(([a-z_]+?)(?:_bucket|_sum|_count)?(?:\{.*\})?) (\S+)$/.exec(line);
    if (help) {
      if (families.has(help[1]!)) throw new Error(`twice: ${line}`);
      families.set(help[1]!, { help: help[2]!, type: "" });
    } else if (type) {
      families.get(type[1]!)!.type = type[2]!;
    } else if (sample) {
      if (samples.has(sample[1]!)) throw new Error(`twice: ${line}`);
      if (!families.has(sample[2]!)) throw new Error(`no family: ${line}`);
      const value = sample[3] === "+Inf" ? Infinity : Number(sample[3]);
      if (Number.isNaN(value)) throw new Error(`no number: ${line}`);
      samples.set(sample[1]!, value);
    } else {
      throw new Error(`no metric: ${JSON.stringify(line)}`);
    }
  }
  return { families, samples };
}
