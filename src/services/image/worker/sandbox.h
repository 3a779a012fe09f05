/*
 * The cage of the image worker: what a decoder taken over by a crafted picture could still do is
 * compute, within bounds. No network, no new program, no file but to read.
 */
#ifndef IMAGE_WORKER_SANDBOX_H
#define IMAGE_WORKER_SANDBOX_H

/* Limits of memory, time, files; low priority; dies with its parent. First of all. `out_of_time` is
 * called as a signal handler when the CPU time is used up, and has a second. 0 or -1. */
int sandbox_limit(void (*out_of_time)(int signal));

/* Leaves this process, all its threads included, the system calls that decoding needs; others fail
 * with EPERM. After the libraries have started and before the first byte of input. 0 or -1. */
int sandbox_enter(void);

#endif
