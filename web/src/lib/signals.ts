/** State that more than one page knows about. */
import { signal } from "@preact/signals";
import { recall, remember } from "./storage.ts";

export const drawerOpen = signal(false);

/** What the screen reader is told; a new object speaks again even if the words are the same. */
export const spoken = signal<{ text: string }>({ text: "" });

export function say(text: string): void {
  spoken.value = { text };
}

export interface Toast {
  id: number;
  text: string;
  action?: { label: string; run: () => void };
}

export const toasts = signal<Toast[]>([]);
let nextToast = 1;

export function toast(text: string, action?: Toast["action"]): void {
  const id = nextToast++;
  // One at a time: the newest is what the last press did.
  toasts.value = [action ? { id, text, action } : { id, text }];
  setTimeout(() => closeToast(id), action ? 8000 : 4500);
}

export function closeToast(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

/**
 * The session lives in a cookie which scripts cannot read. This hint only spares strangers a question to the
 * server whose answer would be 401.
 */
const HINT = "ws.signed-in";
export const maybeSignedIn = (): boolean => recall(HINT) === "1";
export const hintSignedIn = (yes: boolean): void => remember(HINT, yes ? "1" : null);
