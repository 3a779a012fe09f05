/** The families of labels. Each fills a box of `w` x `h` at the origin; the bottle places and shades it. */
import type { JSX } from "preact";
import { Chance } from "./chance.ts";
import { Frame, Grapes, House, Lines, origin, Rule, year } from "./engravings.tsx";
import { measure } from "./fit.ts";
import type { BottleWine, LabelColours, LabelName } from "./looks.ts";

export interface LabelProps {
  wine: BottleWine;
  colours: LabelColours;
  seed: string;
  w: number;
  h: number;
}

function Estate({ wine, colours: c, seed, w, h }: LabelProps) {
  const chance = new Chance(`estate ${wine.winery}`);
  const mid = w / 2;
  void seed;
  return (
    <>
      <Frame w={w} h={h} colour={c.accent} double />
      <House x={mid} y={h * 0.33} size={w * 0.74} colour={c.soft} chance={chance} />
      <Lines
        text={wine.name}
        x={mid}
        y={h * 0.37}
        width={w - 16}
        height={h * 0.27}
        max={14}
        lines={3}
        fill={c.ink}
        bold
      />
      <Rule x={mid} y={h * 0.68} half={w * 0.3} fill={c.accent} />
      <Lines
        text={year(wine)}
        x={mid}
        y={h * 0.7}
        width={w - 20}
        height={h * 0.11}
        max={10.5}
        fill={c.accent}
        bold
        spacing={0.06}
      />
      <Lines
        text={wine.winery}
        x={mid}
        y={h * 0.815}
        width={w - 18}
        height={h * 0.12}
        max={6.2}
        min={3.6}
        lines={2}
        fill={c.ink}
        caps
        spacing={0.06}
      />
    </>
  );
}

function Monogram({ wine, colours: c, w, h }: LabelProps) {
  const mid = w / 2;
  const letters = wine.winery
    .replace(
      /\b(ch[aâ]teau|domaine|weingut|bodegas?|quinta|tenuta|cantina|maison|clos|the|d[aeiou]s?|di|de la|la|le|les)\b\.?/gi,
      "",
    )
    .trim();
  const first = (letters || wine.winery).charAt(0).toUpperCase();
  const r = w * 0.155;
  const cy = h * 0.2;
  return (
    <>
      <rect x="0" y="-10" width={w} height={h * 0.03 + 10} fill={c.accent} />
      <rect x="0" y={h * 0.97} width={w} height={h * 0.03 + 12} fill={c.accent} />
      <circle cx={mid} cy={cy} r={r} fill="none" stroke={c.accent} stroke-width="0.9" />
      <circle cx={mid} cy={cy} r={r - 1.9} fill={c.accent} />
      <text
        x={mid}
        y={cy + r * 0.43}
        text-anchor="middle"
        font-family="var(--serif)"
        font-weight="700"
        font-size={r * 1.22}
        fill={c.paper}
      >
        {first}
      </text>
      <Lines
        text={wine.winery}
        x={mid}
        y={h * 0.355}
        width={w - 14}
        height={h * 0.11}
        max={6.4}
        min={3.8}
        lines={2}
        fill={c.soft}
        caps
        spacing={0.08}
      />
      <Lines
        text={wine.name}
        x={mid}
        y={h * 0.47}
        width={w - 13}
        height={h * 0.27}
        max={14.5}
        lines={3}
        fill={c.ink}
        bold
      />
      <Rule x={mid} y={h * 0.785} half={w * 0.26} fill={c.accent} />
      <Lines
        text={[origin(wine), year(wine)].filter(Boolean).join("  ·  ")}
        x={mid}
        y={h * 0.82}
        width={w - 14}
        height={h * 0.1}
        max={7}
        min={4}
        fill={c.ink}
        spacing={0.03}
      />
    </>
  );
}

