/** Every text of the storefront in English. Functions take what is put into the sentence. */

const plural = (n: number, one: string, many: string): string => (n === 1 ? one : many);

export const en = {
  shopName: "Wine Store",
  loading: "Loading",
  close: "Close",
  pageTitle: (page: string) => `${page} · Wine Store`,

  nav: {
    skip: "Skip to the content",
    main: "Main",
    all: "All wines",
    reds: "Reds",
    whites: "Whites",
    sparkling: "Sparkling",
    shipping: "Shipping",
    account: "Your account",
    signIn: "Sign in",
    basket: (n: number) => (n ? `Basket, ${n} ${plural(n, "bottle", "bottles")}` : "Basket, empty"),
    home: "Home",
  },
  theme: { label: "Colours", auto: "Auto", light: "Light", dark: "Dark" },
  foot: {
    shop: "The shop",
    help: "Help",
    you: "You",
    orders: "Your orders",
    responsibly: "We sell to adults only. Please enjoy with care.",
    demo: "This is a demonstration shop: no card is charged and no bottle leaves the cellar.",
  },
  rating: {
    none: "No ratings yet",
    spoken: (mean: string, count: string) => `Rated ${mean} of 5 by ${count}`,
  },
  stepper: { less: "One fewer", more: "One more" },
  problem: {
    offline: "We can't reach the shop. Check your connection and try again.",
    signIn: "Please sign in to go on.",
    forbidden: "This isn't yours to see.",
    notFound: "We couldn't find that.",
    tooMany: "That was a lot at once. Wait a moment and try again.",
    busy: "The shop is catching its breath. Try again in a moment.",
    server: "Something broke on our side. Nothing was lost; please try again.",
    refused: "That didn't work.",
    retry: "Try again",
    trace: (id: string) => `If you write to us, mention ${id}.`,
  },
  notFound: {
    title: "This page is empty, like last night's bottle",
    text: "The address is wrong, or the wine has left the cellar.",
    home: "To the front page",
    wines: "Browse all wines",
  },
};
