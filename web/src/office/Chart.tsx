/**
 * Revenue as bars. The figure says its sum in words; each bar can be looked at with the pointer, the finger or the
 * arrow keys; and a table with the same figures takes its place on wish.
 */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Button } from "../components/parts.tsx";
import { o } from "../i18n/office.ts";
import { count, minorUnits, money } from "../lib/format.ts";
import { say } from "../lib/signals.ts";
import { barsOf, ticksFor, type Bar } from "./chart.ts";
import { day } from "./time.ts";
import type { Revenue } from "./types.ts";

const HEIGHT = 220;
const EDGE = { top: 12, right: 4, bottom: 26, left: 54 };
const LABEL_ROOM = 76;

function useWidth<E extends HTMLElement>() {
  const ref = useRef<E>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const measure = () => setWidth(Math.round(element.clientWidth));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, width] as const;
}

const shortMoney = (major: number, currency: string): string =>
  new Intl.NumberFormat(navigator.language || "en", {
    style: "currency",
    currency,
    currencyDisplay: "narrowSymbol",
    notation: "compact",
    minimumFractionDigits: 0,
    maximumFractionDigits: major < 10 ? 2 : 1,
  }).format(major);

const whenOf = (bar: Bar): string => (bar.days > 1 ? o.overview.week(day(bar.day, "long")) : day(bar.day, "long"));

interface PlotProps {
  bars: readonly Bar[];
  currency: string;
  width: number;
  chosen: number;
  onChoose: (at: number) => void;
  label: string;
}

function Plot({ bars, currency, width, chosen, onChoose, label }: PlotProps) {
  const units = minorUnits(currency);
  const ticks = ticksFor(Math.max(...bars.map((bar) => bar.amount)) / units);
  const top = ticks[ticks.length - 1] as number;
  const room = { width: width - EDGE.left - EDGE.right, height: HEIGHT - EDGE.top - EDGE.bottom };
  const band = room.width / bars.length;
  const thick = Math.max(1, Math.min(36, band * (bars.length > 45 ? 0.8 : 0.66)));
  const y = (major: number) => EDGE.top + room.height * (1 - major / top);
  const x = (i: number) => EDGE.left + band * (i + 0.5);
  const every = Math.max(1, Math.ceil(LABEL_ROOM / band));
  const at = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const i = Math.floor((event.clientX - box.left - EDGE.left) / band);
    onChoose(i >= 0 && i < bars.length ? i : -1);
  };
  return (
    <svg class="chart" width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} role="img" aria-label={label} onPointerMove={at} onPointerDown={at} onPointerLeave={(event) => event.pointerType === "mouse" && onChoose(-1)}>
      {ticks.map((tick) => (
        <g key={tick}>
          <line class={tick ? "chart-line" : "chart-floor"} x1={EDGE.left} x2={width - EDGE.right} y1={y(tick)} y2={y(tick)} />
          <text class="chart-text" x={EDGE.left - 8} y={y(tick)} dy="0.32em" text-anchor="end">
            {shortMoney(tick, currency)}
          </text>
        </g>
      ))}
      {chosen >= 0 && <rect class="chart-band" x={x(chosen) - band / 2} y={EDGE.top} width={band} height={room.height} />}
      {bars.map((bar, i) => {
        if (!bar.amount) return null;
        const height = Math.max(1.5, room.height * (bar.amount / units / top));
        const last = i === bars.length - 1;
        return (
          <rect
            key={bar.day}
            class={`chart-bar${last ? " chart-today" : ""}${i === chosen ? " chart-on" : ""}`}
            x={x(i) - thick / 2}
            y={EDGE.top + room.height - height}
            width={thick}
            height={height}
            rx={Math.min(3, thick / 3, height / 2)}
          />
        );
      })}
      {bars.map((bar, i) => {
        // Counted from the end, so that today is always named.
        if ((bars.length - 1 - i) % every) return null;
        const edge = i === bars.length - 1 && band < LABEL_ROOM;
        return (
          <text key={bar.day} class="chart-text" x={edge ? width - EDGE.right : x(i)} y={HEIGHT - 7} text-anchor={edge ? "end" : "middle"}>
            {day(bar.day)}
          </text>
        );
      })}
    </svg>
  );
}

