#include "thread.h"

#include <sched.h>

void thread_background(void)
{
    const struct sched_param parameter = {0};
    /* 0 is the calling thread. Where it is refused, the thread runs as any other. */
    if (sched_setscheduler(0, SCHED_IDLE, &parameter) < 0)
        return;
}
