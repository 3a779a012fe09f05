/*
 * Outgoing mail. `mail_send` blocks by contract until the message is handed over (accepted by the
 * server, or on the disk), so it is called on the mail consumer's own thread; an engine serialises
 * its senders. Delivery is at least once: a repeat carries the same Message-ID.
 *
 * What a recipient sees is built here (mime.h), once for every engine. A header field never takes
 * CR, LF or NUL.
 */
#ifndef PLATFORM_MAIL_H
#define PLATFORM_MAIL_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mail;

struct mail_person {
    const char *name; /* display name, UTF-8, or NULL */
    const char *address;
};

struct mail_message {
    const char *message_id; /* without angle brackets: "01J...@shop.example"; stable over repeats */
    struct mail_person from;
    struct mail_person to;
    const char *subject; /* UTF-8, one line */
    const char *text;    /* UTF-8, LF or CRLF; required */
    const char *html;    /* UTF-8, or NULL for a plain text message */
    const char
        *list_unsubscribe; /* https or mailto URL, or NULL; https gets one-click (RFC 8058) */
    int64_t date_ms;       /* the Date field: when it was queued, Unix milliseconds */
};

struct mail_ops {
    int (*send)(struct mail *mail, const struct mail_message *message, struct error *error);
    void (*close)(struct mail *mail);
};

struct mail {
    const struct mail_ops *ops;
};

/* Whether `address` can be written to: local@domain as RFC 5321 limits them, a dot-atom before the
 * '@', a domain name with at least two labels after it (RFC 1035 letters, digits and hyphens;
 * international names as A-labels). Quoted local parts, comments and address literals are refused.
 */
bool mail_address_valid(const char *address);

/* ERROR_INVALID names the field of the message that is wrong and will never work: drop it.
 * ERROR_UNAVAILABLE and ERROR_TIMEOUT: try again later. ERROR_NOT_FOUND, reason "refused": the
 * server refused this recipient or message for good. */
static inline int mail_send(
    struct mail *mail, const struct mail_message *message, struct error *error)
{
    return mail->ops->send(mail, message, error);
}

static inline void mail_close(struct mail *mail)
{
    if (mail)
        mail->ops->close(mail);
}

/* Keeps the messages in memory: for tests. */
struct mail *mail_memory_new(void);

/* What a memory engine was sent: their count, and the wire form (RFC 5322, CRLF) of number `index`
 * or NULL. The text lives until the engine is closed. Only for what mail_memory_new made. */
size_t mail_memory_count(struct mail *mail);
const char *mail_memory_get(struct mail *mail, size_t index);

/* Writes each message to a file `<date>-<message id>.eml` in the directory, which is made if
 * missing; it appears whole. A repeat replaces the file. With `sync` it is on the disk when send
 * returns. */
int mail_file_open(struct mail **out, const char *directory, bool sync, struct error *error);

enum mail_tls {
    MAIL_TLS_NONE,
    MAIL_TLS_TRY,     /* STARTTLS where the server offers it */
    MAIL_TLS_REQUIRE, /* STARTTLS with a certificate that verifies, or no mail; smtps:// always is
                       */
};

struct mail_smtp_options {
    const char *url;      /* smtp://host:port or smtps://host:port */
    const char *user;     /* NULL: no authentication */
    const char *password; /* with user */
    const char *hello;    /* the name we greet with; NULL takes the host's */
    enum mail_tls tls;
    int timeout_ms; /* for a whole message; 0 takes 30 s */
};

/* Sends through an SMTP server, over one connection that is kept. Copies the options. ERROR_INVALID
 * for a URL that is none; the server is first reached by the first message. */
int mail_smtp_open(struct mail **out, const struct mail_smtp_options *options, struct error *error);

#endif
