/**
 * Outlines of bottles. All stand on y = 396 around x = 60 in a box of 120 x 404; a 75 cl Bordeaux bottle
 * is 384 high. A profile is the right edge from the mouth down, as half widths; the left one mirrors it.
 */
export type ShapeName = "bordeaux" | "burgundy" | "flute" | "sparkling" | "port" | "slim" | "provence";

export const CENTRE = 60;
export const FLOOR = 396;

type Point = readonly [number, number];
/** A straight line to a point, or a cubic curve by two controls to a point. */
type Segment = readonly [Point] | readonly [Point, Point, Point];

interface Profile {
  start: Point;
  segments: readonly Segment[];
}

export interface Shape {
  name: ShapeName;
  profile: Profile;
  /** Half width where the label sits, and the room for it. */
  half: number;
  labelTop: number;
  labelBottom: number;
  /** Where a capsule ends, and the half width of the neck there. */
  capsuleEnd: number;
  neck: number;
  /** Where the wine stands in a clear bottle. */
  level: number;
  stopper?: boolean;
}

const lip = (half: number): Segment[] => [[[half + 1.6, 13]], [[half + 1.6, 22]], [[half, 24.5]]];

const foot = (half: number): Segment[] => [
  [[half, FLOOR - 8]],
  [
    [half, FLOOR - 3],
    [half - 3, FLOOR],
    [half - 8, FLOOR],
  ],
];

export const SHAPES: Record<ShapeName, Shape> = {
  bordeaux: {
    name: "bordeaux",
    profile: {
      start: [12, 12],
      segments: [
        ...lip(12),
        [[12.6, 104]],
        [
          [13, 134],
          [44.5, 126],
          [44.5, 166],
        ],
        ...foot(44.5),
      ],
    },
    half: 44.5,
    labelTop: 206,
    labelBottom: 352,
    capsuleEnd: 92,
    neck: 12.5,
    level: 74,
  },
  burgundy: {
    name: "burgundy",
    profile: {
      start: [12, 14],
      segments: [
        ...lip(12),
        [[12.6, 82]],
        [
          [14, 132],
          [47.5, 152],
          [47.5, 216],
        ],
        ...foot(47.5),
      ],
    },
    half: 47.5,
    labelTop: 226,
    labelBottom: 360,
    capsuleEnd: 82,
    neck: 12.5,
    level: 70,
  },
  flute: {
    name: "flute",
    profile: {
      start: [11, 8],
      segments: [
        [[12.4, 9]],
        [[12.4, 17]],
        [[11, 19.5]],
        [[11.4, 58]],
        [
          [14, 128],
          [38, 158],
          [38, 244],
        ],
        ...foot(38),
      ],
    },
    half: 38,
    labelTop: 240,
    labelBottom: 358,
    capsuleEnd: 76,
    neck: 12,
    level: 62,
  },
  sparkling: {
    name: "sparkling",
    profile: {
      start: [12.5, 20],
      segments: [
        [[15.5, 21]],
        [[15.5, 30]],
        [[13, 33]],
        [
          [13.5, 76],
          [15, 92],
          [18, 110],
        ],
        [
          [25, 148],
          [50, 166],
          [50, 228],
        ],
        ...foot(50),
      ],
    },
    half: 50,
    labelTop: 232,
    labelBottom: 358,
    capsuleEnd: 118,
    neck: 20,
    level: 84,
  },
  port: {
    name: "port",
    profile: {
      start: [12.5, 30],
      segments: [
        [[14.5, 31]],
        [[14.5, 38]],
        [[12.8, 40.5]],
        [
          [12.8, 62],
          [17.5, 66],
          [17.5, 84],
        ],
        [
          [17.5, 104],
          [15, 108],
          [15.5, 122],
        ],
        [
          [17, 140],
          [45.5, 138],
          [45.5, 172],
        ],
        ...foot(45.5),
      ],
    },
    half: 45.5,
    labelTop: 212,
    labelBottom: 350,
    capsuleEnd: 58,
    neck: 13,
    level: 92,
    stopper: true,
  },
  slim: {
    name: "slim",
    profile: {
      start: [11, 30],
      segments: [
        [[12.6, 31]],
        [[12.6, 40]],
        [[11, 42.5]],
        [[11.4, 118]],
        [
          [12, 146],
          [35, 140],
          [35, 178],
        ],
        ...foot(35),
      ],
    },
    half: 35,
    labelTop: 226,
    labelBottom: 356,
    capsuleEnd: 100,
    neck: 11.5,
    level: 86,
  },
  provence: {
    name: "provence",
    profile: {
      start: [11.5, 12],
      segments: [
        ...lip(11.5),
        [[12, 78]],
        [
          [13, 128],
          [45, 136],
          [45, 196],
        ],
        [
          [45, 240],
          [40, 246],
          [40, 286],
        ],
        [
          [40, 330],
          [45, 340],
          [45, 366],
        ],
        ...foot(45),
      ],
    },
    half: 40,
    labelTop: 226,
    labelBottom: 346,
    capsuleEnd: 80,
    neck: 12,
    level: 72,
  },
};

const at = (half: number, y: number, scale: number, side: 1 | -1): string =>
  `${(CENTRE + side * half * scale).toFixed(1)} ${y}`;

/** The closed outline; `scale` narrows it, for highlights that follow the form. */
export function outline(shape: Shape, scale = 1): string {
  const { start, segments } = shape.profile;
  let d = `M${at(start[0], start[1], scale, 1)}`;
  for (const segment of segments) {
    d += segment.length === 1 ? "L" : "C";
    d += segment.map(([x, y]) => at(x, y, scale, 1)).join(" ");
  }
  const ends: Point[] = [start, ...segments.map((segment) => segment[segment.length - 1] as Point)];
  d += `L${at((ends[ends.length - 1] as Point)[0], FLOOR, scale, -1)}`;
  for (let i = segments.length - 1; i >= 0; i--) {
    const segment = segments[i] as Segment;
    const end = ends[i] as Point;
    if (segment.length === 1) d += `L${at(end[0], end[1], scale, -1)}`;
    else {
      d += `C${at(segment[1][0], segment[1][1], scale, -1)} `;
      d += `${at(segment[0][0], segment[0][1], scale, -1)} ${at(end[0], end[1], scale, -1)}`;
    }
  }
  return `${d}Z`;
}

/** One edge alone, from the neck to above the foot, drawn as a stroke of light. */
export function edge(shape: Shape, scale: number, side: 1 | -1): string {
  const body = shape.profile.segments.slice(3, -1);
  const first = shape.profile.segments[2] as Segment;
  const begin = first[first.length - 1] as Point;
  let d = `M${at(begin[0], begin[1], scale, side)}`;
  for (const segment of body) {
    d += segment.length === 1 ? "L" : "C";
    d += segment.map(([x, y]) => at(x, Math.min(y, FLOOR - 14), scale, side)).join(" ");
  }
  return d;
}
