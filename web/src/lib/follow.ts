/**
 * Follows an order until it is final: the server's events first; where they don't come through (some
 * proxies hold them back), the waiting question `?wait` instead.
 */
import { api, asProblem } from "../api/client.ts";
import type { Order, OrderStatus } from "../api/types.ts";

const FINAL: readonly OrderStatus[] = ["rejected", "delivered", "cancelled", "returned"];
const SILENT_MS = 4000;
const WAIT_S = 20;

export const isFinal = (status: OrderStatus): boolean => FINAL.includes(status);

/** Calls `onOrder` with each newer order; the answer stops it. */
export function followOrder(
  id: string,
  seen: number,
  onOrder: (order: Order) => void,
  onLive: (live: boolean) => void,
): () => void {
  let stopped = false;
  let version = seen;
  let timer = 0;
  let source: EventSource | undefined;

  const take = (order: Order) => {
    if (stopped || order.version <= version) return;
    version = order.version;
    onOrder(order);
    if (isFinal(order.status)) stop();
  };
  const fetchNow = () => api.get<Order>(`/orders/${id}`).then(take, () => undefined);

  const ask = async () => {
    while (!stopped) {
      const started = Date.now();
      try {
        take(
          await api.get<Order>(`/orders/${id}`, { query: { wait: WAIT_S }, timeoutMs: (WAIT_S + 10) * 1000 }),
        );
      } catch (error) {
        if (asProblem(error).status === 404) return stop();
      }
      // Only `pending` waits at the server; later changes are days apart.
      const pause = Date.now() - started < 1000 ? 5000 : 500;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  };

  const fallBack = () => {
    source?.close();
    source = undefined;
    clearTimeout(timer);
    if (!stopped) void ask();
  };

  const stop = () => {
    stopped = true;
    clearTimeout(timer);
    source?.close();
    onLive(false);
  };

  if (typeof EventSource === "undefined") void ask();
  else {
    source = new EventSource(`/api/v1/orders/${id}/events`);
    timer = window.setTimeout(fallBack, SILENT_MS);
    source.addEventListener("open", () => {
      if (!stopped) onLive(true);
    });
    source.addEventListener("status", (event) => {
      clearTimeout(timer);
      const told = JSON.parse((event as MessageEvent<string>).data) as { version: number };
      if (told.version > version) void fetchNow();
    });
    source.addEventListener("error", () => {
      onLive(false);
      // The browser reconnects by itself unless the server refused.
      if (source?.readyState === EventSource.CLOSED) fallBack();
    });
  }
  return stop;
}
