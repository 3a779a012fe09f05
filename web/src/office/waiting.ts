/** What waits for somebody, shown beside the ways around the office. */
import { signal } from "@preact/signals";
import { office } from "./office.ts";
import type { Queue } from "./types.ts";

export const waiting = signal({ toShip: 0, dead: 0 });

export function lookWhatWaits(): void {
  const orders = office.get<{ total: number }>("/orders", { query: { status: "confirmed", limit: 1 } });
  const queues = office.get<{ items: Queue[] }>("/queues");
  Promise.all([orders, queues]).then(
    ([list, all]) => {
      const dead = all.items.reduce((sum, queue) => sum + queue.dead, 0);
      const before = waiting.value;
      if (before.toShip !== list.total || before.dead !== dead) waiting.value = { toShip: list.total, dead };
    },
    () => undefined,
  );
}
