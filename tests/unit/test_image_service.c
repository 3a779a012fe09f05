/*
 * The image service with the real worker, and with false ones that fail in every way a process can.
 * The programs lie beside this one in the build's directories.
 */
#include "arena.h"
#include "blob.h"
#include "clock.h"
#include "engines.h"
#include "image_frame.h"
#include "image_process.h"
#include "image_service.h"
#include "json.h"
#include "metrics.h"
#include "queue.h"
#include "router.h"
#include "secure.h"
#include "timer.h"
#include "upstream.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#define WINE "01JA0000000000000000000001"
#define UPLOAD "01JB0000000000000000000001"
#define MESSAGE                                                                                    \
    "{\"upload_id\":\"" UPLOAD "\",\"wine_id\":\"" WINE "\",\"blob\":\"uploads/" UPLOAD "\"}"

static char build[PATH_MAX]; /* the root of the build */

struct fixture {
    char directory[64];
    struct timers *timers;
    struct queue *queue;
    struct blob *blob;
    struct metrics *metrics;
    struct upstream *product;
    struct router *router;
    struct image_service *service;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    int answers[8]; /* what the product service says, in turn; 0 is 204 */
    int calls;
    char wine[32], body[1024]; /* of the last call */
};

static void note_images(void *ctx, struct exchange *exchange)
{
    struct fixture *f = ctx;
    pthread_mutex_lock(&f->lock);
    int status = f->answers[f->calls] ? f->answers[f->calls] : 204;
    f->calls++;
    snprintf(f->wine, sizeof(f->wine), "%s", exchange->request.params[0]);
    snprintf(f->body, sizeof(f->body), "%s", exchange->request.body);
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    if (status < 300)
        http_reply_empty(exchange, status);
    else
        http_problem(exchange, status, status == 404 ? "not_found" : "refused", NULL, "no");
}

static const struct route routes[] = {
    {HTTP_POST, "/internal/wines/{id}/images", note_images},
    {0},
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    engine_directory(f->directory);
    f->timers = timers_new();
    f->queue = queue_memory_new("images", &(struct queue_options){.timers = f->timers});
    f->blob = blob_memory_new();
    f->metrics = metrics_new();
    f->product = upstream_local("product");
    f->router = router_new(routes, f);
    upstream_set_router(f->product, f->router);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->service)
        image_service_stop(f->service);
    image_service_free(f->service);
    queue_close(f->queue);
    timers_free(f->timers);
    blob_close(f->blob);
    metrics_free(f->metrics);
    upstream_free(f->product);
    router_free(f->router);
    engine_directory_remove(f->directory);
    test_free(f);
    return 0;
}

/* A worker that is a shell script; its path lives until the next call. */
static const char *script(struct fixture *f, const char *text)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/worker", f->directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", text);
    fclose(file);
    assert_int_equal(chmod(path, 0755), 0);
    return path;
}

static const char *real_worker(void)
{
    static char path[PATH_MAX + 64];
    snprintf(path, sizeof(path), "%s/src/services/image/worker/winestore-image", build);
    return path;
}

static void start_service(struct fixture *f, const char *worker)
{
    struct error error = {0};
    struct image_service_options options = {.queue = f->queue,
        .blob = f->blob,
        .product = f->product,
        .metrics = f->metrics,
        .worker = worker,
        .deadline_ms = strcmp(worker, real_worker()) == 0 ? 20000 : 500,
        .retry_ms = 20};
    assert_int_equal(image_service_new(&f->service, &options, &error), 0);
    assert_int_equal(image_service_start(f->service, &error), 0);
}

static void put_upload(struct fixture *f, const char *maker_arguments)
{
    char command[PATH_MAX + 128];
    static char bytes[4 << 20];
    struct error error;
    snprintf(command, sizeof(command), "%s/tests/tools/picture_maker %s", build, maker_arguments);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t length = fread(bytes, 1, sizeof(bytes), pipe);
    assert_int_equal(pclose(pipe), 0);
    assert_int_equal(blob_put(f->blob, "uploads/" UPLOAD, "image/jpeg", bytes, length, &error), 0);
}

static void put_text(struct fixture *f, const char *text)
{
    struct error error;
    assert_int_equal(
        blob_put(f->blob, "uploads/" UPLOAD, "image/jpeg", text, strlen(text), &error), 0);
}

static void send_message(struct fixture *f, const char *body)
{
    struct queue_message message = {
        .id = UPLOAD, .key = WINE, .body = body, .length = strlen(body)};
    queue_send(f->queue, &message, 1, NULL, NULL);
}

