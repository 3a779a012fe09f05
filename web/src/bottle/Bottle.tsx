/**
 * The drawn bottle that stands in for a photograph: an SVG in a box of 120 x 404, made from the wine alone.
 * Its light comes from the left, in both themes; the glass is dark, so a plinth lighter than it belongs behind.
 */
import type { JSX } from "preact";
import { useId } from "preact/hooks";
import { memo } from "./memo.ts";
import { LABEL_PARTS } from "./labels.tsx";
import { lookOf, type BottleWine, type Look } from "./looks.ts";
import { CENTRE, FLOOR, edge, outline, type Shape } from "./shapes.ts";

interface BottleProps {
  wine: BottleWine;
  /** Given, the drawing is an image with this name; without, it is decoration. */
  label?: string;
  class?: string;
}

function Capsule({ look, id }: { look: Look; id: string }) {
  const { shape, capsule } = look;
  const fill = `url(#${id}c)`;
  const n = shape.neck;
  const end = shape.capsuleEnd;
  const top = shape.profile.start[1];
  const band = "#000";
  switch (capsule.kind) {
    case "champagne":
      return (
        <g>
          <path
            d={`M${CENTRE - 11} 13C${CENTRE - 12} 5 ${CENTRE + 12} 5 ${CENTRE + 11} 13L${CENTRE + 16.4} 21V31L${CENTRE + 14} 34C${CENTRE + 14} 70 ${CENTRE + 15.6} 92 ${CENTRE + 19.6} 112l-4.6 5.6-5.4-3.2-4.8 4.4-5-3.6-5.2 3.8-4.6-4.4-5.4 3-4.6-5.6C${CENTRE - 15.6} 92 ${CENTRE - 14} 70 ${CENTRE - 14} 34L${CENTRE - 16.4} 31V21z`}
            fill={fill}
          />
          <path
            d={`M${CENTRE - 16.4} 26H${CENTRE + 16.4}M${CENTRE - 14.6} 33H${CENTRE + 14.6}`}
            stroke={band}
            stroke-opacity="0.28"
            stroke-width="0.9"
          />
          <path
            d={`M${CENTRE - 14.2} 66H${CENTRE + 14.2}L${CENTRE + 16} 94C${CENTRE + 6} 97 ${CENTRE - 6} 97 ${CENTRE - 16} 94z`}
            fill={look.colours.paper}
          />
          <path
            d={`M${CENTRE - 14.6} 70H${CENTRE + 14.6}M${CENTRE - 15.8} 90.5C${CENTRE - 6} 93 ${CENTRE + 6} 93 ${CENTRE + 15.8} 90.5`}
            stroke={look.colours.accent}
            stroke-width="0.8"
            fill="none"
          />
          <path d={`M${CENTRE} 73.5l1.9 4.9 5 2-5 2-1.9 4.9-1.9-4.9-5-2 5-2z`} fill={look.colours.accent} />
          <path
            d={`M${CENTRE - 14.2} 66H${CENTRE + 14.2}L${CENTRE + 16} 94C${CENTRE + 6} 97 ${CENTRE - 6} 97 ${CENTRE - 16} 94z`}
            fill={`url(#${id}s)`}
          />
        </g>
      );
    case "stopper":
      return (
        <g>
          <path d={`M${CENTRE - 9} ${top + 1}V${top - 4}H${CENTRE + 9}V${top + 1}z`} fill="#b98d5a" />
          <path d={`M${CENTRE - 14.5} ${top - 18}q0-3 3-3h23q3 0 3 3v12q0 3-3 3h-23q-3 0-3-3z`} fill={fill} />
        </g>
      );
    case "screw":
      return (
        <g>
          <path
            d={`M${CENTRE - n - 1.4} ${top}q0-3 3-3h${2 * n - 3.2}q3 0 3 3V${end - 12}H${CENTRE - n - 1.4}z`}
            fill={fill}
          />
          <path
            d={`M${CENTRE - n - 1.4} ${top + 7}H${CENTRE + n + 1.4}M${CENTRE - n - 1.4} 38.5H${CENTRE + n + 1.4}M${CENTRE - n - 1.4} 41H${CENTRE + n + 1.4}`}
            stroke={band}
            stroke-opacity="0.3"
            stroke-width="0.8"
          />
        </g>
      );
    case "wax":
      return (
        <path
          d={`M${CENTRE - n - 1} ${top + 2}C${CENTRE - n - 1} ${top - 5} ${CENTRE + n + 1} ${top - 5} ${CENTRE + n + 1} ${top + 2}L${CENTRE + n + 2} ${top + 12}l-1 3V${end - 24}q-1.6 9-4.4 1t-4.8 6q-3 9-5.6-2t-4.6 4q-3.6 8-4.6-6z`}
          fill={fill}
        />
      );
    default:
      return (
        <g>
          <path
            d={`M${CENTRE - n + 0.4} ${top - 1.5}q0-1.5 1.5-1.5h${2 * n - 3.8}q1.5 0 1.5 1.5l1.6 1V${top + 10.5}L${CENTRE + n} ${top + 13}L${CENTRE + n + 0.9} ${end}H${CENTRE - n - 0.9}L${CENTRE - n} ${top + 13}L${CENTRE - n - 1.2} ${top + 10.5}V${top - 0.5}z`}
            fill={fill}
          />
          <path
            d={`M${CENTRE - n - 1} ${end - 5}H${CENTRE + n + 1}M${CENTRE - n} ${top + 13.5}H${CENTRE + n}`}
            stroke={band}
            stroke-opacity="0.3"
            stroke-width="0.8"
          />
          <path
            d={`M${CENTRE - n - 1} ${end - 8}H${CENTRE + n + 1}`}
            stroke="#fff"
            stroke-opacity="0.3"
            stroke-width="0.6"
          />
        </g>
      );
  }
}

