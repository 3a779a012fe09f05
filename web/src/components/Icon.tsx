import type { JSX } from "preact";

/* Line icons on a 24 grid, drawn for this shop. Decorative: the text beside or the label says what they mean. */
const PATHS = {
  search: "M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM15.3 15.3 20 20",
  basket:
    "M4 9.5h16l-1.7 9a1.5 1.5 0 0 1-1.5 1.2H7.2a1.5 1.5 0 0 1-1.5-1.2zM8 9.5 10.5 4M16 9.5 13.5 4M10 13v3.5M14 13v3.5",
  person: "M12 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM4.5 20c.6-3.8 3.6-5.6 7.5-5.6s6.9 1.8 7.5 5.6",
  close: "M6 6l12 12M18 6 6 18",
  filter: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.8v4.4M9 14.8v4.4",
  check: "M5 12.5l4.5 4.5L19 7.5",
  left: "M14.5 5.5 8 12l6.5 6.5",
  right: "M9.5 5.5 16 12l-6.5 6.5",
  down: "M5.5 9.5 12 16l6.5-6.5",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  bin: "M5 7h14M9.5 7V4.5h5V7M7 7l.8 12.5h8.4L17 7M10.3 10.5v5.5M13.7 10.5v5.5",
  truck:
    "M3 6.5h10.5v10H3zM13.5 10H18l3 3.5v3h-7.5M7 18.8a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6zM17 18.8a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6z",
  glass: "M7.5 3.5h9c.6 4.3.2 9-4.5 9s-5.1-4.7-4.5-9zM12 12.5v7.5M8.5 20h7M7.3 7.5h9.4",
  gift: "M4 10h16v3H4zM5.5 13v7h13v-7M12 10v10M12 10c-4 0-5-2-4.6-3.6C8 4.3 11.3 5 12 10zM12 10c4 0 5-2 4.6-3.6C16 4.3 12.7 5 12 10z",
  cellar: "M4 20V11a8 8 0 0 1 16 0v9M4 20h16M8 20v-8a4 4 0 0 1 8 0v8M8 16h8",
  coin: "M4 4.5h7.5L20 13l-7 7-8.5-8.5zM8 7.2a1.3 1.3 0 1 1 0 2.6 1.3 1.3 0 0 1 0-2.6zM12.5 11l-2 2M15 13.5l-2 2",
  plate:
    "M12 6.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM12 9.8a3.2 3.2 0 1 1 0 6.4 3.2 3.2 0 0 1 0-6.4zM3 4v6M21 4v16",
  sun: "M12 8.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM12 3v2.5M12 18.5V21M3 12h2.5M18.5 12H21M5.6 5.6l1.8 1.8M16.6 16.6l1.8 1.8M5.6 18.4l1.8-1.8M16.6 7.4l1.8-1.8",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
  auto: "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16zM12 4v16M14 6.5h3.6M14 10h5.5M14 14h5.5M14 17.5h3.6",
  mail: "M3.5 6h17v12h-17zM3.5 7l8.5 6.5L20.5 7",
  clock: "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16zM12 7.5V12l3 2",
  alert: "M12 4 21 19.5H3zM12 10v4.5M12 16.8v.4",
  pin: "M12 21c4-5 6-8.2 6-11a6 6 0 1 0-12 0c0 2.8 2 6 6 11zM12 7.8a2.2 2.2 0 1 1 0 4.4 2.2 2.2 0 0 1 0-4.4z",
  list: "M8.5 6.5H20M8.5 12H20M8.5 17.5H20M4 6.5h1M4 12h1M4 17.5h1",
  out: "M13.5 4H5v16h8.5M10 12h10.5M17 8.5l3.5 3.5-3.5 3.5",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 22 }: { name: IconName; size?: number }): JSX.Element {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.6"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
