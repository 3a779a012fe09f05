/** Which steps an order can take, and how its states look; the server has the last word. */
import type { OrderStatus } from "../api/types.ts";
import { o } from "../i18n/office.ts";

export type Step = "shipped" | "delivered" | "cancelled" | "returned";

const STEPS: Record<OrderStatus, readonly Step[]> = {
  pending: ["cancelled"],
  confirmed: ["shipped", "cancelled"],
  rejected: [],
  shipped: ["delivered", "returned"],
  delivered: ["returned"],
  cancelled: [],
  returned: [],
};

export const stepsFrom = (status: OrderStatus): readonly Step[] => STEPS[status] ?? [];

export const ORDER_STATUSES: readonly OrderStatus[] = ["pending", "confirmed", "shipped", "delivered", "rejected", "cancelled", "returned"];

type Tone = "good" | "bad" | "gold" | undefined;

const ORDER_TONES: Partial<Record<OrderStatus, Tone>> = { pending: "gold", confirmed: "gold", shipped: "good", delivered: "good", rejected: "bad" };
const PAYMENT_TONES: Record<string, Tone> = { captured: "good", declined: "bad" };
const MESSAGE_TONES: Record<string, Tone> = { queued: "gold", sent: "good", failed: "bad" };

export const orderTone = (status: OrderStatus): Tone => ORDER_TONES[status];
export const paymentTone = (status: string): Tone => PAYMENT_TONES[status];
export const messageTone = (status: string): Tone => MESSAGE_TONES[status];

export const reasonWords = (reason: string | null): string => (reason ? (o.order.reasons[reason] ?? reason) : "");
