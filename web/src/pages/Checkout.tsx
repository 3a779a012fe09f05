import { useEffect, useRef, useState } from "preact/hooks";
import { api, asProblem, type ApiProblem } from "../api/client.ts";
import type { Cart, Order, SavedAddress } from "../api/types.ts";
import {
  addressOf,
  AddressFields,
  destinationFor,
  draftOf,
  emptyAddress,
  isNotServed,
  requiredFor,
  type AddressDraft,
} from "../components/AddressFields.tsx";
import { EmptyCart, Totals, useDestinations } from "../components/Cart.tsx";
import { Bones, Button, Field, focusFirstError, ProblemNote, problemTitle } from "../components/parts.tsx";
import { Thumb } from "../components/Wine.tsx";
import { t } from "../i18n/index.ts";
import { cart, cartProblem, destination, loadCart, setDestination } from "../lib/cart.ts";
import { ageOf, fieldErrors, looksLikeEmail, missing, randomKey, type Errors } from "../lib/form.ts";
import { money } from "../lib/format.ts";
import { useTitle } from "../lib/head.ts";
import { dropResources, putResource, useResource } from "../lib/resource.ts";
import { navigate } from "../lib/router.tsx";
import { loadSession, user } from "../lib/session.ts";
import { say } from "../lib/signals.ts";
import { fullName } from "../lib/wines.ts";

const TRIES = 3;

/**
 * Sends the order until an answer comes: with the same key it can't be made twice. The key lives as long as
 * the order's body stays the same, so that pressing again after a lost answer finds the first order.
 */
async function send(body: object, key: string): Promise<Order> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await api.post<Order>("/orders", body, { headers: { "Idempotency-Key": key } });
    } catch (error) {
      const problem = asProblem(error);
      if (attempt >= TRIES || (problem.status !== 0 && problem.status !== 503)) throw problem;
      await new Promise((resolve) => setTimeout(resolve, 400 * attempt));
    }
  }
}

function Summary({ of }: { of: Cart }) {
  return (
    <>
      <ul class="mini-lines">
        {of.items.map((item) => (
          <li key={item.wine_id}>
            <Thumb wineId={item.wine_id} />
            <span>
              <span class="line-name">{fullName(item)}</span>
              <span class="quiet small num">
                {item.quantity} × {money({ amount: item.unit_price, currency: of.totals.currency })}
              </span>
              {item.available < item.quantity && <span class="wrong">{t.cart.tooFew(item.available)}</span>}
            </span>
            <span class="num">{money({ amount: item.line_total, currency: of.totals.currency })}</span>
          </li>
        ))}
      </ul>
      <Totals of={of} place={of.destination} />
    </>
  );
}

function Who({
  email,
  birth,
  errors,
  hint,
  onChange,
}: {
  email: string;
  birth: string;
  errors: Errors;
  hint: string;
  onChange: (name: "email" | "birth_date", value: string) => void;
}) {
  if (user.value) {
    return (
      <p>
        {t.checkout.signedInAs(user.value.name)}, <span class="quiet">{user.value.email}</span>
      </p>
    );
  }
  return (
    <div class="stack">
      <p class="quiet">
        {t.checkout.haveAccount} <a href="/sign-in?next=/checkout">{t.checkout.signIn}</a>
      </p>
      <div class="fields">
        <Field
          label={t.checkout.email}
          type="email"
          name="email"
          autocomplete="email"
          maxLength={254}
          hint={t.checkout.emailHint}
          value={email}
          error={errors.email}
          onInput={(event) => onChange("email", event.currentTarget.value)}
        />
        <Field
          label={t.checkout.birth}
          type="date"
          name="birth_date"
          autocomplete="bday"
          min="1900-01-01"
          hint={hint}
          value={birth}
          error={errors.birth_date}
          onInput={(event) => onChange("birth_date", event.currentTarget.value)}
        />
      </div>
    </div>
  );
}

function SavedAddresses({
  items,
  chosen,
  onChoose,
}: {
  items: SavedAddress[];
  chosen: string;
  onChoose: (id: string) => void;
}) {
  return (
    <fieldset class="choices">
      <legend class="hush">{t.checkout.saved}</legend>
      {[...items, undefined].map((one) => (
        <label class="choice" key={one?.id ?? "other"}>
          <input
            type="radio"
            name="saved-address"
            checked={chosen === (one?.id ?? "")}
            onChange={() => onChoose(one?.id ?? "")}
          />
          <span>
            {one ? (
              <>
                <strong>{one.name}</strong>
                <span class="quiet small">
                  {[one.line1, one.postal_code, one.city, one.region, one.country].filter(Boolean).join(", ")}
                </span>
              </>
            ) : (
              <strong>{t.checkout.other}</strong>
            )}
          </span>
        </label>
      ))}
    </fieldset>
  );
}

