/* The process_* metrics that every Prometheus client has, from /proc/self. */
#include "metrics_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double cpu_seconds(void *ctx)
{
    (void)ctx;
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Field `number` of /proc/self/stat, counted from 1 as in proc(5); 0 where there is none. */
static double stat_field(int number)
{
    char text[1024];
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t length = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    /* The name of the program, field 2, may hold blanks: count from its closing parenthesis. */
    const char *cursor = strrchr(text, ')');
    for (int field = 2; cursor && field < number; field++)
        cursor = strchr(cursor + 1, ' ');
    return cursor ? strtod(cursor + 1, NULL) : 0;
}

static double resident_bytes(void *ctx)
{
    (void)ctx;
    return stat_field(24) * (double)sysconf(_SC_PAGESIZE);
}

static double virtual_bytes(void *ctx)
{
    (void)ctx;
    return stat_field(23);
}

static double threads(void *ctx)
{
    (void)ctx;
    return stat_field(20);
}

static double open_fds(void *ctx)
{
    (void)ctx;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return 0;
    int count = -1; /* the directory itself is open */
    const struct dirent *entry;
    while ((entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static double max_fds(void *ctx)
{
    (void)ctx;
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (double)limit.rlim_cur : 0;
}

/* The kernel counts from boot; the wall clock's distance to boot is taken at each reading, so that
 * a corrected clock corrects it too. */
static double start_seconds(void *ctx)
{
    (void)ctx;
    struct timespec wall, boot;
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    double now = (double)wall.tv_sec - (double)boot.tv_sec +
                 ((double)wall.tv_nsec - (double)boot.tv_nsec) / 1e9;
    double start = now + stat_field(22) / (double)sysconf(_SC_CLK_TCK);
    return (double)(int64_t)(start * 100) / 100;
}

void metrics_add_process(struct metrics *metrics)
{
    metrics_counter_callback(metrics, "process_cpu_seconds_total",
        "CPU time spent, user and system, in seconds.", NULL, cpu_seconds, NULL);
    metrics_gauge_callback(metrics, "process_resident_memory_bytes", "Resident memory in bytes.",
        NULL, resident_bytes, NULL);
    metrics_gauge_callback(metrics, "process_virtual_memory_bytes", "Virtual memory in bytes.",
        NULL, virtual_bytes, NULL);
    metrics_gauge_callback(
        metrics, "process_open_fds", "Open file descriptors.", NULL, open_fds, NULL);
    metrics_gauge_callback(
        metrics, "process_max_fds", "Allowed file descriptors.", NULL, max_fds, NULL);
    metrics_gauge_callback(metrics, "process_start_time_seconds",
        "Start of the process, seconds since the Unix epoch.", NULL, start_seconds, NULL);
    metrics_gauge_callback(metrics, "process_threads", "Threads.", NULL, threads, NULL);
}