/** The label's edge on the glass: its top and bottom bend a little, as paper on a cylinder seen from above. */
function labelEdge(shape: Shape, label: Look["label"], x: number, y: number, w: number, h: number): string {
  const bend = shape.half * 0.06;
  const bottom = `V${y + h}Q${x + w / 2} ${y + h + 2 * bend} ${x} ${y + h}`;
  if (label === "arch") {
    const rise = w * 0.32;
    return `M${x} ${y + rise}C${x} ${y - rise * 0.36} ${x + w} ${y - rise * 0.36} ${x + w} ${y + rise}${bottom}z`;
  }
  return `M${x} ${y}Q${x + w / 2} ${y + 2 * bend} ${x + w} ${y}${bottom}z`;
}

function Drawing({ wine, label, class: extra }: BottleProps): JSX.Element {
  const id = useId().replace(/[^a-zA-Z0-9]/g, "b");
  const look = lookOf(wine);
  const { shape, glass, colours } = look;
  const body = outline(shape);
  const Label = LABEL_PARTS[look.label];
  const width = shape.half * 2 * 0.9;
  const x = CENTRE - width / 2;
  const y = shape.labelTop;
  const height = shape.labelBottom - shape.labelTop;
  const liquid = glass.wine ?? glass;
  const named = label ? { role: "img" as const, "aria-label": label } : { "aria-hidden": true as const };
  return (
    <svg viewBox="0 0 120 404" class={extra} focusable="false" {...named}>
      <defs>
        <linearGradient id={`${id}g`}>
          <stop offset="0" stop-color={liquid.dark} />
          <stop offset="0.14" stop-color={liquid.mid} />
          <stop offset="0.26" stop-color={liquid.light} />
          <stop offset="0.42" stop-color={liquid.mid} />
          <stop offset="0.8" stop-color={liquid.dark} />
          <stop offset="0.93" stop-color={liquid.mid} />
          <stop offset="1" stop-color={liquid.dark} />
        </linearGradient>
        <linearGradient id={`${id}c`}>
          <stop offset="0" stop-color={shade(look.capsule.colour, -0.55)} />
          <stop offset="0.2" stop-color={look.capsule.colour} />
          <stop offset="0.32" stop-color={shade(look.capsule.colour, 0.5)} />
          <stop offset="0.5" stop-color={look.capsule.colour} />
          <stop offset="0.9" stop-color={shade(look.capsule.colour, -0.5)} />
          <stop offset="1" stop-color={shade(look.capsule.colour, -0.25)} />
        </linearGradient>
        <linearGradient id={`${id}s`}>
          <stop offset="0" stop-color="#2a1a08" stop-opacity="0.3" />
          <stop offset="0.12" stop-color="#2a1a08" stop-opacity="0.05" />
          <stop offset="0.28" stop-color="#fff" stop-opacity="0.16" />
          <stop offset="0.52" stop-color="#2a1a08" stop-opacity="0" />
          <stop offset="0.82" stop-color="#2a1a08" stop-opacity="0.16" />
          <stop offset="1" stop-color="#2a1a08" stop-opacity="0.44" />
        </linearGradient>
        <linearGradient id={`${id}d`} x2="0" y2="1">
          <stop offset="0.55" stop-color="#000" stop-opacity="0" />
          <stop offset="1" stop-color="#000" stop-opacity={glass.wine ? 0.16 : 0.38} />
        </linearGradient>
        <radialGradient id={`${id}f`}>
          <stop offset="0" stop-color="#1a0f06" stop-opacity="0.5" />
          <stop offset="0.6" stop-color="#1a0f06" stop-opacity="0.2" />
          <stop offset="1" stop-color="#1a0f06" stop-opacity="0" />
        </radialGradient>
        {glass.wine && (
          <clipPath id={`${id}w`}>
            <rect x="0" y={shape.level} width="120" height="404" />
          </clipPath>
        )}
        <clipPath id={`${id}l`}>
          <path d={labelEdge(shape, look.label, x, y, width, height)} />
        </clipPath>
      </defs>
      <g
        transform={`translate(${(CENTRE * (1 - look.scale)).toFixed(2)} ${(FLOOR * (1 - look.scale)).toFixed(2)}) scale(${look.scale})`}
      >
        <ellipse cx={CENTRE + 3} cy={FLOOR - 0.5} rx={shape.half * 1.28} ry="7" fill={`url(#${id}f)`} />
        {glass.wine ? (
          <>
            <path
              d={body}
              fill={glass.mid}
              fill-opacity="0.62"
              stroke={glass.dark}
              stroke-opacity="0.55"
              stroke-width="0.8"
            />
            <path d={body} fill={`url(#${id}g)`} clip-path={`url(#${id}w)`} />
            <path
              d={`M${CENTRE - shape.half + 4} ${FLOOR - 4}h${shape.half * 2 - 8}`}
              stroke="#fff"
              stroke-opacity="0.5"
              stroke-width="2.4"
              stroke-linecap="round"
            />
          </>
        ) : (
          <path d={body} fill={`url(#${id}g)`} />
        )}
        <path d={body} fill={`url(#${id}d)`} />
        <g fill="none" stroke="#fff" stroke-linecap="round">
          <path d={edge(shape, 0.7, -1)} stroke-width="7" stroke-opacity={glass.wine ? 0.22 : 0.09} />
          <path d={edge(shape, 0.72, -1)} stroke-width="2.6" stroke-opacity={glass.wine ? 0.5 : 0.3} />
          <path d={edge(shape, 0.93, 1)} stroke-width="1.6" stroke-opacity="0.22" />
        </g>
        <Capsule look={look} id={id} />
        <g clip-path={`url(#${id}l)`}>
          <rect x={x} y={y - 8} width={width} height={height + 20} fill={colours.paper} />
          <g transform={`translate(${x} ${y + 2.6})`}>
            <Label wine={wine} colours={colours} seed={look.seed} w={width} h={height - 1} />
          </g>
          <rect x={x} y={y - 8} width={width} height={height + 20} fill={`url(#${id}s)`} />
        </g>
        <path
          d={edge(shape, 0.74, -1)}
          fill="none"
          stroke="#fff"
          stroke-width="3"
          stroke-opacity="0.1"
          stroke-linecap="round"
        />
      </g>
    </svg>
  );
}

/** A colour towards white (amount > 0) or black (amount < 0). */
function shade(colour: string, amount: number): string {
  const value = Number.parseInt(colour.slice(1), 16);
  const towards = amount > 0 ? 255 : 0;
  const part = Math.abs(amount);
  const mix = (shift: number) => {
    const channel = (value >> shift) & 255;
    return Math.round(channel + (towards - channel) * part);
  };
  return `rgb(${mix(16)} ${mix(8)} ${mix(0)})`;
}

/** Drawn once per wine: nothing else changes it. */
export const Bottle = memo(
  Drawing,
  (before, after) => before.wine === after.wine && before.class === after.class,
);
