#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MEMORY_BYTES ((rlim_t)1 << 30)
#define CPU_SECONDS 10 /* fifty million pixels take about 1 */
#define FILES 32
#define FILE_BYTES ((rlim_t)16 << 20) /* of the answer, should it go to a file */
#define NICENESS 10

/* A sanitizer needs address space and system calls of its own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAGED 0
#else
#define CAGED 1
#endif

#ifdef __SANITIZE_THREAD__
/* GLib and libvips are not instrumented, so their locks are not seen; none of ours is in here. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "report_bugs=0";
}
#endif

static int limit(int resource, rlim_t value)
{
    struct rlimit wanted = {value, value};
    if (resource == RLIMIT_CPU)
        wanted.rlim_max = value + 1; /* the second between the signal and the kill */
    return setrlimit((__rlimit_resource_t)resource, &wanted);
}

int sandbox_limit(void (*out_of_time)(int signal))
{
    struct sigaction action = {.sa_handler = out_of_time};
    if (sigaction(SIGXCPU, &action, NULL) != 0)
        return -1;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || limit(RLIMIT_CPU, CPU_SECONDS) != 0 ||
        limit(RLIMIT_NOFILE, FILES) != 0 || limit(RLIMIT_FSIZE, FILE_BYTES) != 0 ||
        limit(RLIMIT_CORE, 0) != 0)
        return -1;
    if (CAGED && limit(RLIMIT_AS, MEMORY_BYTES) != 0)
        return -1;
    return setpriority(PRIO_PROCESS, 0, NICENESS);
}

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "list this architecture's system calls"
#endif

#define FIELD(name) ((uint32_t)offsetof(struct seccomp_data, name))
#define ARGUMENT(number) ((uint32_t)(offsetof(struct seccomp_data, args) + 8 * (number)))
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, value)
#define REFUSE ANSWER(SECCOMP_RET_ERRNO | EPERM)
#define ALLOW ANSWER(SECCOMP_RET_ALLOW)

/* The number of the call is loaded. */
#define ALLOW_CALL(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 1), ALLOW

static struct sock_filter rules[] = {
    LOAD(FIELD(arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
    ANSWER(SECCOMP_RET_KILL_PROCESS),
    LOAD(FIELD(nr)),

    ALLOW_CALL(read),
    ALLOW_CALL(write),
    ALLOW_CALL(futex),
    ALLOW_CALL(mmap),
    ALLOW_CALL(munmap),
    ALLOW_CALL(mremap),
    ALLOW_CALL(mprotect),
    ALLOW_CALL(madvise),
    ALLOW_CALL(brk),
    ALLOW_CALL(clock_gettime),
    ALLOW_CALL(clock_nanosleep),
    ALLOW_CALL(nanosleep),
    ALLOW_CALL(getrandom),
    ALLOW_CALL(getrusage),
    ALLOW_CALL(sysinfo),
    ALLOW_CALL(sched_yield),
    ALLOW_CALL(sched_getaffinity),
    ALLOW_CALL(getpid),
    ALLOW_CALL(gettid),
    ALLOW_CALL(rt_sigaction),
    ALLOW_CALL(rt_sigprocmask),
    ALLOW_CALL(rt_sigreturn),
    ALLOW_CALL(sigaltstack),
    ALLOW_CALL(restart_syscall),
    ALLOW_CALL(set_robust_list),
#ifdef __NR_rseq
    ALLOW_CALL(rseq),
#endif
    ALLOW_CALL(exit),
    ALLOW_CALL(exit_group),
    ALLOW_CALL(close),
    ALLOW_CALL(fstat),
    ALLOW_CALL(newfstatat),
    ALLOW_CALL(lseek),
    ALLOW_CALL(pread64),

    /* glibc tries clone3, whose flags lie in memory; told that it does not exist, it takes clone.
     */
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone3, 0, 1),
    ANSWER(SECCOMP_RET_ERRNO | ENOSYS),

    /* A thread, never a process. */
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 0, 4),
    LOAD(ARGUMENT(0)),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1),
    ALLOW,
    REFUSE,

    /* Files are opened to be read: a library's table, perhaps. */
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_openat, 0, 4),
    LOAD(ARGUMENT(2)),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 1, 0),
    ALLOW,
    REFUSE,

    REFUSE,
};

int sandbox_enter(void)
{
    struct sock_fprog program = {.len = sizeof(rules) / sizeof(*rules), .filter = rules};
    if (!CAGED)
        return 0;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0
               ? 0
               : -1;
}
