/**
 * A simple drawn map of the countries wine comes from: a few strokes each, true enough to be recognised.
 * Points are rough degrees east and north; Europe shares one sheet, the others have a small one each.
 */
import type { FacetValue } from "../api/types.ts";
import { t } from "../i18n/index.ts";

type Points = ReadonlyArray<readonly [number, number]>;

/** "east,north east,north ..." */
const points = (text: string): Points =>
  text.split(" ").map((pair) => pair.split(",").map(Number) as [number, number]);

interface Land {
  country: string;
  /** Each outline as `points` reads it. */
  shapes: readonly string[];
  /** Where the name stands. */
  at: readonly [number, number];
  /** What catalogues also call it. */
  also?: readonly string[];
}

/* In drawing order: small lands last, so that their names lie over their neighbours. */
const EUROPE: readonly Land[] = [
  {
    country: "Spain",
    at: [-3.4, 40],
    shapes: [
      "-9.2,43.1 -7.9,43.7 -4.5,43.4 -1.8,43.4 0.7,42.8 3.2,42.4 2.2,41.3 0.6,40.6 -0.3,39.4 0.2,38.7 -0.7,37.7 -2.1,36.7 -4.4,36.7 -5.6,36 -6.4,36.8 -7.4,37.2 -7.4,38.3 -7,39.6 -6.9,40.3 -6.2,41.5 -6.5,41.9 -8.9,41.9",
    ],
  },
  {
    country: "France",
    at: [2.4, 46.4],
    shapes: [
      "-1.8,43.4 -1.2,44.6 -1.1,45.9 -2.3,47.2 -4.7,48.1 -4.6,48.6 -1.6,48.7 -1.9,49.7 -1.2,49.4 0.2,49.6 1.6,50.9 2.5,51.1 4.2,50 5.8,49.6 8.2,49 7.6,47.6 6,46.3 7,45.9 7,44.3 7.5,43.8 6.2,43.1 4.8,43.4 3.1,43.1 3.2,42.4 0.7,42.8",
      "8.7,42.6 9.4,43 9.5,42.1 9.1,41.4 8.7,41.8",
    ],
  },
  {
    country: "United Kingdom",
    also: ["England"],
    at: [-1.6, 52.3],
    shapes: [
      "-5.6,50.1 -4.2,51.2 -2.7,51.5 -3.1,53.3 -2.9,54.2 -3.4,54.9 -2,55.7 -0.2,54.1 0.3,53 1.7,52.6 0.9,51.6 1.4,51.2 -1.2,50.7 -3.4,50.4",
    ],
  },
  {
    country: "Germany",
    at: [10.2, 51],
    shapes: [
      "5.9,51 6.1,52.3 7.1,53.5 8.6,53.9 8.7,54.9 9.9,54.8 11,54.2 14.2,53.9 14.7,51.8 15,51 12.1,50.3 13.8,48.7 13,47.6 10.5,47.5 7.6,47.6 8.2,49 6.4,49.4 6.1,50.2",
    ],
  },
  {
    country: "Austria",
    at: [14.3, 47.6],
    shapes: ["9.6,47.4 13,47.6 13.8,48.7 15,49 16.9,48.6 17.1,48 16.3,46.9 14.5,46.4 12.2,46.9 10.4,46.7"],
  },
  {
    country: "Italy",
    at: [11.6, 44.2],
    shapes: [
      "7,45.9 9,45.9 10.4,46.7 12.2,46.9 13.7,46.5 13.6,45.7 12.3,45.3 12.4,44.2 13.6,43.5 14.2,42.4 16.1,41.8 18.4,40.2 18.2,39.9 16.9,40.5 16.5,39.7 17.1,39 16,37.9 15.7,38.2 16.1,39.1 15.6,40.1 14.4,40.7 12.3,41.8 10.6,42.9 10.2,43.9 8.8,44.4 7.5,43.8 7,44.3",
      "12.4,38 15.6,38.2 15.1,36.7 12.6,37.6",
      "8.2,40.9 9.6,41.1 9.6,39.2 8.5,39",
    ],
  },
  {
    country: "Croatia",
    at: [16.6, 44.9],
    shapes: [
      "13.6,45.1 14.6,45.5 15.6,45.8 16.6,46.4 18.8,45.8 18.9,45.1 16.2,45.1 16,44.2 18.4,42.5 15.2,44.1 14.6,45",
    ],
  },
  {
    country: "Hungary",
    at: [19.4, 47.2],
    shapes: ["16.3,46.9 17.1,48 18.8,47.8 20.5,48.5 22.8,48.1 21.2,46.3 18.8,45.9 16.9,46.3"],
  },
  {
    country: "Romania",
    at: [25, 45.8],
    shapes: [
      "20.4,46.1 22.9,48 26.6,48.2 28.2,46.8 28.2,45.4 29.6,45.1 28.6,43.8 25.4,43.7 22.7,44.3 21.4,44.9",
    ],
  },
  {
    country: "Greece",
    at: [22, 39.3],
    shapes: [
      "20.1,39.6 21,40.8 24.4,41.5 26.3,41.3 23.8,40.2 22.9,40.4 23.9,38.2 23.2,37.2 22.8,36.6 21.7,36.9 21.2,38.2",
      "23.6,35.5 26.2,35.2 24.7,34.9",
    ],
  },
  {
    country: "Portugal",
    at: [-8.2, 39.4],
    shapes: [
      "-8.9,41.9 -6.5,41.9 -6.2,41.5 -6.9,40.3 -7,39.6 -7.4,38.3 -7.4,37.2 -8.9,37 -8.8,38.4 -9.5,38.7 -8.9,40.2 -8.7,41.2",
    ],
  },
  {
    country: "Switzerland",
    at: [8.1, 46.7],
    shapes: ["6,46.3 7.6,47.6 9.5,47.5 10.4,46.7 9,45.9 7,45.9"],
  },
];