function FigureTable({ bars, currency, weekly }: { bars: readonly Bar[]; currency: string; weekly: boolean }) {
  return (
    <div class="chart-table" tabIndex={0} role="region" aria-label={weekly ? o.overview.perWeek : o.overview.perDay}>
      <table class="grid">
        <thead>
          <tr>
            <th scope="col">{weekly ? o.overview.weekHead : o.overview.day}</th>
            <th scope="col" class="figure">
              {o.overview.orders}
            </th>
            <th scope="col" class="figure">
              {o.overview.revenue}
            </th>
          </tr>
        </thead>
        <tbody>
          {[...bars].reverse().map((bar) => (
            <tr key={bar.day}>
              <th scope="row">{day(bar.day, "long")}</th>
              <td class="figure">{count(bar.orders)}</td>
              <td class="figure">{money({ amount: bar.amount, currency })}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function RevenueChart({ revenue, currency }: { revenue: readonly Revenue[]; currency: string }) {
  const bars = useMemo(() => barsOf(revenue), [revenue]);
  const [box, width] = useWidth<HTMLDivElement>();
  const [chosen, setChosen] = useState(-1);
  const [asTable, setAsTable] = useState(false);
  const weekly = bars.some((bar) => bar.days > 1);
  const total = bars.reduce((sum, bar) => sum + bar.amount, 0);
  const orders = bars.reduce((sum, bar) => sum + bar.orders, 0);
  const best = bars.reduce((high, bar) => (bar.amount > high.amount ? bar : high), bars[0] as Bar);
  const amount = (minor: number) => money({ amount: minor, currency });
  const words = (bar: Bar) => o.overview.bar(whenOf(bar), amount(bar.amount), bar.orders);
  const bar = bars[chosen];
  const onKey = (event: KeyboardEvent) => {
    const moves: Record<string, number> = { ArrowLeft: chosen < 0 ? bars.length - 1 : chosen - 1, ArrowRight: chosen + 1, Home: 0, End: bars.length - 1, Escape: -1 };
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = event.key === "Escape" ? -1 : Math.min(bars.length - 1, Math.max(0, to));
    setChosen(next);
    const told = bars[next];
    if (told) say(words(told));
  };
  const summary = o.overview.summary(
    amount(total),
    orders,
    day(bars[0]?.day ?? "", "long"),
    day(revenue[revenue.length - 1]?.day ?? "", "long"),
    o.overview.best(whenOf(best), amount(best.amount)),
  );
  return (
    <figure class="card panel chart-card">
      <figcaption class="chart-head">
        <h2>{weekly ? o.overview.perWeek : o.overview.perDay}</h2>
        <p class="small num chart-read" aria-hidden="true">
          {bar ? words(bar) : total ? o.overview.best(whenOf(best), amount(best.amount)) : ""}
        </p>
      </figcaption>
      <div ref={box} class="chart-box" hidden={asTable} tabIndex={total ? 0 : -1} role="group" aria-label={o.overview.chartKeys} onKeyDown={onKey}>
        {!total ? <p class="chart-none quiet">{o.overview.nothing}</p> : width > 0 && <Plot bars={bars} currency={currency} width={width} chosen={chosen} onChoose={setChosen} label={summary} />}
      </div>
      {asTable && <FigureTable bars={bars} currency={currency} weekly={weekly} />}
      {total > 0 && (
        <div>
          <Button kind="plain" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
            {asTable ? o.overview.asChart : o.overview.asTable}
          </Button>
        </div>
      )}
    </figure>
  );
}
