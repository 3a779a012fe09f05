/*
 * mail_probe ENGINE: sends each message that stands, one JSON object a line, on standard input
 * through one engine ("file:DIRECTORY" or "smtp://[user:password@]host:port"), and answers each
 * with a line: "ok", or
 * "<code> <reason> <field>: <message>".
 */
#include "json.h"
#include "mail.h"
#include "secure.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int open_engine(const char *url, struct mail **mail, struct error *error)
{
    if (text_starts_with(url, "file:"))
        return mail_file_open(mail, url + 5, /* sync= */ true, error);
    struct mail_smtp_options options = {
        .url = url,
        .user = getenv("MAIL_USER"),
        .password = getenv("MAIL_PASSWORD"),
        .hello = "probe.example",
        .timeout_ms = 3000,
        .tls = getenv("MAIL_TLS") ? MAIL_TLS_REQUIRE : MAIL_TLS_NONE,
    };
    return mail_smtp_open(mail, &options, error);
}

static void send_line(struct mail *mail, const char *line, size_t length)
{
    struct error error = {0};
    CLEANUP_JSON json_t *json = NULL;
    if (json_read_object(line, length, &json, &error) == 0) {
        struct mail_message message = {
            .message_id = json_text_or(json, "message_id", NULL),
            .from = {json_text_or(json, "from_name", NULL), json_text_or(json, "from", NULL)},
            .to = {json_text_or(json, "to_name", NULL), json_text_or(json, "to", NULL)},
            .subject = json_text_or(json, "subject", NULL),
            .text = json_text_or(json, "text", NULL),
            .html = json_text_or(json, "html", NULL),
            .list_unsubscribe = json_text_or(json, "list_unsubscribe", NULL),
            .date_ms = json_int_or(json, "date_ms", 0),
        };
        mail_send(mail, &message, &error);
    }
    if (error.code == 0)
        puts("ok");
    else
        printf("%s %s %s: %s\n", error_code_name(error.code), error.reason, error.field,
            error.message);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct error error;
    struct mail *mail;
    if (argc != 2)
        return 2;
    secure_init();
    if (open_engine(argv[1], &mail, &error) != 0) {
        printf("%s %s %s: %s\n", error_code_name(error.code), error.reason, error.field,
            error.message);
        return 1;
    }
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    while ((length = getline(&line, &size, stdin)) > 0)
        send_line(mail, line, (size_t)length);
    free(line);
    mail_close(mail);
    return 0;
}
