/* For contract suites and unit tests: cmocka with what it needs included first, and a directory of
 * the test's own. */
#ifndef TESTS_ENGINES_H
#define TESTS_ENGINES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Makes a directory and writes its path, of at most 63 bytes. */
static inline void engine_directory(char path[64])
{
    strcpy(path, "/tmp/winestore-test-XXXXXX");
    assert_non_null(mkdtemp(path));
}

static inline int engine_remove_one(
    const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static inline void engine_directory_remove(const char *path)
{
    nftw(path, engine_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