function Modern({ wine, colours: c, seed, w, h }: LabelProps) {
  const chance = new Chance(`modern ${seed}`);
  const top = h * 0.46;
  const turn = chance.pick([0, 1, 2] as const);
  return (
    <>
      <rect y="-10" width={w} height={top + 10} fill={c.accent} />
      {turn === 0 && <circle cx={w * 0.7} cy={top * 0.52} r={w * 0.22} fill={c.paper} fill-opacity="0.9" />}
      {turn === 1 && (
        <path d={`M0 ${top}L${w * 0.45} ${top * 0.18}L${w} ${top}z`} fill={c.paper} fill-opacity="0.88" />
      )}
      {turn === 2 && (
        <g fill={c.paper} fill-opacity="0.88">
          {[0, 1, 2, 3, 4].map((i) => (
            <rect
              key={i}
              x={w * (0.12 + i * 0.165)}
              y={top * (0.62 - 0.1 * ((i * 2 + Math.floor(chance.next() * 3)) % 5))}
              width={w * 0.09}
              height={top}
            />
          ))}
        </g>
      )}
      <rect y={top} width={w} height={h - top} fill={c.paper} />
      <Lines
        text={wine.name}
        x={7}
        y={top + h * 0.03}
        width={w - 14}
        height={h * 0.26}
        max={14}
        lines={3}
        fill={c.ink}
        bold
        anchor="start"
      />
      <Lines
        text={wine.winery}
        x={7}
        y={h * 0.77}
        width={w - 14}
        height={h * 0.09}
        max={6.4}
        min={4}
        fill={c.soft}
        anchor="start"
      />
      <Lines
        text={[year(wine), origin(wine)].filter(Boolean).join("  ")}
        x={7}
        y={h * 0.86}
        width={w - 14}
        height={h * 0.08}
        max={6.4}
        min={4}
        fill={c.accent}
        bold
        anchor="start"
      />
    </>
  );
}

function Hills({ wine, colours: c, seed, w, h }: LabelProps) {
  const chance = new Chance(`hills ${seed}`);
  const sky = h * 0.5;
  const sunX = chance.between(0.25, 0.75) * w;
  const wave = (base: number, swing: number) => {
    const a = base - swing * chance.next();
    const b = base + swing * chance.next();
    return `M0 ${a.toFixed(1)}C${w * 0.3} ${(a - swing).toFixed(1)} ${w * 0.55} ${(b + swing).toFixed(1)} ${w} ${b.toFixed(1)}V${sky}H0z`;
  };
  return (
    <>
      <rect y="-10" width={w} height={sky + 10} fill={c.accent} fill-opacity="0.14" />
      <circle cx={sunX} cy={h * 0.2} r={w * 0.12} fill={c.accent} fill-opacity="0.85" />
      <path d={wave(h * 0.3, h * 0.06)} fill={c.accent} fill-opacity="0.35" />
      <path d={wave(h * 0.37, h * 0.05)} fill={c.accent} fill-opacity="0.62" />
      <path d={wave(h * 0.44, h * 0.04)} fill={c.ink} fill-opacity="0.82" />
      <Lines
        text={wine.name}
        x={w / 2}
        y={sky + h * 0.03}
        width={w - 12}
        height={h * 0.22}
        max={13.5}
        lines={2}
        fill={c.ink}
        bold
      />
      <Lines
        text={wine.winery}
        x={w / 2}
        y={h * 0.76}
        width={w - 14}
        height={h * 0.1}
        max={6}
        min={3.8}
        lines={2}
        fill={c.soft}
        caps
        spacing={0.08}
      />
      <Lines
        text={year(wine)}
        x={w / 2}
        y={h * 0.865}
        width={w - 14}
        height={h * 0.09}
        max={8.5}
        fill={c.accent}
        bold
        spacing={0.08}
      />
    </>
  );
}

function Vine({ wine, colours: c, w, h }: LabelProps) {
  const mid = w / 2;
  return (
    <>
      <Frame w={w} h={h} colour={c.soft} inset={2.6} />
      <Grapes x={mid} y={h * 0.145} size={w * 0.4} colour={c.accent} leaf={c.soft} />
      <Lines
        text={wine.name}
        x={mid}
        y={h * 0.42}
        width={w - 14}
        height={h * 0.26}
        max={14}
        lines={3}
        fill={c.ink}
        bold
      />
      <Lines
        text={wine.winery}
        x={mid}
        y={h * 0.7}
        width={w - 14}
        height={h * 0.11}
        max={6.2}
        min={3.8}
        lines={2}
        fill={c.soft}
        caps
        spacing={0.07}
      />
      <Lines
        text={year(wine)}
        x={mid}
        y={h * 0.82}
        width={w - 14}
        height={h * 0.11}
        max={10}
        fill={c.accent}
        bold
        spacing={0.05}
      />
    </>
  );
}

function Numeral({ wine, colours: c, w, h }: LabelProps) {
  const big = wine.vintage ? String(wine.vintage) : (wine.grapes?.[0] ?? wine.name).slice(0, 2);
  const size = Math.min(h * 0.4, (w - 12) / measure(big));
  return (
    <>
      <Lines
        text={wine.winery}
        x={w / 2}
        y={h * 0.05}
        width={w - 12}
        height={h * 0.12}
        max={6.2}
        min={3.8}
        lines={2}
        fill={c.soft}
        caps
        spacing={0.09}
      />
      <path d={`M6 ${h * 0.19}H${w - 6}M6 ${h * 0.81}H${w - 6}`} stroke={c.ink} stroke-width="0.5" />
      <text
        x={w / 2}
        y={h * 0.19 + h * 0.17 + size * 0.28}
        text-anchor="middle"
        font-family="var(--serif)"
        font-weight="500"
        font-size={size.toFixed(1)}
        fill={c.accent}
      >
        {big}
      </text>
      <Lines
        text={wine.name}
        x={w / 2}
        y={h * 0.55}
        width={w - 12}
        height={h * 0.24}
        max={13}
        lines={2}
        fill={c.ink}
        bold
      />
      <Lines
        text={origin(wine)}
        x={w / 2}
        y={h * 0.83}
        width={w - 12}
        height={h * 0.12}
        max={6.2}
        min={3.8}
        lines={2}
        fill={c.soft}
        spacing={0.04}
      />
    </>
  );
}

