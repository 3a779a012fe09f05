import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { api, apiUrl, asProblem, type ApiProblem } from "../api/client.ts";
import type { Notification, Order, Page, SavedAddress, User } from "../api/types.ts";
import {
  addressOf,
  AddressFields,
  draftOf,
  emptyAddress,
  isNotServed,
  requiredFor,
  type AddressDraft,
} from "../components/AddressFields.tsx";
import { useDestinations } from "../components/Cart.tsx";
import {
  Bones,
  Button,
  Dialog,
  Empty,
  Field,
  focusFirstError,
  ProblemNote,
  problemTitle,
} from "../components/parts.tsx";
import { BuyAgain } from "../components/Recommended.tsx";
import { t } from "../i18n/index.ts";
import { fieldErrors, missing, type Errors } from "../lib/form.ts";
import { addressLines, date, dateTime, money } from "../lib/format.ts";
import { useTitle } from "../lib/head.ts";
import { dropResources, putResource, useResource } from "../lib/resource.ts";
import { navigate, place } from "../lib/router.tsx";
import { loadSession, signedOut, signOut, user } from "../lib/session.ts";
import { toast } from "../lib/signals.ts";
import { fullName } from "../lib/wines.ts";
import { statusTone } from "./Order.tsx";

/** A list that grows by pages; older pages are asked for with a button. */
function usePaged<T>(key: string, path: string) {
  const [busy, setBusy] = useState(false);
  const [, redraw] = useState(0);
  const first = useResource<Page<T>>(key, (signal) =>
    api.get<Page<T>>(path, { query: { limit: 20 }, signal }),
  );
  const older = () => {
    const now = first.data;
    if (!now?.next_cursor || busy) return;
    setBusy(true);
    api
      .get<Page<T>>(path, { query: { limit: 20, cursor: now.next_cursor } })
      .then(
        (page) => putResource(key, { items: [...now.items, ...page.items], next_cursor: page.next_cursor }),
        (error: unknown) => toast(problemTitle(asProblem(error))),
      )
      .finally(() => {
        setBusy(false);
        redraw((n) => n + 1);
      });
  };
  return { ...first, older, busy };
}

function Orders() {
  const { data, problem, reload, older, busy } = usePaged<Order>("orders", "/orders");
  if (problem && !data) return <ProblemNote problem={problem} retry={reload} />;
  if (!data) return <Bones lines={6} />;
  if (!data.items.length) {
    return (
      <Empty title={t.account.noOrders} text={t.account.noOrdersText}>
        <a class="btn btn-main" href="/wines">
          {t.cart.browse}
        </a>
      </Empty>
    );
  }
  return (
    <div class="stack">
      <ul class="stack">
        {data.items.map((order) => {
          const first = order.lines[0];
          const bottles = order.lines.reduce((sum, line) => sum + line.quantity, 0);
          const name = first ? fullName(first) : "";
          const rest = order.lines.length - 1;
          return (
            <li key={order.id}>
              <a class="card order-card" href={`/orders/${order.id}`}>
                <span class="spread">
                  <strong>{t.order.title(order.number)}</strong>
                  <span class={`tag ${statusTone(order.status)}`}>{t.order.status[order.status]}</span>
                </span>
                <span class="quiet small">{date(order.placed_at)}</span>
                <span class="spread">
                  <span>{t.account.orderLine(bottles, rest ? t.account.andMore(name, rest) : name)}</span>
                  <strong class="num">
                    {money({ amount: order.totals.total, currency: order.totals.currency })}
                  </strong>
                </span>
              </a>
            </li>
          );
        })}
      </ul>
      {data.next_cursor && (
        <Button busy={busy} onClick={older}>
          {t.account.older}
        </Button>
      )}
      <BuyAgain />
    </div>
  );
}

function VerifyNote({ of }: { of: User }) {
  const [sent, setSent] = useState(false);
  if (of.email_verified) return null;
  const again = () =>
    api.post("/email-verification", {}).then(
      () => setSent(true),
      (error: unknown) => toast(problemTitle(asProblem(error))),
    );
  return (
    <div class="note">
      <strong>{t.account.verify}</strong>
      <p>{t.account.verifyText(of.email)}</p>
      <div>
        {sent ? (
          <p role="status">{t.account.verifySent}</p>
        ) : (
          <Button onClick={again}>{t.account.verifyAgain}</Button>
        )}
      </div>
    </div>
  );
}

