import "./office.css";
import { render } from "preact";
import { applyStoredTheme } from "../lib/theme.ts";
import { startRouter } from "../lib/router.tsx";
import { startKeys } from "./keys.ts";
import { Office } from "./Office.tsx";

export function startOffice(root: HTMLElement): void {
  applyStoredTheme();
  document.documentElement.dataset.app = "office";
  startRouter((path) => /^\/office(\/|$)/.test(path));
  startKeys();
  root.textContent = "";
  render(<Office />, root);
}
