// What the unit tests share: cmocka with the headers it wants, a temporary directory, and code that has to abort.
#ifndef SPEAR_TESTS_UNIT_H
#define SPEAR_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

// A fresh directory; give it back with unit_directory_done.
static inline char *unit_directory(void) {
    const char *parent = getenv("TMPDIR");
    char *path = mem_printf("%s/spear-unit-XXXXXX", parent && *parent ? parent : "/tmp");
    assert_non_null(mkdtemp(path));
    return path;
}

static inline void unit_directory_done(char *path) {
    struct err e;
    if (file_remove_tree(path, &e) < 0)
        fail_msg("%s", e.text);
    free(path);
}

// True when f, run in a child, ends by an assertion.
static inline bool unit_aborts(void (*f)(void)) {
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        AUTO_CLOSE int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(nowhere, STDERR_FILENO);
        f();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

// The text of a span holds this, all of it.
#define assert_span_equal(span_value, text)                                                                            \
    do {                                                                                                               \
        struct span span_ = (span_value);                                                                              \
        assert_int_equal(span_.n, strlen(text));                                                                       \
        assert_memory_equal(span_.n ? span_.p : "", (text), span_.n);                                                  \
    } while (0)

#endif