/* Waits until the queue has nothing to do, and returns how many calls the product service got. */
static int await_quiet(struct fixture *f)
{
    struct queue_stats stats;
    for (int i = 0; i < 2000; i++) {
        queue_stats(f->queue, &stats);
        if (stats.waiting == 0 && stats.in_flight == 0)
            break;
        usleep(10000);
    }
    assert_int_equal(stats.waiting + stats.in_flight, 0);
    pthread_mutex_lock(&f->lock);
    int calls = f->calls;
    pthread_mutex_unlock(&f->lock);
    return calls;
}

static int64_t dead_letters(struct fixture *f)
{
    struct queue_stats stats;
    queue_stats(f->queue, &stats);
    return stats.dead;
}

static void assert_failed(struct fixture *f, const char *why)
{
    struct error error;
    json_t *body = NULL;
    assert_int_equal(json_read_object(f->body, strlen(f->body), &body, &error), 0);
    assert_string_equal(json_text_or(body, "upload_id", ""), UPLOAD);
    assert_int_equal(json_array_size(json_object_get(body, "images")), 0);
    assert_non_null(strstr(json_text_or(body, "error", ""), why));
    json_decref(body);
}

static void a_picture_becomes_three_sizes(void **state)
{
    struct fixture *f = *state;
    struct error error;
    put_upload(f, "jpeg 1500 2000");
    start_service(f, real_worker());
    send_message(f, MESSAGE);
    assert_int_equal(await_quiet(f), 1);
    assert_string_equal(f->wine, WINE);
    assert_string_equal(f->body,
        "{\"upload_id\":\"" UPLOAD "\",\"images\":["
        "{\"url\":\"/media/images/" WINE "/" UPLOAD "-300.webp\",\"width\":300},"
        "{\"url\":\"/media/images/" WINE "/" UPLOAD "-600.webp\",\"width\":600},"
        "{\"url\":\"/media/images/" WINE "/" UPLOAD "-1000.webp\",\"width\":1000}],"
        "\"error\":null}");
    static const int widths[] = {300, 600, 1000};
    for (int i = 0; i < 3; i++) {
        char name[128];
        CLEANUP_BLOB_OBJECT struct blob_object object = {0};
        snprintf(name, sizeof(name), "images/" WINE "/" UPLOAD "-%d.webp", widths[i]);
        assert_int_equal(blob_get(f->blob, name, 1 << 20, &object, &error), 0);
        assert_string_equal(object.info.type, "image/webp");
        assert_memory_equal(object.data, "RIFF", 4);
    }
    assert_int_equal(dead_letters(f), 0);
}

static void a_small_picture_keeps_its_size(void **state)
{
    struct fixture *f = *state;
    put_upload(f, "png 200 100");
    start_service(f, real_worker());
    send_message(f, MESSAGE);
    assert_int_equal(await_quiet(f), 1);
    assert_non_null(strstr(f->body, "-200.webp\",\"width\":200}],\"error\":null}"));
}

static void what_is_no_picture_is_reported_once(void **state)
{
    struct fixture *f = *state;
    put_text(f, "<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
    start_service(f, real_worker());
    send_message(f, MESSAGE);
    assert_int_equal(await_quiet(f), 1);
    assert_failed(f, "no JPEG, PNG or WebP");
    assert_int_equal(dead_letters(f), 0);
}

static void a_gone_upload_is_reported(void **state)
{
    struct fixture *f = *state;
    start_service(f, real_worker());
    send_message(f, MESSAGE);
    assert_int_equal(await_quiet(f), 1);
    assert_failed(f, "gone");
}

static void a_bad_message_is_a_dead_letter(void **state)
{
    struct fixture *f = *state;
    static const char *const bodies[] = {"", "[]", "{", "{\"upload_id\":\"" UPLOAD "\"}",
        "{\"upload_id\":\"../x\",\"wine_id\":\"" WINE "\",\"blob\":\"b\"}",
        "{\"upload_id\":\"" UPLOAD "\",\"wine_id\":\"" WINE "\",\"blob\":7}"};
    start_service(f, real_worker());
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        char id[16];
        snprintf(id, sizeof(id), "m%zu", i);
        struct queue_message message = {
            .id = id, .key = "", .body = bodies[i], .length = strlen(bodies[i])};
        queue_send(f->queue, &message, 1, NULL, NULL);
    }
    assert_int_equal(await_quiet(f), 0);
    assert_int_equal(dead_letters(f), sizeof(bodies) / sizeof(*bodies));
}

