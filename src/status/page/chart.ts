/**
 * A line chart of a rate over time.
 *
 * @module
 */

import { roundRate, roundTime } from "../figures.ts";
import { make, makeSvg, setAttribute, setText } from "./dom.ts";

/** One value of a line; `undefined` is a gap. */
export interface Point {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly value: number | undefined;
}

/** The box that is drawn in; it is stretched to the space that there is. */
const [WIDTH, HEIGHT] = [1000, 100];

/** Into how many parts it is divided, from left to right. */
const PARTS = 4;

/** Points that are further apart, in milliseconds, have a gap between them. */
const GAP = 4000;

/** A chart of one rate. */
export class Chart {
  readonly #name: string;
  readonly #now: HTMLElement;
  readonly #top: HTMLElement;
  readonly #middle: HTMLElement;
  readonly #picture: SVGElement;
  readonly #line: SVGElement;
  readonly #area: SVGElement;
  readonly #cursor: SVGElement;
  readonly #times: readonly HTMLElement[];
  #points: readonly Point[] = [];
  #end = 0;
  #span = 1;

  /** Puts a chart into an element. A person who points into it is told what was there. */
  constructor(place: HTMLElement, name: string, tell: (text: string) => void) {
    this.#name = name;
    this.#now = make("span");
    this.#top = make("span");
    this.#middle = make("span");
    this.#line = makeSvg("path", { class: "line" });
    this.#area = makeSvg("path", { class: "area" });
    this.#cursor = makeSvg("path", { class: "cursor" });
    const grid = makeSvg("path", { class: "grid", d: `M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}${parts()}` });
    const box = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" };
    this.#picture = makeSvg("svg", box, grid, this.#area, this.#line, this.#cursor);
    const plot = make("div", { class: "plot" }, this.#picture, this.#top, this.#middle);
    this.#top.style.top = "0";
    this.#middle.style.top = "50%";
    this.#times = Array.from({ length: PARTS + 1 }, () => make("span"));
    const times = make("div", { class: "times" }, ...this.#times);
    place.append(make("h3", {}, make("span", {}, name), this.#now), plot, times);
    plot.addEventListener("pointermove", ({ clientX }) => tell(this.#pointAt(clientX)));
    plot.addEventListener("pointerleave", () => {
      setAttribute(this.#cursor, "d", undefined);
      tell("");
    });
  }

  /** Draws the values of the `span` milliseconds before `end`. */
  draw(points: readonly Point[], end: number, span: number): void {
    [this.#points, this.#end, this.#span] = [points, end, span];
    this.#times.forEach((time, index) => setText(time, ago(span * (1 - index / PARTS))));
    const values = points.map(({ value }) => value).filter((value) => value !== undefined);
    const most = ceiling(Math.max(2, ...values));
    setText(this.#top, short(most));
    setText(this.#middle, short(most / 2));
    const runs = runsOf(points).map((run) =>
      run.map(({ at, value }) => `${this.#x(at).toFixed(1)} ${(HEIGHT - HEIGHT * value! / most).toFixed(2)}`)
    );
    setAttribute(this.#line, "d", runs.map((run) => `M${run.join("L")}`).join(""));
    const areas = runs.map((run) => `M${x(run[0]!)} ${HEIGHT}L${run.join("L")}L${x(run.at(-1)!)} ${HEIGHT}Z`);
    setAttribute(this.#area, "d", areas.join(""));
    const last = points.at(-1)?.value;
    setText(this.#now, last === undefined ? "" : roundRate(last));
    const range = `between ${roundRate(Math.min(...values))} and ${roundRate(Math.max(...values))}`;
    const said = values.length === 0 ? "no values yet" : `${range}, at the end ${roundRate(values.at(-1)!)}`;
    setAttribute(this.#picture, "aria-label", `${this.#name} in the last ${roundTime(span)}: ${said}`);
  }

  #x(at: number): number {
    return WIDTH * (1 - (this.#end - at) / this.#span);
  }

  #pointAt(clientX: number): string {
    const { left, width } = this.#picture.getBoundingClientRect();
    const at = this.#end - this.#span * (1 - (clientX - left) / width);
    const known = this.#points.filter(({ value }) => value !== undefined);
    const distance = (point: Point): number => Math.abs(point.at - at);
    const nearest = known.reduce<Point | undefined>(
      (best, point) => best && distance(best) <= distance(point) ? best : point,
      undefined,
    );
    if (nearest === undefined) return "";
    setAttribute(this.#cursor, "d", `M${this.#x(nearest.at).toFixed(1)} 0V${HEIGHT}`);
    return `${timeOf(nearest.at)}: ${roundRate(nearest.value!)} ${this.#name.toLowerCase()}`;
  }
}

/** The time of day, as the browser's people write it. */
export function timeOf(at: number): string {
  return new Date(at).toLocaleTimeString(undefined, { hour12: false });
}

function x(pair: string): string {
  return pair.split(" ")[0]!;
}

function parts(): string {
  return [1, 2, 3].map((part) => `M${WIDTH * part / PARTS} 0V${HEIGHT}`).join("");
}

/** Runs of points without a gap. */
function runsOf(points: readonly Point[]): Point[][] {
  const runs: Point[][] = [];
  let last: Point | undefined;
  for (const point of points) {
    if (point.value !== undefined) {
      if (last && point.at - last.at <= GAP) runs.at(-1)!.push(point);
      else runs.push([point]);
    }
    last = point.value === undefined ? undefined : point;
  }
  return runs;
}

/** A moment on the axis of time. */
function ago(milliseconds: number): string {
  if (milliseconds === 0) return "now";
  return milliseconds % 60_000 === 0 ? `−${milliseconds / 60_000} min` : `−${milliseconds / 1000} s`;
}

/** A round number on the axis of values: `2 M`. */
function short(value: number): string {
  return roundRate(value).replace(/\.?0+(?= )|\.0$/, "");
}

/** The next of 1, 2, 4, 6, 8, 10 times a power of ten. */
function ceiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 4, 6, 8, 10].find((step) => value <= step * power)!;
}
