#include "mime.h"

#include "buffer.h"
#include "secure.h"
#include "text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINE_MAX_SOFT 76
#define NAME_MAX_BYTES 200
#define SUBJECT_MAX_BYTES 500
#define MESSAGE_ID_MAX 250
#define URL_MAX 900
#define BODY_MAX ((size_t)4 * 1024 * 1024)

#define WORD_FRAME 12 /* "=?UTF-8?B?" and "?=" */

static int wrong(const char *field, const char *what, struct error *error)
{
    return error_set(
        error, ERROR_INVALID, "mail_message", field, "the message's %s %s", field, what);
}

/* No control characters at all: what would end the line ends the header injection too. */
static int check_line(const char *text, size_t max, const char *field, struct error *error)
{
    size_t length = strlen(text);
    if (length > max)
        return wrong(field, "is too long", error);
    if (!utf8_valid(text, length))
        return wrong(field, "is not UTF-8", error);
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return wrong(field, "holds a line break or control character", error);
    return 0;
}

static int check_person(const struct mail_person *person, const char *field, struct error *error)
{
    if (!mail_address_valid(person->address))
        return wrong(field, "is no e-mail address", error);
    return person->name ? check_line(person->name, NAME_MAX_BYTES, field, error) : 0;
}

/* Printable ASCII without blanks or angle brackets. */
static bool token_valid(const char *text, size_t max)
{
    size_t length = strlen(text);
    for (const char *c = text; *c; c++)
        if (*c <= 0x20 || *c >= 0x7f || *c == '<' || *c == '>')
            return false;
    return length > 0 && length <= max;
}

static bool message_id_valid(const char *id)
{
    const char *at = id ? strchr(id, '@') : NULL;
    return at && at != id && at[1] && !strchr(at + 1, '@') && token_valid(id, MESSAGE_ID_MAX) &&
           !strpbrk(id, "\"(),:;\\[]");
}

static bool unsubscribe_valid(const char *url)
{
    return token_valid(url, URL_MAX) && !strchr(url, ',') &&
           (text_starts_with(url, "https://") || text_starts_with(url, "http://") ||
               text_starts_with(url, "mailto:"));
}

static int check_body(const char *text, const char *field, struct error *error)
{
    size_t length = strlen(text);
    if (length > BODY_MAX)
        return wrong(field, "is too long", error);
    return utf8_valid(text, length) ? 0 : wrong(field, "is not UTF-8", error);
}

static int check(const struct mail_message *message, struct error *error)
{
    int rc;
    if (!message_id_valid(message->message_id))
        return wrong("message_id", "is not of the form left@right", error);
    if ((rc = check_person(&message->from, "from", error)) != 0 ||
        (rc = check_person(&message->to, "to", error)) != 0)
        return rc;
    if (!message->subject || !*message->subject)
        return wrong("subject", "is missing", error);
    if ((rc = check_line(message->subject, SUBJECT_MAX_BYTES, "subject", error)) != 0)
        return rc;
    if (!message->text)
        return wrong("text", "is missing", error);
    if ((rc = check_body(message->text, "text", error)) != 0)
        return rc;
    if (message->html && (rc = check_body(message->html, "html", error)) != 0)
        return rc;
    if (message->list_unsubscribe && !unsubscribe_valid(message->list_unsubscribe))
        return wrong("list_unsubscribe", "is no https or mailto URL", error);
    return 0;
}

static bool is_ascii(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

static void append_base64(struct buffer *buffer, const unsigned char *data, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        unsigned bits = (unsigned)data[i] << 16 | (left > 1 ? (unsigned)data[i + 1] << 8 : 0) |
                        (left > 2 ? data[i + 2] : 0);
        buffer_append_char(buffer, digits[bits >> 18]);
        buffer_append_char(buffer, digits[bits >> 12 & 63]);
        buffer_append_char(buffer, left > 1 ? digits[bits >> 6 & 63] : '=');
        buffer_append_char(buffer, left > 2 ? digits[bits & 63] : '=');
    }
}

static size_t column(const struct buffer *buffer)
{
    const char *line = buffer->length ? memrchr(buffer->data, '\n', buffer->length) : NULL;
    return line ? (size_t)(buffer->data + buffer->length - line - 1) : buffer->length;
}

/* RFC 2047 in base64, one word a line, none cutting a character in two. */
static void append_encoded_words(struct buffer *buffer, const char *text)
{
    size_t length = strlen(text);
    for (size_t start = 0; start < length;) {
        if (start)
            buffer_append_text(buffer, "\r\n ");
        size_t room = (LINE_MAX_SOFT - WORD_FRAME - column(buffer)) / 4 * 3;
        size_t end = start + room < length ? start + room : length;
        while (end < length && ((unsigned char)text[end] & 0xc0) == 0x80)
            end--;
        buffer_append_text(buffer, "=?UTF-8?B?");
        append_base64(buffer, (const unsigned char *)text + start, end - start);
        buffer_append_text(buffer, "?=");
        start = end;
    }
}

/* Text that needs no encoding and whose words all fit a line; folded at single blanks. Leading,
 * trailing and doubled blanks are not trusted to survive folding, and "=?" would be decoded. */
static bool foldable(const char *text)
{
    size_t word = 0;
    if (!is_ascii(text) || strstr(text, "=?") || strstr(text, "  ") || *text == ' ' ||
        text_ends_with(text, " "))
        return false;
    for (; *text; text++) {
        word = *text == ' ' ? 0 : word + 1;
        if (word > LINE_MAX_SOFT - 20)
            return false;
    }
    return true;
}