const AFAR: readonly Land[] = [
  {
    country: "United States",
    also: ["USA", "United States of America"],
    at: [-98, 40],
    shapes: [
      "-124,48 -95,49 -84,46 -82,42 -75,45 -67,47 -70,42 -76,37 -81,31 -80,25.5 -83,30 -90,29.5 -97,26 -103,29.5 -108,31.5 -117,32.5 -121,35 -124,40",
    ],
  },
  {
    country: "Chile",
    at: [-71, -33],
    shapes: [
      "-70.2,-18.3 -68.6,-20 -68.3,-24 -69.8,-28 -70,-34 -71.3,-39 -71.6,-45 -72.5,-50 -69,-52.5 -72,-54 -75,-50 -74,-44 -73.6,-38 -71.5,-32 -70.5,-25",
    ],
  },
  {
    country: "Argentina",
    at: [-65, -34],
    shapes: [
      "-66,-22 -62.5,-22.2 -58,-25 -54,-26 -57.6,-30 -58.3,-34 -57,-37 -62,-39 -65,-42 -66,-46 -69,-52 -72,-50 -71.4,-40 -70,-33 -68.5,-26",
    ],
  },
  {
    country: "Brazil",
    at: [-53, -12],
    shapes: [
      "-60,4.5 -51,4 -48,-1 -35,-6 -39,-17 -48,-27 -53.5,-33.5 -57,-30 -54,-25 -58,-20 -65,-10 -73,-8 -70,1",
    ],
  },
  {
    country: "South Africa",
    at: [24, -30],
    shapes: [
      "16.5,-28.6 20,-28.4 20,-25 23,-25.6 27,-23 31,-22.3 32,-27 30.5,-31 26,-34 20,-34.8 18.3,-34 18,-31.5",
    ],
  },
  {
    country: "Australia",
    at: [134, -26],
    shapes: [
      "114,-22 122,-18 130,-12 136.5,-12 136,-15 140,-17.5 142,-11 146,-19 153,-26 151,-33.5 147,-38 141,-38.4 137,-35 131,-31.5 124,-33 118,-35 115,-34",
      "145,-41 148.2,-41 147,-43.5",
    ],
  },
  {
    country: "New Zealand",
    at: [172, -41],
    shapes: [
      "173,-34.6 175.5,-37 178.4,-37.8 177,-40 175,-41.5 174,-39 174.8,-38",
      "172.8,-40.6 174.2,-41.7 171,-44.5 168.5,-46.6 166.6,-46 170,-43",
    ],
  },
];

