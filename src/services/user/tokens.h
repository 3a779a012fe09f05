/*
 * The secrets in the links of mails: no table, an HMAC of the keyring over account, purpose, nonce
 * and what the token is about. The nonce is the ULID that the mail's message carries as
 * `token_ref`, so the token's age is in it, and the queue holds nothing usable.
 *
 * What a token is bound to makes it work once: a reset token to the password it replaces, a
 * verification to the address it proves. An unsubscribe link works for its year.
 *
 *     token = kind (1 letter) | account (26) | nonce (26) | first 32 hex digits of the MAC
 */
#ifndef SERVICES_USER_TOKENS_H
#define SERVICES_USER_TOKENS_H

#include "store.h"

enum mail_token_kind { MAIL_TOKEN_VERIFY, MAIL_TOKEN_RESET, MAIL_TOKEN_UNSUBSCRIBE };

#define MAIL_TOKEN_SIZE (1 + ID_LENGTH + ID_LENGTH + 32 + 1)

/* "verify", "reset" or "unsubscribe"; -1 for anything else. */
int mail_token_kind_parse(const char *name, enum mail_token_kind *kind);

/* Makes the token for the account as it now is. ERROR_NOT_FOUND when the nonce is no ULID of the
 * past; ERROR_NOT_FOUND with reason "token_expired" when it is too old. */
int mail_token_make(struct keyring *keyring, enum mail_token_kind kind, const struct user_row *row,
    const char *nonce, int64_t now_ms, char token[MAIL_TOKEN_SIZE], int64_t *expires_ms,
    struct error *error);

/* Whose token it claims to be, before anything is proved. ERROR_INVALID, reason "token_invalid". */
int mail_token_account(
    const char *token, enum mail_token_kind kind, char id[ID_SIZE], struct error *error);

/* Checks a token of this account. ERROR_INVALID, reason "token_invalid"; ERROR_NOT_FOUND, reason
 * "token_expired". */
int mail_token_check(struct keyring *keyring, enum mail_token_kind kind, const struct user_row *row,
    const char *token, int64_t now_ms, struct error *error);

#endif