static void append_folded(struct buffer *buffer, const char *text)
{
    while (*text) {
        size_t word = strcspn(text, " ");
        if (column(buffer) + word + 1 > LINE_MAX_SOFT)
            buffer_append_text(buffer, "\r\n");
        if (buffer->data[buffer->length - 1] != ' ')
            buffer_append_char(buffer, ' ');
        buffer_append(buffer, text, word);
        text += word + (text[word] == ' ');
    }
}

static void append_unstructured(struct buffer *buffer, const char *name, const char *text)
{
    buffer_printf(buffer, "%s: ", name);
    if (foldable(text))
        append_folded(buffer, text);
    else
        append_encoded_words(buffer, text);
    buffer_append_text(buffer, "\r\n");
}

/* A display name: a quoted string where it is ASCII, else encoded words. */
static void append_phrase(struct buffer *buffer, const char *name)
{
    if (!is_ascii(name) || strstr(name, "=?") || strlen(name) > LINE_MAX_SOFT - 16) {
        append_encoded_words(buffer, name);
        return;
    }
    buffer_append_char(buffer, '"');
    for (; *name; name++) {
        if (*name == '"' || *name == '\\')
            buffer_append_char(buffer, '\\');
        buffer_append_char(buffer, *name);
    }
    buffer_append_char(buffer, '"');
}

static void append_person(
    struct buffer *buffer, const char *field, const struct mail_person *person)
{
    buffer_printf(buffer, "%s: ", field);
    if (!person->name || !*person->name) {
        buffer_printf(buffer, "%s\r\n", person->address);
        return;
    }
    append_phrase(buffer, person->name);
    bool fits = column(buffer) + strlen(person->address) + 3 <= LINE_MAX_SOFT;
    buffer_printf(buffer, "%s<%s>\r\n", fits ? " " : "\r\n ", person->address);
}

/* Not strftime: names of days and months do not follow the locale. */
static void append_date(struct buffer *buffer, int64_t unix_ms)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm tm = {0};
    gmtime_r(&seconds, &tm);
    buffer_printf(buffer, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday],
        tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static bool line_ends(const char *c)
{
    return *c == '\0' || *c == '\n' || (*c == '\r' && c[1] == '\n');
}

/* Whether the byte may stand for itself, at the beginning of a line when `first` (RFC 2045, 6.7).
 * Escaped are also a blank at the end of a line, which may be lost on the way, and what a mail
 * server could take amiss at the beginning of one. */
static bool stands_for_itself(const char *c, bool first)
{
    if (first && (*c == '.' || text_starts_with(c, "From ")))
        return false;
    if (*c == ' ' || *c == '\t')
        return !line_ends(c + 1);
    return *c > 0x20 && *c < 0x7f && *c != '=';
}

/* A line has at most 76 bytes, its soft break included. */
static void append_quoted_printable(struct buffer *buffer, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    /* An escape is three bytes, a soft break three more after at least 24: room for all at once,
     * because a body goes byte by byte. */
    buffer_reserve(buffer, strlen(text) * 4 + 4);
    char *out = buffer->data + buffer->length;
    size_t used = 0;
    for (const char *c = text; *c; c++) {
        if (line_ends(c)) {
            c += *c == '\r';
            out = mempcpy(out, "\r\n", 2);
            used = 0;
            continue;
        }
        size_t size = stands_for_itself(c, used == 0 || used >= LINE_MAX_SOFT - 1) ? 1 : 3;
        if (used + size > LINE_MAX_SOFT - 1) {
            out = mempcpy(out, "=\r\n", 3);
            used = 0;
        }
        used += size;
        if (size == 1) {
            *out++ = *c;
        } else {
            *out++ = '=';
            *out++ = hex[(unsigned char)*c >> 4];
            *out++ = hex[*c & 15];
        }
    }
    *out = '\0';
    buffer->length = (size_t)(out - buffer->data);
}

static void append_part(struct buffer *buffer, const char *type, const char *body)
{
    buffer_printf(buffer,
        "Content-Type: %s; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
        type);
    append_quoted_printable(buffer, body);
}

static void append_header(struct buffer *buffer, const struct mail_message *message)
{
    append_date(buffer, message->date_ms);
    append_person(buffer, "From", &message->from);
    append_person(buffer, "To", &message->to);
    buffer_printf(buffer, "Message-ID: <%s>\r\n", message->message_id);
    append_unstructured(buffer, "Subject", message->subject);
    if (message->list_unsubscribe) {
        buffer_printf(buffer, "List-Unsubscribe: <%s>\r\n", message->list_unsubscribe);
        if (text_starts_with(message->list_unsubscribe, "https://"))
            buffer_append_text(buffer, "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
    }
    buffer_append_text(buffer, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");
}

int mime_write(struct buffer *buffer, const struct mail_message *message, struct error *error)
{
    int rc = check(message, error);
    if (rc != 0)
        return rc;
    append_header(buffer, message);
    if (!message->html) {
        append_part(buffer, "text/plain", message->text);
        if (buffer->data[buffer->length - 1] != '\n')
            buffer_append_text(buffer, "\r\n");
        return 0;
    }
    /* The boundary comes from the id, so that a repeat has the same bytes. No body can hold it:
     * "=_" cannot stand in quoted-printable. The line end before it is its own, not the body's. */
    char hash[SECURE_SHA256_HEX_SIZE];
    secure_sha256_hex(message->message_id, strlen(message->message_id), hash);
    hash[32] = '\0';
    buffer_printf(buffer, "Content-Type: multipart/alternative; boundary=\"=_%s\"\r\n\r\n", hash);
    buffer_printf(buffer, "--=_%s\r\n", hash);
    append_part(buffer, "text/plain", message->text);
    buffer_printf(buffer, "\r\n--=_%s\r\n", hash);
    append_part(buffer, "text/html", message->html);
    buffer_printf(buffer, "\r\n--=_%s--\r\n", hash);
    return 0;
}