function Profile({ of }: { of: User }) {
  const form = useRef<HTMLFormElement>(null);
  const [values, setValues] = useState({ name: of.name, email: of.email, birth_date: of.birth_date ?? "" });
  const [marketing, setMarketing] = useState(of.marketing);
  const [errors, setErrors] = useState<Errors>({});
  const [busy, setBusy] = useState(false);
  const set = (name: keyof typeof values) => (event: { currentTarget: { value: string } }) =>
    setValues({ ...values, [name]: event.currentTarget.value });
  const submit = (event: Event) => {
    event.preventDefault();
    const found = missing(values, ["name", "email"]);
    setErrors(found);
    if (Object.keys(found).length) return focusFirstError(form.current);
    const { birth_date: birth, ...rest } = values;
    setBusy(true);
    api
      .patch<User>("/me", { ...rest, marketing, ...(birth ? { birth_date: birth } : {}) })
      .then(
        (answer) => {
          user.value = answer;
          toast(t.saved);
        },
        (error: unknown) => {
          const problem = asProblem(error);
          const beside = problem.code === "email_taken" ? { email: t.auth.taken } : fieldErrors(problem);
          setErrors(beside);
          if (Object.keys(beside).length) focusFirstError(form.current);
          else toast(problemTitle(problem));
        },
      )
      .finally(() => setBusy(false));
  };
  return (
    <div class="stack">
      <VerifyNote of={of} />
      <form class="card stack" ref={form} onSubmit={submit} noValidate>
        <Field
          label={t.auth.name}
          name="name"
          autocomplete="name"
          maxLength={100}
          value={values.name}
          error={errors.name}
          onInput={set("name")}
        />
        <Field
          label={t.auth.email}
          type="email"
          name="email"
          autocomplete="email"
          maxLength={254}
          value={values.email}
          error={errors.email}
          onInput={set("email")}
        />
        <Field
          label={t.auth.birth}
          type="date"
          name="birth_date"
          autocomplete="bday"
          value={values.birth_date}
          error={errors.birth_date}
          onInput={set("birth_date")}
        />
        <label class="check">
          <input type="checkbox" checked={marketing} onChange={() => setMarketing(!marketing)} />
          {t.auth.marketing}
        </label>
        <div>
          <Button kind="main" type="submit" busy={busy}>
            {t.save}
          </Button>
        </div>
      </form>
    </div>
  );
}

function AddressForm({ of, onDone }: { of: SavedAddress | undefined; onDone: () => void }) {
  const form = useRef<HTMLFormElement>(null);
  const [draft, setDraft] = useState<AddressDraft>(
    of ? draftOf(of) : { ...emptyAddress(), name: user.value?.name ?? "" },
  );
  const [first, setFirst] = useState(of?.default ?? false);
  const [errors, setErrors] = useState<Errors>({});
  const [problem, setProblem] = useState<ApiProblem>();
  const [busy, setBusy] = useState(false);
  const places = useDestinations();
  const destinations = places.data?.items ?? [];
  const submit = (event: Event) => {
    event.preventDefault();
    const found = missing(draft, requiredFor(destinations, draft.country));
    if (isNotServed(destinations, draft)) found.country ??= t.checkout.notServed;
    setErrors(found);
    if (Object.keys(found).length) return focusFirstError(form.current);
    const body = { ...addressOf(draft), default: first };
    setBusy(true);
    (of ? api.put(`/me/addresses/${of.id}`, body) : api.post("/me/addresses", body)).then(
      onDone,
      (error: unknown) => {
        const refused = asProblem(error);
        setBusy(false);
        setProblem(refused);
        setErrors(fieldErrors(refused));
        focusFirstError(form.current);
      },
    );
  };
  return (
    <form class="stack" ref={form} onSubmit={submit} noValidate>
      <AddressFields draft={draft} errors={errors} destinations={destinations} onChange={setDraft} />
      <label class="check">
        <input type="checkbox" checked={first} onChange={() => setFirst(!first)} />
        {t.account.makeDefault}
      </label>
      {problem && !Object.keys(errors).length && (
        <p class="wrong">{problem.detail || problemTitle(problem)}</p>
      )}
      <Button kind="main" type="submit" big wide busy={busy}>
        {t.save}
      </Button>
    </form>
  );
}

function Addresses() {
  const { data, problem, reload } = useResource("me:addresses", (signal) =>
    api.get<{ items: SavedAddress[] }>("/me/addresses", { signal }),
  );
  const [editing, setEditing] = useState<SavedAddress | "new" | undefined>();
  const done = () => {
    setEditing(undefined);
    reload();
  };
  const forget = (one: SavedAddress) =>
    api.delete(`/me/addresses/${one.id}`).then(
      () => {
        toast(t.account.forgotten);
        reload();
      },
      (error: unknown) => toast(problemTitle(asProblem(error))),
    );
  if (problem && !data) return <ProblemNote problem={problem} retry={reload} />;
  if (!data) return <Bones lines={5} />;
  return (
    <div class="stack">
      {data.items.length === 0 && <Empty title={t.account.noAddresses} text={t.account.noAddressesText} />}
      <ul class="address-list">
        {data.items.map((one) => (
          <li key={one.id} class="card stack-s">
            <address class="plain-address">
              {addressLines(one).map((line, i) =>
                i ? <span key={i}>{line}</span> : <strong key={i}>{line}</strong>,
              )}
            </address>
            {one.default && (
              <p>
                <span class="tag tag-good">{t.account.isDefault}</span>
              </p>
            )}
            <div class="row">
              <Button onClick={() => setEditing(one)}>{t.account.editAddress}</Button>
              <Button kind="plain" onClick={() => forget(one)}>
                {t.account.forget}
              </Button>
            </div>
          </li>
        ))}
      </ul>
      <div>
        <Button kind="main" onClick={() => setEditing("new")}>
          {t.account.addAddress}
        </Button>
      </div>
      <Dialog
        open={editing !== undefined}
        onClose={() => setEditing(undefined)}
        title={editing === "new" ? t.account.addAddress : t.account.editAddress}
      >
        <AddressForm of={editing === "new" ? undefined : editing} onDone={done} />
      </Dialog>
    </div>
  );
}