type Project = (point: readonly [number, number]) => [number, number];

const path = (shapes: readonly string[], project: Project): string =>
  shapes
    .map((shape) => {
      const drawn = points(shape).map((point) => project(point).map((n) => n.toFixed(1)));
      return `M${drawn.map((pair) => pair.join(" ")).join("L")}Z`;
    })
    .join("");

const europe: Project = ([east, north]) => [(east + 11) * 15.2, (56.2 - north) * 21.5];

/** One land in a square of its own. */
function square(land: Land, size: number): Project {
  const all = land.shapes.flatMap(points);
  const middle = all[0]?.[1] ?? 0;
  const squeeze = Math.cos((Math.abs(middle) * Math.PI) / 180) || 1;
  const xs = all.map(([east]) => east * squeeze);
  const ys = all.map(([, north]) => -north);
  const left = Math.min(...xs);
  const top = Math.min(...ys);
  const wide = Math.max(...xs) - left;
  const high = Math.max(...ys) - top;
  const scale = (size - 4) / Math.max(wide, high);
  return ([east, north]) => [
    (east * squeeze - left) * scale + (size - wide * scale) / 2,
    (-north - top) * scale + (size - high * scale) / 2,
  ];
}

const link = (country: string): string => `/wines?country=${encodeURIComponent(country)}`;

export function RegionMap({ countries }: { countries: readonly FacetValue[] }) {
  const found = (land: Land) =>
    countries.find((one) => one.value === land.country || land.also?.includes(one.value));
  const most = Math.max(1, ...countries.map((one) => one.count));
  const drawn = new Set([...EUROPE, ...AFAR].flatMap((land) => [land.country, ...(land.also ?? [])]));
  const others = countries.filter((one) => !drawn.has(one.value)).slice(0, 8);
  return (
    <div class="map">
      <svg viewBox="0 0 630 462" class="map-sheet" role="group" aria-label={t.home.oldWorld}>
        {EUROPE.map((land) => {
          const here = found(land);
          const wines = here?.count ?? 0;
          const [x, y] = europe(land.at);
          const shape = <path d={path(land.shapes, europe)} class="land" />;
          if (!here)
            return (
              <g key={land.country} class="land-empty">
                {shape}
              </g>
            );
          const big = wines > most * 0.04;
          return (
            <a
              key={land.country}
              href={link(here.value)}
              aria-label={t.home.mapWines(here.value, wines)}
              class="land-link"
              style={{ "--much": (0.22 + 0.6 * Math.sqrt(wines / most)).toFixed(2) }}
            >
              {shape}
              <text x={x} y={y} class={big ? "land-name" : "land-name land-small"}>
                {here.value}
                {big && (
                  <>
                    {" "}
                    <tspan x={x} dy="1.1em" class="land-count">
                      {wines}
                    </tspan>
                  </>
                )}
              </text>
            </a>
          );
        })}
      </svg>
      <ul class="map-afar" aria-label={t.home.newWorld}>
        {AFAR.map((land) => {
          const here = found(land);
          // Until the counts are here everything is drawn, so that little moves when they come.
          if (!here && countries.length) return null;
          return (
            <li key={land.country}>
              <a href={link(here?.value ?? land.country)} class="afar">
                <svg viewBox="0 0 56 56" width="56" height="56" aria-hidden="true">
                  <path d={path(land.shapes, square(land, 56))} class="land" />
                </svg>
                <span>{here?.value ?? land.country}</span>
                <span class="quiet small num">{here?.count ?? "\u00a0"}</span>
              </a>
            </li>
          );
        })}
      </ul>
      {others.length > 0 && (
        <ul class="row map-others">
          {others.map((one) => (
            <li key={one.value}>
              <a href={link(one.value)} class="chip">
                {one.value} <span class="quiet num">{one.count}</span>
              </a>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