static void a_bad_blob_name_is_reported(void **state)
{
    struct fixture *f = *state;
    start_service(f, real_worker());
    send_message(f, "{\"upload_id\":\"" UPLOAD "\",\"wine_id\":\"" WINE "\",\"blob\":\"../keys\"}");
    assert_int_equal(await_quiet(f), 1);
}

static void the_product_service_is_asked_again(void **state)
{
    struct fixture *f = *state;
    put_upload(f, "png 50 50");
    f->answers[0] = f->answers[1] = 503;
    start_service(f, real_worker());
    send_message(f, MESSAGE);
    assert_int_equal(await_quiet(f), 3);
    assert_int_equal(dead_letters(f), 0);
}

static void an_unknown_wine_is_dropped(void **state)
{
    struct fixture *f = *state;
    put_upload(f, "png 50 50");
    f->answers[0] = 404;
    start_service(f, real_worker());
    send_message(f, MESSAGE);
    assert_int_equal(await_quiet(f), 1);
    assert_int_equal(dead_letters(f), 0);
}

static void a_refusal_is_a_dead_letter(void **state)
{
    struct fixture *f = *state;
    put_upload(f, "png 50 50");
    f->answers[0] = 422;
    start_service(f, real_worker());
    send_message(f, MESSAGE);
    assert_int_equal(await_quiet(f), 1);
    assert_int_equal(dead_letters(f), 1);
}

static void a_failing_worker_is_tried_thrice_and_reported(void **state)
{
    struct fixture *f = *state;
    static const char *const scripts[] = {
        "cat >/dev/null; exit 4",
        "kill -SEGV $$",
        "exec sleep 30",
        "while :; do echo words; done >&2",
        "exit 77",
    };
    put_text(f, "whatever");
    for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
        f->calls = 0;
        start_service(f, script(f, scripts[i]));
        char id[16];
        snprintf(id, sizeof(id), "m%zu", i);
        struct queue_message message = {
            .id = id, .key = WINE, .body = MESSAGE, .length = strlen(MESSAGE)};
        queue_send(f->queue, &message, 1, NULL, NULL);
        assert_int_equal(await_quiet(f), 1);
        assert_failed(f, "could not be unpacked");
        image_service_stop(f->service);
        image_service_free(f->service);
        f->service = NULL;
    }
    assert_int_equal(dead_letters(f), 0);
}

static void an_answer_that_is_no_frame_is_not_believed(void **state)
{
    struct fixture *f = *state;
    put_text(f, "whatever");
    start_service(f, script(f, "cat >/dev/null; printf 'WIMG\\0\\0\\0\\1'; exit 0"));
    send_message(f, MESSAGE);
    assert_int_equal(await_quiet(f), 0);
    assert_int_equal(dead_letters(f), 1);
}

static void a_missing_worker_is_told(void **state)
{
    struct fixture *f = *state;
    struct error error;
    struct image_service *service = NULL;
    struct image_service_options options = {.queue = f->queue,
        .blob = f->blob,
        .product = f->product,
        .worker = "/nowhere/winestore-image"};
    assert_int_equal(image_service_new(&service, &options, &error), ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, "/nowhere/winestore-image"));
}

static void stopping_gives_the_picture_up(void **state)
{
    struct fixture *f = *state;
    struct error error = {0};
    put_text(f, "whatever");
    struct image_service_options options = {.queue = f->queue,
        .blob = f->blob,
        .product = f->product,
        .worker = script(f, "exec sleep 30")};
    assert_int_equal(image_service_new(&f->service, &options, &error), 0);
    assert_int_equal(image_service_start(f->service, &error), 0);
    send_message(f, MESSAGE);
    usleep(100000);
    int64_t started = clock_monotonic_ms();
    image_service_stop(f->service);
    assert_true(clock_monotonic_ms() - started < 2000);
    struct queue_stats stats;
    queue_stats(f->queue, &stats);
    assert_int_equal(stats.waiting, 1);
    assert_int_equal(stats.in_flight, 0);
}

static struct image_result run(const char *path, const char *data, size_t length, int *rc)
{
    struct error error;
    struct image_result result = {0};
    struct image_process process = {
        .path = path, .deadline_ms = 3000, .cancel_fd = eventfd(0, EFD_CLOEXEC)};
    *rc = image_process_run(&process, data, length, &result, &error);
    close(process.cancel_fd);
    return result;
}

