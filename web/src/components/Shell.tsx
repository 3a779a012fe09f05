import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { t } from "../i18n/index.ts";
import { place } from "../lib/router.tsx";
import { closeToast, spoken, toasts } from "../lib/signals.ts";
import { chooseTheme, storedTheme, type Theme } from "../lib/theme.ts";
import { Icon, type IconName } from "./Icon.tsx";

export function Logo() {
  return (
    <svg width="26" height="30" viewBox="0 0 26 30" aria-hidden="true">
      <path
        fill="none"
        stroke="currentColor"
        stroke-width="1.8"
        stroke-linecap="round"
        stroke-linejoin="round"
        d="M6.400 2h13.200c1 6.500.8 14.500-6.600 14.500S5.400 8.500 6.400 2zM13 16.500V27M8 28h10"
      />
      <path fill="currentColor" d="M7.300 8.500h11.400c-.2 3.600-1.500 6.200-5.700 6.200s-5.500-2.600-5.700-6.200z" />
    </svg>
  );
}

const THEMES: ReadonlyArray<{ value: Theme; icon: IconName }> = [
  { value: "auto", icon: "auto" },
  { value: "light", icon: "sun" },
  { value: "dark", icon: "moon" },
];

export function ThemePick() {
  const [theme, setTheme] = useState<Theme>(storedTheme());
  return (
    <fieldset class="theme-pick">
      <legend class="hush">{t.theme.label}</legend>
      {THEMES.map(({ value, icon }) => (
        <label key={value}>
          <input
            class="hush"
            type="radio"
            name="theme"
            checked={theme === value}
            onChange={() => {
              chooseTheme(value);
              setTheme(value);
            }}
          />
          <Icon name={icon} size={18} />
          {t.theme[value]}
        </label>
      ))}
    </fieldset>
  );
}

/** What is said to screen readers and what pops up for a moment. */
export function Announcer() {
  return (
    <>
      <div class="hush" aria-live="polite" role="status">
        {spoken.value.text}
      </div>
      <div class="toasts" role="status">
        {toasts.value.map((one) => (
          <div class="toast" key={one.id}>
            <span>{one.text}</span>
            {one.action && (
              <button
                type="button"
                class="btn"
                onClick={() => {
                  one.action?.run();
                  closeToast(one.id);
                }}
              >
                {one.action.label}
              </button>
            )}
          </div>
        ))}
      </div>
    </>
  );
}

function Header() {
  return (
    <header class="top">
      <div class="wrap top-in">
        <a class="brand" href="/">
          <Logo />
          {t.shopName}
        </a>
        <div class="top-mid">
          <nav class="top-nav" aria-label={t.nav.main}>
            <a href="/wines">{t.nav.all}</a>
          </nav>
        </div>
        <div class="top-tools" />
      </div>
    </header>
  );
}

function Footer() {
  return (
    <footer class="foot">
      <div class="wrap">
        <div class="foot-end">
          <p>{t.foot.responsibly}</p>
          <ThemePick />
        </div>
      </div>
    </footer>
  );
}

export function Shell({ children }: { children: ComponentChildren }) {
  return (
    <>
      <a class="btn btn-line skip" href="#main">
        {t.nav.skip}
      </a>
      <Header key={place.value.path === "/" ? "home" : "page"} />
      {children}
      <Footer />
      <Announcer />
    </>
  );
}
