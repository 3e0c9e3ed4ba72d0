import type { Section } from "./table.ts";
export function drawChart(_sections: readonly Section[]): string | undefined {
  return undefined;
}