function Checkout() {
  useTitle(t.checkout.title);
  const form = useRef<HTMLFormElement>(null);
  const key = useRef({ body: "", key: "" });
  const [draft, setDraft] = useState<AddressDraft>(() => ({
    ...emptyAddress(),
    country: destination.value?.country ?? "",
    region: destination.value?.region ?? "",
  }));
  const [chosen, setChosen] = useState("");
  const [who, setWho] = useState({ email: "", birth_date: "" });
  const [token, setToken] = useState("ok");
  const [keep, setKeep] = useState(true);
  const [errors, setErrors] = useState<Errors>({});
  const [problem, setProblem] = useState<ApiProblem>();
  const [busy, setBusy] = useState(false);
  const places = useDestinations();
  const destinations = places.data?.items ?? [];
  const signedIn = user.value != null;
  const addresses = useResource(signedIn ? "me:addresses" : null, (signal) =>
    api.get<{ items: SavedAddress[] }>("/me/addresses", { signal }),
  );
  const saved = addresses.data?.items ?? [];

  useEffect(() => {
    void loadCart().catch(() => undefined);
    void loadSession().catch(() => undefined);
  }, []);

  const choose = (id: string) => {
    const one = saved.find((address) => address.id === id);
    setChosen(id);
    setDraft(
      one
        ? draftOf(one)
        : { ...emptyAddress(), name: user.value?.name ?? "", country: draft.country, region: draft.region },
    );
    setErrors({});
  };
  useEffect(() => {
    if (saved[0] && !draft.line1) choose(saved[0].id);
    else if (user.value && !draft.name) setDraft((now) => ({ ...now, name: user.value?.name ?? "" }));
  }, [addresses.data, signedIn]);

  /** An error goes when its field is changed. */
  const mend = (...names: string[]) =>
    setErrors((now) => Object.fromEntries(Object.entries(now).filter(([name]) => !names.includes(name))));
  const change = (next: AddressDraft) => {
    mend(...(Object.keys(next) as Array<keyof AddressDraft>).filter((name) => next[name] !== draft[name]));
    setDraft(next);
  };

  const place = destinationFor(destinations, draft);
  // The total follows the address: shipping and tax are counted as soon as the place is known.
  useEffect(() => {
    if (!place) return;
    setDestination({ country: place.country, region: place.region });
    void loadCart().catch(() => undefined);
  }, [place?.country, place?.region]);

  const check = (): Errors => {
    const values: Record<string, string> = { ...draft };
    const found = missing(values, requiredFor(destinations, draft.country));
    if (isNotServed(destinations, draft))
      found[draft.country === "??" || !place ? "country" : "region"] ??= t.checkout.notServed;
    if (!signedIn) {
      if (!looksLikeEmail(who.email.trim()))
        found.email = who.email.trim() ? t.checkout.badEmail : t.checkout.required;
      const age = ageOf(who.birth_date);
      if (Number.isNaN(age)) found.birth_date = who.birth_date ? t.checkout.badDate : t.checkout.required;
      else if (place && age < place.min_age)
        found.birth_date = t.checkout.tooYoung(place.name, place.min_age);
    }
    return found;
  };

  const refuse = (found: Errors) => {
    setErrors(found);
    say(t.checkout.fix(Object.keys(found).length));
    focusFirstError(form.current);
  };

  const submit = (event: Event) => {
    event.preventDefault();
    const found = check();
    setProblem(undefined);
    if (Object.keys(found).length) return refuse(found);
    setErrors({});
    const body = {
      shipping_address: addressOf(draft),
      payment: { method: "test", token },
      ...(signedIn ? {} : { email: who.email.trim(), birth_date: who.birth_date }),
    };
    const text = JSON.stringify([
      body,
      cart.value?.items.map((item) => [item.wine_id, item.quantity, item.unit_price]),
    ]);
    if (key.current.body !== text) key.current = { body: text, key: randomKey() };
    setBusy(true);
    send(body, key.current.key).then(
      (order) => {
        key.current = { body: "", key: "" };
        putResource(`order:${order.id}`, order);
        dropResources("orders");
        if (signedIn && keep && !chosen) {
          void api.post("/me/addresses", addressOf(draft)).then(
            () => dropResources("me:addresses"),
            () => undefined,
          );
        }
        void loadCart().catch(() => undefined);
        navigate(`/orders/${order.id}`);
      },
      (error: unknown) => {
        const refused = asProblem(error);
        setBusy(false);
        setProblem(refused);
        if (refused.status !== 0) key.current = { body: "", key: "" };
        if (refused.status === 409) void loadCart().catch(() => undefined);
        const beside = fieldErrors(refused);
        if (refused.code === "underage") beside.birth_date ??= refused.detail;
        if (Object.keys(beside).length) refuse(beside);
      },
    );
  };

  const now = cart.value;
  if (!now && cartProblem.value) {
    return <ProblemNote problem={cartProblem.value} retry={() => void loadCart().catch(() => undefined)} />;
  }
  if (!now) return <Bones lines={8} />;
  if (!now.items.length && !busy) return <EmptyCart page />;
  const blocked = isNotServed(destinations, draft);
  const total =
    now.totals.shipping === null
      ? t.checkout.orderPlain
      : t.checkout.order(money({ amount: now.totals.total, currency: now.totals.currency }));
  const button = (
    <Button kind="main" type="submit" big wide busy={busy} disabled={blocked}>
      {total}
    </Button>
  );
  return (
    <form class="stack-l" ref={form} onSubmit={submit} noValidate>
      <h1>{t.checkout.title}</h1>
      <div class="beside">
        <div class="stack-l">
          <section class="card stack" aria-labelledby="who">
            <h2 id="who">{t.checkout.who}</h2>
            <Who
              email={who.email}
              birth={who.birth_date}
              errors={errors}
              hint={place ? t.checkout.age(place.name, place.min_age) : t.checkout.birthHint}
              onChange={(name, value) => {
                mend(name);
                setWho({ ...who, [name]: value });
              }}
            />
            {signedIn && errors.birth_date && <p class="wrong">{errors.birth_date}</p>}
          </section>
          <section class="card stack" aria-labelledby="where">
            <h2 id="where">{t.checkout.where}</h2>
            {saved.length > 0 && <SavedAddresses items={saved} chosen={chosen} onChoose={choose} />}
            {places.problem && !places.data && <ProblemNote problem={places.problem} retry={places.reload} />}
            {!chosen ? (
              <>
                <AddressFields draft={draft} errors={errors} destinations={destinations} onChange={change} />
                {signedIn && (
                  <label class="check">
                    <input type="checkbox" checked={keep} onChange={() => setKeep(!keep)} />
                    {t.checkout.remember}
                  </label>
                )}
              </>
            ) : (
              blocked && <p class="wrong">{t.checkout.notServed}</p>
            )}
            {place?.note && <p class="hint">{place.note}</p>}
          </section>
          <section class="card stack" aria-labelledby="pay">
            <h2 id="pay">{t.checkout.pay}</h2>
            <p class="quiet small">{t.checkout.payTest}</p>
            <fieldset class="choices">
              <legend class="hush">{t.checkout.pay}</legend>
              {(
                [
                  ["ok", t.checkout.payOk, t.checkout.payOkText],
                  ["declined", t.checkout.payDeclined, t.checkout.payDeclinedText],
                ] as const
              ).map(([value, name, text]) => (
                <label class="choice" key={value}>
                  <input
                    type="radio"
                    name="pay"
                    value={value}
                    checked={token === value}
                    onChange={() => setToken(value)}
                  />
                  <span>
                    <strong>{name}</strong>
                    <span class="quiet small">{text}</span>
                  </span>
                </label>
              ))}
            </fieldset>
          </section>
        </div>
        <aside class="card stack" aria-labelledby="summary">
          <div class="spread">
            <h2 id="summary">{t.checkout.summary}</h2>
            <a class="small" href="/cart">
              {t.checkout.change}
            </a>
          </div>
          <Summary of={now} />
          {problem && (
            <div class="note note-bad" role="alert">
              <strong>
                {problem.code === "price_changed"
                  ? t.checkout.priceChanged
                  : problem.code === "out_of_stock"
                    ? t.checkout.soldOut
                    : problem.code === "destination_not_served"
                      ? t.checkout.notServed
                      : problem.offline
                        ? t.checkout.unsure
                        : problem.errors.length
                          ? t.checkout.fix(problem.errors.length)
                          : problemTitle(problem)}
              </strong>
              {problem.detail && !problem.offline && problem.code !== "price_changed" && (
                <p>{problem.detail}</p>
              )}
            </div>
          )}
          <div class="only-wide">{button}</div>
          <p class="hint">{t.checkout.agree}</p>
        </aside>
      </div>
      <div class="pay-bar">{button}</div>
    </form>
  );
}

export { Checkout as page };
