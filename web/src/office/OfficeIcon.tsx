import type { JSX } from "preact";

/* The office's own line icons, on the storefront's 24 grid; here, so that shoppers don't load them. */
const PATHS = {
  overview: "M4 20h16M6.5 16.500v-5M11 16.500V6M15.5 16.500v-8M20 16.500v-3",
  wines: "M10 3.500h4M10.5 3.500v5c0 1.5-2.5 2.5-2.5 5v5.500a1.5 1.5 0 0 0 1.5 1.500h5a1.5 1.5 0 0 0 1.5-1.500V13.500c0-2.5-2.5-3.5-2.5-5v-5M8 14h8",
  orders: "M4 8.5 12 4.500l8 4v8l-8 4-8-4zM4 8.500l8 4 8-4M12 12.500v8M8 6.500l8 4",
  customers: "M9 5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM3 19.500c.4-3.3 2.7-5 6-5s5.6 1.7 6 5M15.5 5.300a3.5 3.5 0 0 1 0 6.400M17.5 14.800c2 .6 3.2 2.2 3.5 4.7",
  messages: "M3.5 6h17v12h-17zM3.5 7l8.5 6.500L20.5 7",
  queues: "M4 6h16M4 12h16M4 18h9M17 15.500v5M14.5 18h5",
  recommendations: "M12 3.500l1.900 5.100 5.100 1.900-5.100 1.900L12 17.500l-1.900-5.100L5 10.500l5.100-1.900zM18.5 15.500v5M16 18h5",
  upload: "M12 15.500V4.500M7.5 9 12 4.5 16.5 9M4.5 15v4.500h15V15",
  undo: "M8.5 5 4.5 9l4 4M4.5 9H14a5 5 0 0 1 0 10h-4",
  copy: "M8.5 8.500h11v11h-11zM15.5 8.500v-4h-11v11h4",
  download: "M12 4.500v11M7.5 11 12 15.500l4.5-4.500M4.5 15v4.500h15V15",
  print: "M7 9V4.500h10V9M7 17H4.500V9h15v8H17M7 14h10v5.500H7z",
  shop: "M5 10v9.500h14V10M3.5 10 5.5 4.500h13L20.5 10zM9.5 19.500V14h5v5.5",
  keyboard: "M3.5 6.500h17v11h-17zM7 10h.1M10.4 10h.1M13.7 10h.1M17 10h.1M8 14h8",
} as const;

export type OfficeIconName = keyof typeof PATHS;

export function OfficeIcon({ name, size = 22 }: { name: OfficeIconName; size?: number }): JSX.Element {
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
