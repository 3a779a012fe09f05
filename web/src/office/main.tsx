import "./office.css";
import { render } from "preact";
import { applyStoredTheme } from "../lib/theme.ts";
import { startRouter } from "../lib/router.tsx";
import { somethingUnsaved } from "./draft.ts";
import { startKeys } from "./keys.ts";
import { Office } from "./Office.tsx";

export function startOffice(root: HTMLElement): void {
  applyStoredTheme();
  document.documentElement.dataset.app = "office";
  startRouter((path) => /^\/office(\/|$)/.test(path));
  startKeys();
  window.addEventListener("beforeunload", (event) => {
    if (somethingUnsaved()) event.preventDefault();
  });
  root.textContent = "";
  render(<Office />, root);
}