function Messages() {
  const { data, problem, reload, older, busy } = usePaged<Notification>(
    "me:notifications",
    "/me/notifications",
  );
  if (problem && !data) return <ProblemNote problem={problem} retry={reload} />;
  if (!data) return <Bones lines={5} />;
  if (!data.items.length) return <Empty title={t.account.noMessages} text={t.account.noMessagesText} />;
  return (
    <div class="stack">
      <ul class="lines">
        {data.items.map((one) => (
          <li key={one.id} class="message">
            <span>{one.order_id ? <a href={`/orders/${one.order_id}`}>{one.subject}</a> : one.subject}</span>
            <span class="quiet small">
              {dateTime(one.sent_at ?? one.created_at)}, {t.account.messageStatus[one.status]}
            </span>
          </li>
        ))}
      </ul>
      {data.next_cursor && (
        <Button busy={busy} onClick={older}>
          {t.account.older}
        </Button>
      )}
    </div>
  );
}

function Privacy() {
  const [sure, setSure] = useState(false);
  const [password, setPassword] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const erase = (event: Event) => {
    event.preventDefault();
    if (!password) {
      setError(t.checkout.required);
      return focusFirstError(form.current);
    }
    setBusy(true);
    api
      .delete("/me", { body: { password } })
      .then(
        () => {
          signedOut();
          toast(t.account.erased);
          navigate("/", { replace: true });
        },
        (cause: unknown) => {
          const problem = asProblem(cause);
          setError(problem.code === "wrong_password" ? t.account.wrongPassword : problemTitle(problem));
          focusFirstError(form.current);
        },
      )
      .finally(() => setBusy(false));
  };
  return (
    <div class="stack">
      <section class="card stack">
        <h2>{t.account.export}</h2>
        <p class="quiet">{t.account.exportText}</p>
        <div>
          <a class="btn btn-line" href={apiUrl("/me/export")} download>
            {t.account.exportDo}
          </a>
        </div>
      </section>
      <section class="card stack">
        <h2>{t.account.erase}</h2>
        <p class="quiet">{t.account.eraseText}</p>
        <div>
          <Button kind="bad" onClick={() => setSure(true)}>
            {t.account.eraseDo}
          </Button>
        </div>
      </section>
      <Dialog open={sure} onClose={() => setSure(false)} title={t.account.erase} kind="box">
        <form class="stack" ref={form} onSubmit={erase} noValidate>
          <p>{t.account.eraseText}</p>
          <Field
            label={t.account.eraseSure}
            type="password"
            autocomplete="current-password"
            value={password}
            error={error}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
          <div class="row">
            <Button kind="bad" type="submit" busy={busy}>
              {t.account.eraseDo}
            </Button>
            <Button onClick={() => setSure(false)}>{t.cancel}</Button>
          </div>
        </form>
      </Dialog>
    </div>
  );
}

const TABS = ["orders", "profile", "addresses", "messages", "privacy"] as const;
type Tab = (typeof TABS)[number];

function Account() {
  useTitle(t.account.title);
  const [problem, setProblem] = useState<ApiProblem>();
  const part = place.value.path.split("/")[2] ?? "orders";
  const tab: Tab = TABS.includes(part as Tab) ? (part as Tab) : "orders";
  const ask = () => {
    setProblem(undefined);
    loadSession().then(
      (who) => {
        if (!who) navigate(`/sign-in?next=${encodeURIComponent(place.value.path)}`, { replace: true });
      },
      (error: unknown) => setProblem(asProblem(error)),
    );
  };
  useEffect(ask, [user.value === null]);
  const who = user.value;
  if (problem) return <ProblemNote problem={problem} retry={ask} />;
  if (!who) return <Bones lines={6} />;
  const parts: Record<Tab, ComponentChildren> = {
    orders: <Orders />,
    profile: <Profile key={who.id} of={who} />,
    addresses: <Addresses />,
    messages: <Messages />,
    privacy: <Privacy />,
  };
  return (
    <div class="stack-l">
      <div class="spread">
        <h1>{t.account.title}</h1>
        <Button
          kind="plain"
          onClick={() =>
            signOut().then(
              () => {
                toast(t.auth.signedOut);
                navigate("/", { replace: true });
                dropResources("me:");
              },
              (error: unknown) => toast(problemTitle(asProblem(error))),
            )
          }
        >
          {t.auth.out}
        </Button>
      </div>
      <nav class="tabs" aria-label={t.account.title}>
        {TABS.map((one) => (
          <a
            key={one}
            href={one === "orders" ? "/account" : `/account/${one}`}
            aria-current={one === tab ? "page" : undefined}
          >
            {t.account.tabs[one]}
          </a>
        ))}
      </nav>
      <div class="account-part">{parts[tab]}</div>
    </div>
  );
}

export { Account as page };
