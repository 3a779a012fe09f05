/** Who is signed in: undefined until asked, null for a stranger. */
import { signal } from "@preact/signals";
import { api, whenSessionOver } from "../api/client.ts";
import type { User } from "../api/types.ts";
import { loadCart } from "./cart.ts";
import { dropResources } from "./resource.ts";
import { hintSignedIn, maybeSignedIn } from "./signals.ts";

export const user = signal<User | null | undefined>(undefined);

let asking: Promise<User | null> | undefined;

/** Asks once; later calls get the same answer. */
export function loadSession(): Promise<User | null> {
  if (user.value !== undefined) return Promise.resolve(user.value);
  asking ??= api
    .get<{ user: User | null }>("/session")
    .then((answer) => {
      user.value = answer.user;
      hintSignedIn(answer.user !== null);
      return answer.user;
    })
    .finally(() => (asking = undefined));
  return asking;
}

/** At the start strangers are not asked after. */
export function startSession(): void {
  whenSessionOver(() => {
    if (user.value) signedOut();
  });
  if (maybeSignedIn()) loadSession().catch(() => undefined);
}

const PERSONAL = ["orders", "order:", "me:", "recommendations"];

function forget(): void {
  for (const prefix of PERSONAL) dropResources(prefix);
}

export async function signIn(email: string, password: string): Promise<User> {
  const answer = await api.post<{ user: User }>("/session", { email, password });
  forget();
  user.value = answer.user;
  hintSignedIn(true);
  void loadCart().catch(() => undefined);
  return answer.user;
}

export async function signOut(): Promise<void> {
  await api.delete("/session");
  signedOut();
}

/** The session is over, here or at the server. */
export function signedOut(): void {
  forget();
  user.value = null;
  hintSignedIn(false);
  void loadCart().catch(() => undefined);
}
