/*
 * What a request to AWS is signed with: access key, its secret and, for temporary keys, the session
 * token. Immutable, any thread; whoever made them frees them after the last signature. The secret
 * and the token are wiped when they are freed, and never part of an error's text.
 *
 * Keys come from whoever calls (settings, environment); the instance metadata service is not asked.
 */
#ifndef AWS_CREDENTIALS_H
#define AWS_CREDENTIALS_H

#include "error.h"

struct aws_credentials;

/* Copies the texts. `session_token` may be NULL or "". ERROR_INVALID names what is missing or
 * cannot be a key: "aws.access_key_id", "aws.secret_access_key" or "aws.session_token". */
int aws_credentials_new(struct aws_credentials **out, const char *access_key_id,
    const char *secret_access_key, const char *session_token, struct error *error);

/* NULL is fine. */
void aws_credentials_free(struct aws_credentials *credentials);

/* They live as long as the credentials. The token is "" when there is none. */
const char *aws_credentials_key_id(const struct aws_credentials *credentials);
const char *aws_credentials_secret(const struct aws_credentials *credentials);
const char *aws_credentials_token(const struct aws_credentials *credentials);

#endif
