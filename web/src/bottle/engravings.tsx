/** What labels are printed with: fitted words, rules and frames, a house, a bunch of grapes. */
import type { JSX } from "preact";
import type { Chance } from "./chance.ts";
import { fit } from "./fit.ts";
import type { BottleWine } from "./looks.ts";

interface LinesProps {
  text: string;
  x: number;
  y: number;
  width: number;
  height: number;
  max: number;
  min?: number;
  lines?: number;
  fill: string;
  bold?: boolean;
  caps?: boolean;
  spacing?: number;
  anchor?: "middle" | "start";
}

/** Text fitted into a box whose top middle (or top left) is x, y; centred in the height. */
export function Lines({
  text,
  x,
  y,
  width,
  height,
  max,
  min = 4.5,
  lines = 1,
  fill,
  bold,
  caps,
  spacing = 0,
  anchor = "middle",
}: LinesProps) {
  // German wine words are long enough to need a hyphen on a label.
  const broken = text.replace(/(beeren)(auslese)/gi, "$1- $2");
  const shown = caps ? broken.toUpperCase() : broken;
  const leading = 1.04;
  // Bold letters are a little wider than the measured ones.
  const room = bold ? width * 0.94 : width;
  const fitted = fit(shown, { width: room, height, max, min, lines, spacing, leading });
  const block = fitted.lines.length * fitted.size * leading;
  const first = y + (height - block) / 2 + fitted.size * 0.78;
  return (
    <text
      text-anchor={anchor}
      font-family="var(--serif)"
      font-weight={bold ? 700 : 500}
      font-size={fitted.size.toFixed(2)}
      letter-spacing={spacing ? (spacing * fitted.size).toFixed(2) : undefined}
      fill={fill}
    >
      {fitted.lines.map((line, i) => (
        <tspan key={i} x={x} y={(first + i * fitted.size * leading).toFixed(1)}>
          {line}
        </tspan>
      ))}
    </text>
  );
}

export const year = (wine: BottleWine): string => (wine.vintage ? String(wine.vintage) : "");

/** The line of origin at the foot of a label. */
export function origin(wine: BottleWine): string {
  return wine.appellation || wine.region || wine.country || "";
}

export const Rule = ({ x, y, half, fill }: { x: number; y: number; half: number; fill: string }) => (
  <path
    d={`M${x - half} ${y}H${x - 2.6}M${x + 2.6} ${y}H${x + half}M${x} ${y - 1.5}l1.5 1.5-1.5 1.5-1.5-1.5z`}
    stroke={fill}
    stroke-width="0.5"
    fill={fill}
  />
);

/** A house between trees, different for each winery: the engraving on an old label. */
export function House({
  x,
  y,
  size,
  colour,
  chance,
}: {
  x: number;
  y: number;
  size: number;
  colour: string;
  chance: Chance;
}) {
  const towers = chance.pick([0, 1, 2, 2] as const);
  const wide = chance.between(0.3, 0.42) * size;
  const tall = chance.between(0.2, 0.27) * size;
  const roof = chance.between(0.1, 0.18) * size;
  const windows = chance.pick([3, 4, 5] as const);
  const parts: JSX.Element[] = [];
  const tree = (at: number, high: number) => (
    <path
      d={`M${at} 0c${-high * 0.28}-${high * 0.2} ${-high * 0.22}-${high * 0.8} 0-${high}c${high * 0.22} ${high * 0.2} ${high * 0.28} ${high * 0.8} 0 ${high}z`}
    />
  );
  for (let i = 0; i < windows; i++) {
    const at = -wide + ((i + 0.5) * 2 * wide) / windows;
    parts.push(<path key={i} d={`M${at - 0.8} ${-tall * 0.32}v-${tall * 0.34}h1.6v${tall * 0.34}z`} />);
  }
  const tower = (at: number) => {
    const high = tall * 1.35;
    return (
      <g key={`t${at}`}>
        <path d={`M${at - 2.4} 0V${-high}h4.8V0z`} fill="none" />
        <path d={`M${at - 3.2} ${-high}L${at} ${-high - roof * 1.3}L${at + 3.2} ${-high}z`} />
      </g>
    );
  };
  return (
    <g
      transform={`translate(${x} ${y})`}
      fill={colour}
      stroke={colour}
      stroke-width="0.5"
      stroke-linejoin="round"
    >
      <path d={`M${-size / 2} 0H${size / 2}`} />
      <path d={`M${-wide} 0V${-tall}H${wide}V0z`} fill="none" />
      <path
        d={`M${-wide - 1.4} ${-tall}L${-wide + roof * 0.7} ${-tall - roof}H${wide - roof * 0.7}L${wide + 1.4} ${-tall}z`}
        fill-opacity="0.85"
      />
      {parts}
      {towers > 0 && tower(-wide)}
      {towers > 1 && tower(wide)}
      <g stroke="none" fill-opacity="0.8">
        {tree(-size * 0.45, size * 0.17)}
        {tree(-size * 0.385, size * 0.11)}
        {tree(size * 0.43, size * 0.19)}
      </g>
    </g>
  );
}

/** A bunch of grapes under a leaf. */
export function Grapes({
  x,
  y,
  size,
  colour,
  leaf,
}: {
  x: number;
  y: number;
  size: number;
  colour: string;
  leaf: string;
}) {
  const r = size * 0.105;
  const rows = [4, 3, 3, 2, 1];
  return (
    <g transform={`translate(${x} ${y})`}>
      <path
        d={`M0 0c${-size * 0.04}-${size * 0.12} ${size * 0.02}-${size * 0.2} ${size * 0.1}-${size * 0.26}`}
        fill="none"
        stroke={leaf}
        stroke-width={size * 0.035}
        stroke-linecap="round"
      />
      <path
        d={`M${size * 0.03} ${-size * 0.08}c${size * 0.1}-${size * 0.2} ${size * 0.34}-${size * 0.2} ${size * 0.42}-${size * 0.1}c${-size * 0.06} ${size * 0.04} ${-size * 0.03} ${size * 0.09} ${size * 0.02} ${size * 0.13}c${-size * 0.12} ${size * 0.03} ${-size * 0.14} ${size * 0.12} ${-size * 0.2} ${size * 0.16}c${-size * 0.08}-${size * 0.06} ${-size * 0.2}-${size * 0.06} ${-size * 0.24}-${size * 0.19}z`}
        fill={leaf}
      />
      {rows.map((count, row) =>
        Array.from({ length: count }, (_, i) => (
          <circle
            key={`${row}-${i}`}
            cx={(i - (count - 1) / 2) * r * 1.95 + (row === 2 ? r * 0.3 : 0)}
            cy={r + row * r * 1.6}
            r={r}
            fill={colour}
            fill-opacity={0.72 + 0.28 * (((row + i) % 3) / 2)}
          />
        )),
      )}
    </g>
  );
}

export function Frame({
  w,
  h,
  colour,
  inset = 3,
  double,
}: {
  w: number;
  h: number;
  colour: string;
  inset?: number;
  double?: boolean;
}) {
  return (
    <g fill="none" stroke={colour}>
      <rect x={inset} y={inset} width={w - 2 * inset} height={h - 2 * inset} stroke-width="0.7" />
      {double && (
        <rect
          x={inset + 1.8}
          y={inset + 1.8}
          width={w - 2 * inset - 3.6}
          height={h - 2 * inset - 3.6}
          stroke-width="0.35"
        />
      )}
    </g>
  );
}
