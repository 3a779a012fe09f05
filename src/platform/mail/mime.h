/*
 * The wire form of a message: RFC 5322 header, RFC 2047 encoded words, RFC 2045 bodies
 * (multipart/alternative when there is HTML). Lines end in CRLF and have at most 76 bytes where the
 * format lets us fold, never more than 998.
 */
#ifndef PLATFORM_MIME_H
#define PLATFORM_MIME_H

#include "error.h"
#include "mail.h"

struct buffer;

/* Appends the message. ERROR_INVALID names the field that is missing, is not UTF-8, holds a line
 * break, NUL or other control character, is no address, or is too long; the buffer is then as
 * before. The same message gives the same bytes. */
int mime_write(struct buffer *buffer, const struct mail_message *message, struct error *error);

#endif
