import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { t } from "../i18n/index.ts";
import { place } from "../lib/router.tsx";
import { cartCount } from "../lib/cart.ts";
import { user } from "../lib/session.ts";
import { shopName } from "../lib/shop.ts";
import { closeToast, drawerOpen, spoken, toasts } from "../lib/signals.ts";
import { chooseTheme, storedTheme, type Theme } from "../lib/theme.ts";
import { CartDrawer } from "./Cart.tsx";
import { Icon, type IconName } from "./Icon.tsx";
import { SearchBox } from "./SearchBox.tsx";

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
      <path
        fill="currentColor"
        d="M7.300 8.500h11.400c-.2 3.600-1.500 6.200-5.700 6.200s-5.500-2.600-5.700-6.200z"
      />
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
  const home = place.value.path === "/";
  const bottles = cartCount.value;
  return (
    <header class="top">
      <div class="wrap top-in">
        <a class="brand" href="/">
          <Logo />
          {shopName}
        </a>
        <div class="top-mid">
          <nav class="top-nav" aria-label={t.nav.main}>
            <a href="/wines">{t.nav.all}</a>
            <a href="/wines?type=Red">{t.nav.reds}</a>
            <a href="/wines?type=White">{t.nav.whites}</a>
            <a href="/wines?type=Ros%C3%A9">{t.nav.roses}</a>
            <a href="/wines?type=Sparkling">{t.nav.sparkling}</a>
          </nav>
          {!home && <SearchBox id="top-search" />}
        </div>
        <nav class="top-tools" aria-label={t.nav.tools}>
          {user.value ? (
            <a class="btn btn-icon" href="/account" aria-label={t.nav.account} title={t.nav.account}>
              <Icon name="person" size={24} />
            </a>
          ) : (
            <a class="btn btn-icon" href="/sign-in" aria-label={t.nav.signIn} title={t.nav.signIn}>
              <Icon name="person" size={24} />
            </a>
          )}
          <button
            type="button"
            class="btn btn-icon"
            aria-label={t.nav.basket(bottles)}
            title={t.cart.title}
            onClick={() => (drawerOpen.value = true)}
          >
            <Icon name="basket" size={24} />
            {bottles > 0 && (
              <span class="count" aria-hidden="true">
                {bottles}
              </span>
            )}
          </button>
        </nav>
      </div>
    </header>
  );
}

function Footer() {
  return (
    <footer class="foot">
      <div class="wrap">
        <nav class="foot-in" aria-label={t.foot.label}>
          <div>
            <h2>{t.foot.shop}</h2>
            <ul>
              <li>
                <a href="/wines">{t.nav.all}</a>
              </li>
              <li>
                <a href="/wines?type=Red">{t.nav.reds}</a>
              </li>
              <li>
                <a href="/wines?type=White">{t.nav.whites}</a>
              </li>
            </ul>
          </div>
          <div>
            <h2>{t.foot.help}</h2>
            <ul>
              <li>
                <a href="/about/shipping">{t.shipping.title}</a>
              </li>
              <li>
                <a href="/reset-password">{t.auth.forgot}</a>
              </li>
            </ul>
          </div>
          <div>
            <h2>{t.foot.you}</h2>
            <ul>
              <li>
                <a href="/account">{t.foot.orders}</a>
              </li>
              <li>
                {user.value ? (
                  <a href="/account/profile">{t.nav.account}</a>
                ) : (
                  <a href="/sign-in">{t.nav.signIn}</a>
                )}
              </li>
              {user.value?.role === "admin" && (
                <li>
                  <a href="/office">{t.nav.office}</a>
                </li>
              )}
            </ul>
          </div>
        </nav>
        <div class="foot-end">
          <div class="small">
            <p>{t.foot.responsibly}</p>
            <p>{t.foot.demo}</p>
          </div>
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
      <Header />
      {children}
      <Footer />
      <CartDrawer />
      <Announcer />
    </>
  );
}
