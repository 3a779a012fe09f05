import { render } from "preact";

export function startOffice(root: HTMLElement): void {
  root.textContent = "";
  render(<main class="wrap" />, root);
}
