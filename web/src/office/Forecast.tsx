/** What will be asked for: a bar per wine with its range, and the same figures as a table. */
import { useState } from "preact/hooks";
import { Button } from "../components/parts.tsx";
import { o } from "../i18n/office.ts";
import { count } from "../lib/format.ts";
import { bottlesText, errorsOf, placesOf, rowsOf, type Horizon, type Row } from "./forecast.ts";
import { day } from "./time.ts";
import type { Forecast } from "./types.ts";

const FEW = 8;
const LEAST_WEEKS = 4;
const HORIZONS: readonly Horizon[] = [7, 28];
const locale = navigator.language || "en";
const bottles = (value: number): string => bottlesText(value, locale);

function lasts(one: Forecast): string {
  if (!one.available) return o.forecast.soldOut;
  if (one.days_left === null || !one.runs_out) return o.forecast.lasts;
  if (one.days_left < 1) return o.overview.daysLeft(one.days_left);
  return o.forecast.until(o.overview.daysLeft(one.days_left), day(one.runs_out));
}

function RangeRow({ row, top }: { row: Row; top: number }) {
  const { one, expected } = row;
  const places = placesOf(row, top);
  const soon = one.days_left !== null && one.days_left < 14;
  return (
    <li>
      <p class="spread">
        <a href={`/office/wines/${one.wine_id}`}>{one.name}</a>
        <span class="num range-said">
          <strong>{o.forecast.expected(bottles(expected.bottles))}</strong>
          <span class="small quiet">{o.forecast.range(bottles(expected.low), bottles(expected.high))}</span>
        </span>
      </p>
      <span class="range" aria-hidden="true">
        <span class="range-bar" style={{ width: `${places.bar}%` }} />
        <span class="range-span" style={{ left: `${places.from}%`, width: `${places.width}%` }} />
        {places.stock !== undefined && <span class="range-stock" style={{ left: `${places.stock}%` }} />}
      </span>
      <p class="row-meta num">
        <span class={soon || !one.available ? "bad" : ""}>
          {o.forecast.left(one.available ?? 0)}
          {one.available ? `, ${lasts(one)}` : ""}
        </span>
        {" · "}
        {o.forecast.offBy(bottles(one.error ?? 0), bottles(one.naive_error ?? 0))}
      </p>
    </li>
  );
}

function ForecastTable({ list }: { list: readonly Forecast[] }) {
  const { head } = o.forecast;
  const range = (expected: Forecast["next_7_days"]) =>
    expected ? `${bottles(expected.bottles)} (${o.forecast.range(bottles(expected.low), bottles(expected.high))})` : "–";
  return (
    <div class="chart-table wide-table" tabIndex={0} role="region" aria-label={o.forecast.caption}>
      <table class="grid">
        <caption class="hush">{o.forecast.caption}</caption>
        <thead>
          <tr>
            <th scope="col">{head.wine}</th>
            {[head.week, head.month, head.error, head.naive, head.left, head.lasts].map((name) => (
              <th scope="col" class="figure" key={name}>
                {name}
              </th>
            ))}
            <th scope="col">{head.weeks}</th>
          </tr>
        </thead>
        <tbody>
          {list.map((one) => (
            <tr key={one.wine_id}>
              <th scope="row" class="grows">
                <a class="row-link" href={`/office/wines/${one.wine_id}`}>
                  {one.name}
                </a>
              </th>
              <td class="figure">{range(one.next_7_days)}</td>
              <td class="figure">{range(one.next_28_days)}</td>
              <td class="figure">{one.error === null ? "–" : bottles(one.error)}</td>
              <td class="figure">{one.naive_error === null ? "–" : bottles(one.naive_error)}</td>
              <td class="figure">{one.available === null ? "–" : count(one.available)}</td>
              <td class="figure">{one.days_left === null ? "–" : o.overview.daysLeft(one.days_left)}</td>
              <td class="num nowrap">
                <span class="hush">{o.forecast.weeksSaid(one.weeks.join(", "))}</span>
                <span aria-hidden="true">{one.weeks.join(" ")}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Rest({ list }: { list: readonly Forecast[] }) {
  const short = list.filter((one) => one.state === "too_short").length;
  const unsold = list.filter((one) => one.state === "none_sold").length;
  if (!short && !unsold) return null;
  return (
    <p class="hint">
      {[short && o.forecast.tooShort(short), unsold && o.forecast.noneSold(unsold)].filter(Boolean).join(" ")}
    </p>
  );
}

export function ForecastPanel({ list }: { list: readonly Forecast[] }) {
  const [horizon, setHorizon] = useState<Horizon>(7);
  const [asTable, setAsTable] = useState(false);
  const [all, setAll] = useState(false);
  const rows = rowsOf(list, horizon);
  const top = Math.max(1, ...rows.map(({ expected }) => expected.high));
  const { error, naive } = errorsOf(rows);
  return (
    <section class="card panel chart-card" aria-labelledby="forecast-head">
      <div class="chart-head">
        <h2 id="forecast-head">{o.forecast.title}</h2>
        {rows.length > 0 && !asTable && (
          <fieldset class="pick">
            <legend class="hush">{o.forecast.horizon}</legend>
            {HORIZONS.map((days) => (
              <label key={days} class={`chip${days === horizon ? " chip-on" : ""}`}>
                <input class="hush" type="radio" name="horizon" checked={days === horizon} onChange={() => setHorizon(days)} />
                {o.forecast.days(days)}
              </label>
            ))}
          </fieldset>
        )}
      </div>
      {!rows.length ? (
        <p class="small quiet">
          {o.forecast.none}. {o.forecast.noneText(LEAST_WEEKS)}
        </p>
      ) : (
        <>
          <p class="hint">{o.forecast.text}</p>
          {asTable ? (
            <ForecastTable list={rows.map(({ one }) => one)} />
          ) : (
            <ul class="ranges">
              {(all ? rows : rows.slice(0, FEW)).map((row) => (
                <RangeRow key={row.one.wine_id} row={row} top={top} />
              ))}
            </ul>
          )}
          <p class="hint num">{o.forecast.overall(bottles(error), bottles(naive))}</p>
          <Rest list={list} />
          <div class="row">
            {!asTable && rows.length > FEW && (
              <Button kind="plain" aria-expanded={all} onClick={() => setAll(!all)}>
                {all ? o.forecast.fewer : o.forecast.all(rows.length)}
              </Button>
            )}
            <Button kind="plain" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
              {asTable ? o.overview.asChart : o.overview.asTable}
            </Button>
          </div>
        </>
      )}
    </section>
  );
}
