import { recall, remember } from "./storage.ts";

export type Theme = "auto" | "light" | "dark";

const KEY = "ws.theme";

export function storedTheme(): Theme {
  const value = recall(KEY);
  return value === "light" || value === "dark" ? value : "auto";
}

/** "auto" leaves the choice to the system; the tokens follow `prefers-color-scheme`. */
export function applyStoredTheme(): void {
  const theme = storedTheme();
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export function chooseTheme(theme: Theme): void {
  remember(KEY, theme === "auto" ? null : theme);
  applyStoredTheme();
}
