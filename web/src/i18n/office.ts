/** The back office's texts in the reader's language; kept apart so that shoppers never load them. */
import { office } from "./office.en.ts";

export type OfficeTexts = typeof office;

export const o: OfficeTexts = office;