function Foil({ wine, colours: c, w, h }: LabelProps) {
  const mid = w / 2;
  return (
    <>
      <Frame w={w} h={h} colour={c.accent} inset={3.2} double />
      <path
        d={`M${mid} ${h * 0.09}l${w * 0.035} ${h * 0.045}-${w * 0.035} ${h * 0.045}-${w * 0.035}-${h * 0.045}z`}
        fill={c.accent}
      />
      <path
        d={`M${mid - w * 0.26} ${h * 0.135}H${mid - w * 0.06}M${mid + w * 0.06} ${h * 0.135}H${mid + w * 0.26}`}
        stroke={c.accent}
        stroke-width="0.6"
      />
      <Lines
        text={wine.winery}
        x={mid}
        y={h * 0.2}
        width={w - 18}
        height={h * 0.13}
        max={6.6}
        min={3.8}
        lines={2}
        fill={c.soft}
        caps
        spacing={0.1}
      />
      <Lines
        text={wine.name}
        x={mid}
        y={h * 0.345}
        width={w - 16}
        height={h * 0.31}
        max={15}
        lines={3}
        fill={c.ink}
        bold
      />
      <Rule x={mid} y={h * 0.71} half={w * 0.28} fill={c.accent} />
      <Lines
        text={year(wine) || origin(wine)}
        x={mid}
        y={h * 0.735}
        width={w - 18}
        height={h * 0.15}
        max={12}
        fill={c.accent}
        bold
        spacing={0.05}
      />
    </>
  );
}

function Arch({ wine, colours: c, w, h }: LabelProps) {
  const mid = w / 2;
  const rise = w * 0.32;
  const d = (inset: number) => {
    const r = w / 2 - inset;
    return `M${inset} ${h - inset}V${rise}C${inset} ${inset - rise * 0.3} ${mid + r} ${inset - rise * 0.3} ${w - inset} ${rise}V${h - inset}z`;
  };
  return (
    <>
      <path d={d(3.4)} fill="none" stroke={c.accent} stroke-width="0.8" />
      <path
        d={`M${mid} ${h * 0.12}c4 4.5 4 9 0 13.5c-4-4.5-4-9 0-13.5zM${mid - 3} ${h * 0.12 + 6}c-6-1-8.5 1.5-9.5 5.5c4.5.8 8-.8 9.5-5.5zM${mid + 3} ${h * 0.12 + 6}c6-1 8.5 1.5 9.5 5.5c-4.5.8-8-.8-9.5-5.5z`}
        fill={c.accent}
      />
      <Lines
        text={wine.winery}
        x={mid}
        y={h * 0.285}
        width={w - 16}
        height={h * 0.11}
        max={6.2}
        min={3.8}
        lines={2}
        fill={c.soft}
        caps
        spacing={0.07}
      />
      <Lines
        text={wine.name}
        x={mid}
        y={h * 0.4}
        width={w - 15}
        height={h * 0.29}
        max={14.5}
        lines={3}
        fill={c.ink}
        bold
      />
      <Lines
        text={year(wine)}
        x={mid}
        y={h * 0.7}
        width={w - 16}
        height={h * 0.12}
        max={10.5}
        fill={c.accent}
        bold
        spacing={0.06}
      />
      <Lines
        text={origin(wine)}
        x={mid}
        y={h * 0.82}
        width={w - 16}
        height={h * 0.1}
        max={6}
        min={3.8}
        lines={2}
        fill={c.soft}
      />
    </>
  );
}