static void a_child_has_nothing_of_ours(void **state)
{
    struct fixture *f = *state;
    int rc, fd = open("/dev/null", O_RDONLY);
    setenv("WINESTORE_SECRET", "x", 1);
    struct image_result result =
        run(script(f, "ls /proc/self/fd | tr '\\n' ' '; env | grep -c SECRET"), "", 0, &rc);
    assert_int_equal(rc, 0);
    /* 3 is the directory that ls reads. */
    assert_string_equal(result.out.data, "0 1 2 3 0\n");
    image_result_release(&result);
    close(fd);
}

static void a_child_need_not_read(void **state)
{
    struct fixture *f = *state;
    int rc;
    char *data = calloc(1, 1 << 20);
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, NULL);
    struct image_result result = run(script(f, "exit 3"), data, 1 << 20, &rc);
    assert_int_equal(rc, 0);
    assert_int_equal(result.exit_code, 3);
    image_result_release(&result);
    free(data);
}

static void a_child_that_floods_is_cut(void **state)
{
    struct fixture *f = *state;
    int rc;
    struct image_result result = run(script(f, "head -c 30000000 /dev/zero; exit 0"), "", 0, &rc);
    assert_int_equal(rc, 0);
    assert_true(result.out.length <= IMAGE_SIZES * (IMAGE_MAX_OUTPUT + 12) + 9);
    image_result_release(&result);
}

static void frames_are_read_with_suspicion(void **state)
{
    (void)state;
    struct error error;
    unsigned char webp[] = "RIFF____WEBPdata";
    struct image_size sizes[IMAGE_SIZES] = {{1000, 1300, 16, webp}, {600, 780, 16, webp}};
    struct image_size again[IMAGE_SIZES];
    struct buffer frame = BUFFER_INIT;
    size_t count = 0;
    image_frame_write(&frame, sizes, 2);
    const unsigned char *bytes = (const unsigned char *)frame.data;
    assert_int_equal(image_frame_read(bytes, frame.length, again, &count, &error), 0);
    assert_int_equal(count, 2);
    assert_int_equal(again[1].width, 600);
    assert_memory_equal(again[1].data, webp, 16);
    for (size_t cut = 0; cut < frame.length; cut++)
        assert_int_equal(image_frame_read(bytes, cut, again, &count, &error), ERROR_INVALID);
    buffer_append_char(&frame, 'x');
    assert_int_equal(
        image_frame_read((const unsigned char *)frame.data, frame.length, again, &count, &error),
        ERROR_INVALID);
    static const struct image_size wrong[][2] = {
        {{600, 1, 16, NULL}, {600, 1, 16, NULL}},
        {{1001, 1, 16, NULL}, {600, 1, 16, NULL}},
        {{0, 1, 16, NULL}, {600, 1, 16, NULL}},
        {{1000, 4001, 16, NULL}, {600, 1, 16, NULL}},
        {{1000, 1, 4, NULL}, {600, 1, 16, NULL}},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct image_size two[2] = {wrong[i][0], wrong[i][1]};
        two[0].data = two[1].data = webp;
        buffer_reset(&frame);
        image_frame_write(&frame, two, 2);
        assert_int_equal(image_frame_read((const unsigned char *)frame.data, frame.length, again,
                             &count, &error),
            ERROR_INVALID);
    }
    buffer_release(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_picture_becomes_three_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_small_picture_keeps_its_size, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_picture_is_reported_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_gone_upload_is_reported, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_message_is_a_dead_letter, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_blob_name_is_reported, setup, teardown),
        cmocka_unit_test_setup_teardown(the_product_service_is_asked_again, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unknown_wine_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_is_a_dead_letter, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_failing_worker_is_tried_thrice_and_reported, setup, teardown),
        cmocka_unit_test_setup_teardown(
            an_answer_that_is_no_frame_is_not_believed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_worker_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(stopping_gives_the_picture_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_child_has_nothing_of_ours, setup, teardown),
        cmocka_unit_test_setup_teardown(a_child_need_not_read, setup, teardown),
        cmocka_unit_test_setup_teardown(a_child_that_floods_is_cut, setup, teardown),
        cmocka_unit_test(frames_are_read_with_suspicion),
    };
    secure_init();
    ssize_t length = readlink("/proc/self/exe", build, sizeof(build) - 1);
    build[length > 0 ? length : 0] = '\0';
    for (int i = 0; i < 3; i++) /* <build>/tests/unit/test_image_service */
        dirname(build);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
