/* What every mail engine keeps, run against each: in memory, as files, and through a real server
 * (Debian's aiosmtpd, which this suite starts and stops). */
#include "engines.h"
#include "mail.h"
#include "secure.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define TEXT_MAX 65536

struct fixture {
    struct mail *mail;
    char directory[64];
    char inbox[96]; /* where the engine's messages end as files, "" for none */
    pid_t server;
};

static void open_memory(struct fixture *f)
{
    f->mail = mail_memory_new();
}

static void open_file(struct fixture *f)
{
    struct error error;
    snprintf(f->inbox, sizeof(f->inbox), "%s/mail", f->directory);
    assert_int_equal(mail_file_open(&f->mail, f->inbox, /* sync= */ false, &error), 0);
}

static int bind_loopback(struct sockaddr_in *address)
{
    socklen_t length = sizeof(*address);
    *address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)address, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, &length), 0);
    return fd;
}

static bool answers(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool good = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
    close(fd);
    return good;
}

static void open_smtp(struct fixture *f)
{
    struct sockaddr_in address;
    char listen[32], url[64], maildir[80];
    close(bind_loopback(&address));
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", ntohs(address.sin_port));
    snprintf(url, sizeof(url), "smtp://%s", listen);
    snprintf(maildir, sizeof(maildir), "%s/maildir", f->directory);
    snprintf(f->inbox, sizeof(f->inbox), "%s/new", maildir);
    char *const args[] = {"python3", "-m", "aiosmtpd", "-n", "-l", listen, "-c",
        "aiosmtpd.handlers.Mailbox", maildir, NULL};
    assert_int_equal(posix_spawn(&f->server, "/usr/bin/python3", NULL, NULL, args, environ), 0);
    for (int i = 0; i < 200 && !answers(&address); i++)
        usleep(50000);
    struct error error;
    struct mail_smtp_options options = {.url = url, .hello = "shop.example", .timeout_ms = 5000};
    assert_int_equal(mail_smtp_open(&f->mail, &options, &error), 0);
}

static const struct engine {
    const char *name;
    void (*open)(struct fixture *f);
} engines[] = {{"mail, memory", open_memory}, {"mail, file", open_file}, {"mail, smtp", open_smtp}};
static const struct engine *engine;

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    engine_directory(f->directory);
    engine->open(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    mail_close(f->mail);
    if (f->server) {
        kill(f->server, SIGTERM);
        waitpid(f->server, NULL, 0);
    }
    engine_directory_remove(f->directory);
    test_free(f);
    return 0;
}

static size_t read_file(const char *directory, const char *name, char *text)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t length = fread(text, 1, TEXT_MAX - 1, file);
    text[length] = '\0';
    fclose(file);
    return length;
}

/* How many messages arrived; `text` receives the one that holds `mark`. */
static int arrived(struct fixture *f, const char *mark, char *text)
{
    int count = 0;
    *text = '\0';
    if (!*f->inbox) {
        for (const char *one; (one = mail_memory_get(f->mail, (size_t)count)); count++)
            if (strstr(one, mark))
                strcpy(text, one);
        return count;
    }
    DIR *dir = opendir(f->inbox);
    char one[TEXT_MAX];
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        count++;
        read_file(f->inbox, entry->d_name, one);
        if (strstr(one, mark))
            strcpy(text, one);
    }
    if (dir)
        closedir(dir);
    return count;
}

static struct mail_message sample(void)
{
    return (struct mail_message){
        .message_id = "01JTEST@shop.example",
        .from = {"Wine Store", "shop@shop.example"},
        .to = {"Zo\xc3\xab", "zoe@customer.example"},
        .subject = "Your order",
        .text = "Dear Zo\xc3\xab,\nthank you.\n.\nline after a dot\n",
        .html = "<p>Dear Zo\xc3\xab</p>",
        .list_unsubscribe = "https://shop.example/u/1",
        .date_ms = 1767225600000,
    };
}

static void a_message_arrives(void **state)
{
    struct fixture *f = *state;
    struct error error;
    char text[TEXT_MAX];
    struct mail_message message = sample();
    assert_int_equal(mail_send(f->mail, &message, &error), 0);
    assert_int_equal(arrived(f, "01JTEST", text), 1);
    assert_non_null(strstr(text, "Message-ID: <01JTEST@shop.example>"));
    assert_non_null(strstr(text, "From: \"Wine Store\" <shop@shop.example>"));
    assert_non_null(strstr(text, "<zoe@customer.example>"));
    assert_non_null(strstr(text, "Subject: Your order"));
    assert_non_null(strstr(text, "Date: Thu, 01 Jan 2026 00:00:00 +0000"));
    assert_non_null(strstr(text, "List-Unsubscribe: <https://shop.example/u/1>"));
    assert_non_null(strstr(text, "Dear Zo=C3=AB"));
    assert_non_null(strstr(text, "line after a dot"));
}

static void many_messages_arrive(void **state)
{
    struct fixture *f = *state;
    struct error error;
    char text[TEXT_MAX], id[64];
    for (int i = 0; i < 20; i++) {
        struct mail_message message = sample();
        snprintf(id, sizeof(id), "id-%d@shop.example", i);
        message.message_id = id;
        assert_int_equal(mail_send(f->mail, &message, &error), 0);
    }
    assert_int_equal(arrived(f, "<id-19@shop.example>", text), 20);
    assert_true(*text);
}

static void a_wrong_message_is_refused_and_the_next_one_sent(void **state)
{
    struct fixture *f = *state;
    struct error error;
    char text[TEXT_MAX];
    struct mail_message message = sample();
    message.subject = "Hello\r\nBcc: victim@example.com";
    assert_int_equal(mail_send(f->mail, &message, &error), ERROR_INVALID);
    assert_string_equal(error.field, "subject");
    message = sample();
    message.to.address = "no address";
    assert_int_equal(mail_send(f->mail, &message, &error), ERROR_INVALID);
    assert_string_equal(error.field, "to");
    assert_int_equal(arrived(f, "x", text), 0);
    message = sample();
    assert_int_equal(mail_send(f->mail, &message, &error), 0);
    assert_int_equal(arrived(f, "x", text), 1);
}

static void *send_some(void *ctx)
{
    struct error error;
    intptr_t failures = 0;
    for (int i = 0; i < 5; i++) {
        struct mail_message message = sample();
        char id[64];
        snprintf(id, sizeof(id), "t%lx-%d@shop.example", (long)pthread_self(), i);
        message.message_id = id;
        failures += mail_send(ctx, &message, &error) != 0;
    }
    return (void *)failures;
}

static void threads_share_it(void **state)
{
    struct fixture *f = *state;
    char text[TEXT_MAX];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, send_some, f->mail);
    for (int i = 0; i < 4; i++) {
        void *failures;
        pthread_join(threads[i], &failures);
        assert_null(failures);
    }
    assert_int_equal(arrived(f, "x", text), 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_arrives, setup, teardown),
        cmocka_unit_test_setup_teardown(many_messages_arrive, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_wrong_message_is_refused_and_the_next_one_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_share_it, setup, teardown),
    };
    int failures = 0;
    secure_init();
    for (engine = engines; engine < engines + sizeof(engines) / sizeof(*engines); engine++)
        failures += cmocka_run_group_tests_name(engine->name, tests, NULL, NULL);
    return failures;
}
