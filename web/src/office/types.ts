/** The shapes of the back office in api/openapi.yaml, beside those it shares with the storefront. */
import type { Notification, Order, Wine } from "../api/types.ts";

export interface Upload {
  id: string;
  status: "pending" | "done" | "failed";
  reason?: string | null;
  created_at?: string;
}

export interface AdminWine extends Wine {
  version: number;
  status: "for_sale" | "withdrawn";
  on_hand: number;
  /** Of those on hand, promised to orders not yet shipped. */
  reserved: number;
  /** Newest first; lists leave them out. */
  uploads: Upload[];
  created_at: string;
  updated_at: string;
}

export interface Stock {
  wine_id: string;
  available: number;
  on_hand: number;
  reserved: number;
}

export interface AdminOrder extends Order {
  user_id?: string | null;
  guest_id?: string | null;
}

export interface AdminNotification extends Notification {
  user_id?: string | null;
  guest_id?: string | null;
  attempts: number;
  error: string | null;
}

export interface Queue {
  name: string;
  ready: number;
  in_flight: number;
  dead: number;
  oldest_seconds: number | null;
}

export interface DeadLetter {
  id: string;
  body: Record<string, unknown>;
  attempts: number;
  error: string | null;
  enqueued_at: string;
  failed_at: string;
}

export interface StreamDeadLetter {
  event_id: string | null;
  reason: string;
  body: string;
  shard: number;
  sequence: number;
  at: string;
}

export interface Revenue {
  day: string;
  orders: number;
  amount: number;
  currency: string;
}

export interface LowStock {
  wine_id: string;
  name: string;
  available: number;
  days_left: number | null;
  days_left_by: "forecast" | "pace" | null;
}

export interface Expected {
  bottles: number;
  low: number;
  high: number;
}

export interface Forecast {
  wine_id: string;
  name: string;
  available: number | null;
  state: "made" | "too_short" | "none_sold";
  /** Bottles sold per week, oldest first. */
  weeks: number[];
  next_7_days: Expected | null;
  next_28_days: Expected | null;
  /** Mean absolute error of one week's forecast, in bottles, and that of "as many as last week". */
  error: number | null;
  naive_error: number | null;
  error_ratio: number | null;
  tested_weeks: number;
  days_left: number | null;
  runs_out: string | null;
}

export interface SalesTotals {
  orders: number;
  amount: number;
  currency: string;
}

export interface Funnel {
  impressions: number;
  clicks: number;
  views: number;
  carts: number;
  orders: number;
  click_rate: number | null;
  cart_rate: number | null;
  order_rate: number | null;
  conversion: number | null;
}

export interface Dashboard {
  revenue: Revenue[];
  totals: SalesTotals;
  previous: SalesTotals;
  funnel: Funnel;
  best_sellers: Array<{ wine_id: string; name: string; bottles: number; amount: number }>;
  searches_without_result: Array<{ query: string; count: number }>;
  searches: Array<{ query: string; searches: number; clicks: number; click_rate: number | null }>;
  low_stock: LowStock[];
  forecast: Forecast[];
  stuck: Array<{ kind: "order" | "mail" | "image" | "message"; id: string; since: string; detail: string }>;
}

export interface Quality {
  recall: number;
  ndcg: number;
  popular_recall: number;
  popular_ndcg: number;
}

export interface Model {
  version: number;
  current: boolean;
  trained_at: string;
  /** The newest event it has learnt from. */
  until: string;
  wines: number;
  shoppers: number;
  events: number;
  seconds: number;
  /** On events held out; null when there were too few. */
  quality: Quality | null;
}

export interface Models {
  items: Model[];
  training: boolean;
  /** Why the last training failed. */
  error: string | null;
}

export type ArmName = "a" | "b";

export interface Arm {
  arm: ArmName;
  version: number;
  impressions: number;
  clicks: number;
  click_rate: number | null;
  sessions_won: number;
}

export interface ExperimentResult {
  arms: Arm[];
  sessions: number;
  decided: number;
  leader: ArmName | null;
  share: number | null;
  interval: { low: number; high: number } | null;
  p_value: number | null;
  text: string;
}

export interface Experiment {
  id: string;
  name: string;
  version_a: number;
  version_b: number;
  running: boolean;
  started_at: string;
  ended_at: string | null;
  result?: ExperimentResult;
}
