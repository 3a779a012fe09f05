#include "postgres_server.h"

#include "engines.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PROGRAMS "/usr/lib/postgresql/*/bin/postgres"
#define READY_TRIES 600 /* of 100 ms */

struct postgres_server {
    char directory[64];
    char programs[128]; /* where initdb and postgres are */
    pid_t pid;
    bool still;
};

/* In the child: as nobody, in the server's directory, with what it says in a file there. */
static void become_nobody(const struct postgres_server *server)
{
    char log[96];
    if (geteuid() == 0) {
        const struct passwd *nobody = getpwnam("nobody");
        if (!nobody || setgroups(0, NULL) != 0 || setgid(nobody->pw_gid) != 0 ||
            setuid(nobody->pw_uid) != 0)
            _exit(126);
    }
    snprintf(log, sizeof(log), "%s/log", server->directory);
    int file = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (file < 0 || chdir(server->directory) != 0)
        _exit(126);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    /* After setuid, which takes it back. */
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
}

static void show_log(const struct postgres_server *server)
{
    char path[96], text[4096];
    snprintf(path, sizeof(path), "%s/log", server->directory);
    FILE *file = fopen(path, "r");
    size_t length = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    text[length] = '\0';
    print_error("%s", text);
    if (file)
        fclose(file);
}

static void find_programs(struct postgres_server *server)
{
    glob_t found;
    if (glob(PROGRAMS, 0, NULL, &found) != 0)
        fail_msg("there is no %s: install postgresql", PROGRAMS);
    const char *newest = found.gl_pathv[found.gl_pathc - 1];
    snprintf(server->programs, sizeof(server->programs), "%.*s",
        (int)(strrchr(newest, '/') - newest), newest);
    globfree(&found);
}

static void make_cluster(struct postgres_server *server)
{
    char program[160];
    snprintf(program, sizeof(program), "%s/initdb", server->programs);
    pid_t pid = fork();
    if (pid == 0) {
        become_nobody(server);
        execl(program, program, "--no-sync", "-D", "data", "-A", "trust", "-U", "winestore", "-E",
            "UTF8", "--locale=C", (char *)NULL);
        _exit(127);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    if (status != 0) {
        show_log(server);
        fail_msg("initdb does not work");
    }
}

static void url_of(const struct postgres_server *server, char *url, size_t size)
{
    snprintf(url, size, "postgresql://winestore@/postgres?host=%s", server->directory);
}

void postgres_server_again(struct postgres_server *server)
{
    char program[160], url[128];
    snprintf(program, sizeof(program), "%s/postgres", server->programs);
    server->pid = fork();
    if (server->pid == 0) {
        become_nobody(server);
        execl(program, program, "-D", "data", "-k", server->directory, "-c",
            "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=32MB", "-c",
            "max_connections=40", (char *)NULL);
        _exit(127);
    }
    url_of(server, url, sizeof(url));
    for (int i = 0; i < READY_TRIES; i++) {
        if (PQping(url) == PQPING_OK)
            return;
        usleep(100000);
    }
    show_log(server);
    fail_msg("PostgreSQL does not start");
}

struct postgres_server *postgres_server_start(void)
{
    struct postgres_server *server = calloc(1, sizeof(*server));
    if (!server)
        abort();
    engine_directory(server->directory);
    find_programs(server);
    const struct passwd *nobody = getpwnam("nobody");
    if (geteuid() == 0 && nobody)
        assert_int_equal(chown(server->directory, nobody->pw_uid, nobody->pw_gid), 0);
    make_cluster(server);
    postgres_server_again(server);
    return server;
}

void postgres_server_stop(struct postgres_server *server)
{
    postgres_server_freeze(server, false);
    kill(server->pid, SIGQUIT);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
}

void postgres_server_free(struct postgres_server *server)
{
    if (!server)
        return;
    if (server->pid)
        postgres_server_stop(server);
    engine_directory_remove(server->directory);
    free(server);
}

void postgres_server_freeze(struct postgres_server *server, bool still)
{
    char path[64], children[4096] = "";
    if (server->still == still)
        return;
    server->still = still;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", server->pid, server->pid);
    FILE *file = fopen(path, "r");
    if (file) {
        if (!fgets(children, sizeof(children), file))
            *children = '\0';
        fclose(file);
    }
    kill(server->pid, still ? SIGSTOP : SIGCONT);
    for (char *at = children, *end; strtol(at, &end, 10) > 0; at = end)
        kill((pid_t)strtol(at, NULL, 10), still ? SIGSTOP : SIGCONT);
}

void postgres_server_mend(struct postgres_server *server)
{
    if (server->pid)
        postgres_server_freeze(server, false);
    else
        postgres_server_again(server);
}

void postgres_server_schema(struct postgres_server *server, const char *name)
{
    char url[128], sql[64];
    url_of(server, url, sizeof(url));
    snprintf(sql, sizeof(sql), "CREATE SCHEMA %s", name);
    PGconn *conn = PQconnectdb(url);
    PGresult *result = PQexec(conn, sql);
    bool made = PQresultStatus(result) == PGRES_COMMAND_OK;
    if (!made)
        print_error("%s", PQerrorMessage(conn));
    PQclear(result);
    PQfinish(conn);
    assert_true(made);
}

void postgres_server_url(const struct postgres_server *server, const char *scheme,
    const char *schema, char *url, size_t size)
{
    snprintf(url, size, "%s://winestore@/postgres?host=%s&options=-csearch_path%%3D%s", scheme,
        server->directory, schema);
}
