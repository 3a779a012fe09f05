#include "thread.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#define WORTH_NOTING_NS 1000000
#define TIMES_AS_LONG 4
#define LONGEST_NS 200000000

void thread_background(void)
{
    const struct sched_param parameter = {0};
    /* 0 is the calling thread. Where it is refused, the thread runs as any other. */
    if (sched_setscheduler(0, SCHED_IDLE, &parameter) < 0)
        return;
}

/* Nanoseconds the thread was ready and had no processor, since it began; 0 where nobody counts. */
static int64_t time_waited(void)
{
    int64_t ran, waited = 0;
    FILE *file = fopen("/proc/thread-self/schedstat", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%" SCNd64 " %" SCNd64, &ran, &waited) != 2)
        waited = 0;
    fclose(file);
    return waited;
}

void thread_give_way(int64_t *waited_ns)
{
    int64_t now = time_waited(), waited = now - *waited_ns;
    *waited_ns = now;
    if (waited < WORTH_NOTING_NS)
        return;
    int64_t away = waited * TIMES_AS_LONG;
    usleep((useconds_t)((away < LONGEST_NS ? away : LONGEST_NS) / 1000));
}
