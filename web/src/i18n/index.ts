/**
 * The texts in the reader's language. A language is one file with the shape of `en.ts`; adding it means
 * importing it here and choosing by `navigator.languages`.
 */
import { en } from "./en.ts";

export type Texts = typeof en;

export const t: Texts = en;
