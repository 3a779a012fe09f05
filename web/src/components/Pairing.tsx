/** Small drawings of what a wine goes with, found by the words of the pairing. */
import { Icon } from "./Icon.tsx";

const DRAWINGS: ReadonlyArray<readonly [RegExp, string]> = [
  [
    /cheese|brie|goat's/i,
    "M3.5 13 15 5.5c3 .5 5 2.5 5.5 5.5zM3.5 13v5.5h17V11zM8 15.5v.5M13.5 14.5a1 1 0 1 1 0 2 1 1 0 0 1 0-2zM16 8.5v.4",
  ],
  [
    /shell|oyster|prawn|shrimp|crab|lobster|mussel|clam|scallop/i,
    "M12 19c-5-1.5-8-5.5-8-9.5 2-3 5-4.5 8-4.5s6 1.5 8 4.5c0 4-3 8-8 9.5zM12 19V5M12 19 7 6.5M12 19l5-12.5M9.5 20.5h5",
  ],
  [
    /fish|cod|tuna|salmon|sushi|sashimi|seafood|anchov/i,
    "M3 12c3-4.5 6.5-6 10-6 3 0 5.5 2 6.5 6-1 4-3.5 6-6.5 6-3.5 0-7-1.5-10-6zM19.5 12 22 9v6zM8 11.3v.4M12.5 8.5c1 2.2 1 4.8 0 7",
  ],
  [
    /beef|steak|barbecue|grill|meat|burger|roast|veal|stew/i,
    "M4.5 13c-1-4 3-8 8.5-8 4.5 0 7 2.5 7 6 0 3-2 4-4.5 4.5S12 19 8.5 18.5 5 15.5 4.5 13zM14 8.5a2 2 0 1 1 0 4 2 2 0 0 1 0-4zM8 14.5c1 1 2 1.3 3 1",
  ],
  [
    /lamb|mutton|game|venison|boar|rabbit|hare|goat/i,
    "M14 5.5a4.5 4.5 0 0 1 4.5 4.5c0 3-2.5 5.5-6 5.5L8 18.5M14 5.5c-3 0-5.5 2.5-5.5 6L5.5 16M8 18.5a1.7 1.7 0 1 1-2-1 1.7 1.7 0 1 1-.5-1.5M12 9.5c.5-1 1.5-1.5 2.5-1.5",
  ],
  [
    /pork|ham|sausage|cured|charcut|bacon|chorizo|salami/i,
    "M5 17.5C3.5 16 6 12 10 8.5s8-5.5 9-4.5-.5 5-4.5 9-8 6-9.5 4.5zM8.5 11l4 4M12 8l4 4M4 18.5 2.5 20M20 4.5 21.5 3",
  ],
  [
    /poultry|chicken|duck|turkey|fowl|bird|goose|quail/i,
    "M9 14.5c-3-2-3-6.5 0-9s8-2 9.5 1-.5 7-3.5 8.5c-2 1-4 .8-6-.5zM9 14.5 6 17.5M6 17.5a1.6 1.6 0 1 1-2.5.5 1.6 1.6 0 1 1 2 2 1.6 1.6 0 1 1 .5-2.5zM13 7.5c1.3 0 2.2.7 2.5 2",
  ],
  [/pizza/i, "M3.5 8C8 4.5 16 4.5 20.5 8L12 20.5zM5 10.5c4-3 10-3 14 0M10 12v.4M14 12.5v.4M12 16v.4"],
  [
    /pasta|spaghetti|lasagn|noodle|risotto|rice|tagliatelle|ravioli/i,
    "M4 12h16c0 4-3.5 7-8 7s-8-3-8-7zM7 12c0-3 1-5 2.5-5S12 9 12 12M10.5 12c0-4 1-6.5 2.8-6.5S16 8 16 12M14.5 12c0-2 .8-3.5 2-3.5",
  ],
  [
    /mushroom|truffle/i,
    "M4 12c0-4.5 3.5-7.5 8-7.5s8 3 8 7.5zM9.5 12c.5 2.5.5 4.5-.5 7.5h6c-1-3-1-5-.5-7.5M9 8.5v.4M14.5 8v.4",
  ],
  [
    /vegeta|salad|green|asparag|aubergine|tomato|herb|vegan|pea|lentil|bean/i,
    "M12 20c-5-1.5-7-5-6.5-9.5C9.5 11 12 13.5 12 18M12 20c0-7 2.5-12.5 8-15 1 7-1.5 12-8 15M12 20v-5",
  ],
  [
    /spic|curr|chil|asian|thai|indian|mexican/i,
    "M17 6c1-1.5 2.5-2 3.5-1.5M17.5 6.5c1.5 4-1 9-6 11.5-3 1.5-6 1.5-8 .5 4 .2 7-2.5 8-6C12.5 9 14 6 17.5 6.5z",
  ],
  [
    /chocolat|cake|dessert|pastr|tart|pudding|sweet|cookie|biscuit|caramel/i,
    "M4.5 10.5h15v9h-15zM4.5 14.5c2 1.5 3.5-.5 5 .5s3 1 5 0 3.5 1 5 0M12 10.5V7M12 4c1 1.2 1 2.2 0 3-1-.8-1-1.8 0-3z",
  ],
  [
    /fruit|berr|apple|pear|peach|melon/i,
    "M12 8c-3.5-2-7 0-7 4.5S8.5 20 12 19c3.5 1 7-2 7-6.5S15.5 6 12 8zM12 8c0-2 .8-3.5 2.5-4.5",
  ],
  [
    /nut|almond|olive|aperit|snack|appetizer|tapas|foie|antipast/i,
    "M8.5 8a4.5 5.5 0 1 1 0 11 4.5 5.5 0 0 1 0-11zM8.5 12v2.5M17 5.5a3.5 4.5 0 1 1 0 9 3.5 4.5 0 0 1 0-9zM17 8.5v2",
  ],
];

export function PairingIcon({ name, size = 30 }: { name: string; size?: number }) {
  const drawing = DRAWINGS.find(([words]) => words.test(name));
  if (!drawing) return <Icon name="plate" size={size} />;
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.3"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={drawing[1]} />
    </svg>
  );
}
