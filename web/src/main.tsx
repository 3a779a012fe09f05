import "./styles/all.css";
import { render } from "preact";
import { App } from "./App.tsx";
import { startActivity } from "./lib/activity.ts";
import { startCart } from "./lib/cart.ts";
import { seedInitialData } from "./lib/initial.ts";
import { startRouter } from "./lib/router.tsx";
import { startSession } from "./lib/session.ts";

const root = document.getElementById("app") as HTMLElement;

if (/^\/office(\/|$)/.test(window.location.pathname)) {
  // The back office is a second application behind the same door: its own routes, loaded when asked for.
  void import("./office/main.tsx").then(({ startOffice }) => startOffice(root));
} else {
  seedInitialData();
  startRouter();
  // The server's own markup is for readers without scripts and for search engines; the page takes its place.
  root.textContent = "";
  render(<App />, root);
  startSession();
  startCart();
  startActivity();
}
