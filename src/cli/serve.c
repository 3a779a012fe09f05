#include "app.h"
#include "cli.h"
#include "clock.h"
#include "log.h"
#include "settings.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: winestore serve [--demo] [--data DIR] [--config FILE] [--set KEY=VALUE]...\n"
    "  --demo  fill an empty catalogue with the demo wines\n"
    "PORT and DATA in the environment override the port and the data directory;\n"
    "`winestore config` lists all settings.";

/* Ctrl-C and SIGTERM stop in order, a second one at once. A handler and not sigwait: OpenBLAS makes
 * a thread before main begins, which blocks nothing, so a signal that comes while this one is not
 * waiting would end the process there. Our own threads block them, so as not to be interrupted. */
static sem_t stop_asked;

static void ask_to_stop(int which)
{
    (void)which;
    sem_post(&stop_asked);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = ask_to_stop, .sa_flags = SA_RESTART | SA_RESETHAND};
    sigset_t signals;
    sem_init(&stop_asked, /* pshared= */ 0, 0);
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

static void wait_for_stop(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    while (sem_wait(&stop_asked) != 0 && errno == EINTR)
        ;
}

static void show_progress(void *ctx, const char *text)
{
    (void)ctx;
    printf("%s\n", text);
    fflush(stdout);
}

static void greet(const struct app *app, const struct config *config, int64_t took_ms)
{
    const char *address = config_text(config, "http.address");
    const char *scheme = *config_text(config, "http.certificate") ? "https" : "http";
    bool here = strcmp(address, "127.0.0.1") == 0 || strcmp(address, "0.0.0.0") == 0;
    printf("The store is open at %s://%s:%u (data in %s, ready in %.2f s)\n", scheme,
        here ? "localhost" : address, app_port(app), config_text(config, "data"),
        (double)took_ms / 1000);
    if (app_admin_password(app))
        printf("Back office: %s://%s:%u/office  e-mail %s  password %s\n"
               "(made at this first start and shown this once)\n",
            scheme, here ? "localhost" : address, app_port(app), app_admin_email(app),
            app_admin_password(app));
    printf("Ctrl-C stops it.\n");
    fflush(stdout);
}

int cli_serve(int argc, char **argv)
{
    struct cli_common common = {0};
    struct app_options options = {.serve = true, .progress = show_progress};
    static const struct option long_options[] = {
        CLI_COMMON_OPTIONS, {"demo", no_argument, NULL, 'D'}, {0}};
    int option;
    while ((option = getopt_long(argc, argv, "d:c:s:h", long_options, NULL)) != -1) {
        if (option == 'D')
            options.demo = true;
        else if (!cli_take_common(&common, option, optarg, usage))
            return cli_misuse(usage, "serve does not take that");
    }
    if (optind < argc)
        return cli_misuse(usage, "serve does not take \"%s\"", argv[optind]);
    struct config *config = cli_settings(&common);
    if (!config)
        return 1;
    struct error error = {0};
    struct app *app;
    int64_t began = clock_monotonic_ms();
    catch_signals();
    int rc = app_open(&app, config, &options, &error);
    if (rc < 0) {
        config_free(config);
        return cli_fail(&error);
    }
    greet(app, config, clock_monotonic_ms() - began);
    wait_for_stop();
    printf("Stopping: requests that run are finished first.\n");
    fflush(stdout);
    app_close(app);
    config_free(config);
    return 0;
}
