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
}

export interface Dashboard {
  revenue: Revenue[];
  funnel: { views: number; carts: number; orders: number };
  best_sellers: Array<{ wine_id: string; name: string; bottles: number; amount: number }>;
  searches_without_result: Array<{ query: string; count: number }>;
  low_stock: LowStock[];
  stuck: Array<{ kind: "order" | "mail" | "image" | "message"; id: string; since: string; detail: string }>;
}