function Stripe({ wine, colours: c, seed, w, h }: LabelProps) {
  const chance = new Chance(`stripe ${seed}`);
  const side = chance.next() < 0.5;
  const band = w * 0.17;
  const x = side ? 0 : w - band;
  const left = side ? band + 5 : 6;
  const room = w - band - 11;
  return (
    <>
      <rect x={x} y="-10" width={band} height={h + 24} fill={c.accent} />
      <text
        transform={`translate(${x + band / 2 + 2.4} ${h - 8}) rotate(-90)`}
        font-family="var(--serif)"
        font-weight="700"
        font-size="8"
        letter-spacing="1.4"
        fill={c.paper}
      >
        {wine.vintage ? String(wine.vintage) : ""}
      </text>
      <Lines
        text={wine.winery}
        x={left}
        y={h * 0.07}
        width={room}
        height={h * 0.16}
        max={6.4}
        min={4}
        lines={2}
        fill={c.soft}
        anchor="start"
      />
      <path d={`M${left} ${h * 0.27}h${room * 0.35}`} stroke={c.accent} stroke-width="1.2" />
      <Lines
        text={wine.name}
        x={left}
        y={h * 0.3}
        width={room}
        height={h * 0.42}
        max={13.5}
        lines={4}
        fill={c.ink}
        bold
        anchor="start"
      />
      <Lines
        text={origin(wine)}
        x={left}
        y={h * 0.8}
        width={room}
        height={h * 0.13}
        max={6}
        min={3.8}
        lines={2}
        fill={c.soft}
        anchor="start"
      />
    </>
  );
}

function Sun({ wine, colours: c, seed, w, h }: LabelProps) {
  const chance = new Chance(`sun ${seed}`);
  const rays = chance.pick([16, 20, 24] as const);
  const mid = w / 2;
  const cy = h * 0.42;
  const r = w * 0.13;
  let d = "";
  for (let i = 0; i <= rays; i++) {
    const angle = Math.PI * (1 + i / rays);
    const far = r * (i % 2 ? 1.75 : 2.25);
    const px = (radius: number) => (mid + Math.cos(angle) * radius).toFixed(1);
    const py = (radius: number) => (cy + Math.sin(angle) * radius).toFixed(1);
    d += `M${px(r * 1.25)} ${py(r * 1.25)}L${px(far)} ${py(far)}`;
  }
  return (
    <>
      <path d={d} stroke={c.accent} stroke-width="1.1" stroke-linecap="round" />
      <path d={`M${mid - r} ${cy}a${r} ${r} 0 0 1 ${2 * r} 0z`} fill={c.accent} />
      <path d={`M7 ${cy + 2.5}H${w - 7}`} stroke={c.ink} stroke-width="0.6" />
      <Lines
        text={wine.name}
        x={mid}
        y={h * 0.47}
        width={w - 12}
        height={h * 0.25}
        max={14}
        lines={2}
        fill={c.ink}
        bold
      />
      <Lines
        text={wine.winery}
        x={mid}
        y={h * 0.73}
        width={w - 14}
        height={h * 0.11}
        max={6}
        min={3.8}
        lines={2}
        fill={c.soft}
        caps
        spacing={0.09}
      />
      <Lines
        text={year(wine)}
        x={mid}
        y={h * 0.85}
        width={w - 14}
        height={h * 0.09}
        max={8.5}
        fill={c.accent}
        bold
        spacing={0.08}
      />
    </>
  );
}

function Oval({ wine, colours: c, w, h }: LabelProps) {
  const mid = w / 2;
  return (
    <>
      <ellipse
        cx={mid}
        cy={h * 0.44}
        rx={w / 2 - 5}
        ry={h * 0.36}
        fill="none"
        stroke={c.accent}
        stroke-width="0.8"
      />
      <ellipse
        cx={mid}
        cy={h * 0.44}
        rx={w / 2 - 6.8}
        ry={h * 0.36 - 1.8}
        fill="none"
        stroke={c.accent}
        stroke-width="0.35"
      />
      <Lines
        text={wine.winery}
        x={mid}
        y={h * 0.17}
        width={w - 30}
        height={h * 0.12}
        max={5.8}
        min={3.6}
        lines={2}
        fill={c.soft}
        caps
        spacing={0.06}
      />
      <Lines
        text={wine.name}
        x={mid}
        y={h * 0.3}
        width={w - 20}
        height={h * 0.27}
        max={13.5}
        lines={3}
        fill={c.ink}
        bold
      />
      <Lines
        text={year(wine)}
        x={mid}
        y={h * 0.59}
        width={w - 30}
        height={h * 0.12}
        max={10}
        fill={c.accent}
        bold
        spacing={0.05}
      />
      <Lines
        text={origin(wine)}
        x={mid}
        y={h * 0.85}
        width={w - 14}
        height={h * 0.1}
        max={6.2}
        min={3.8}
        fill={c.ink}
        caps
        spacing={0.07}
      />
    </>
  );
}

export const LABEL_PARTS: Record<LabelName, (props: LabelProps) => JSX.Element> = {
  estate: Estate,
  monogram: Monogram,
  modern: Modern,
  hills: Hills,
  vine: Vine,
  numeral: Numeral,
  foil: Foil,
  arch: Arch,
  stripe: Stripe,
  sun: Sun,
  oval: Oval,
};
