// What the conformance modules share: a check that ends the program with the line that did not hold.
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                            \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

// A call that must answer with that error number.
#define CHECK_ERRNO(wanted, call)                                                                                      \
    do {                                                                                                               \
        __wasi_errno_t found = (call);                                                                                 \
        if (found != (wanted)) {                                                                                       \
            fprintf(stderr, "%s:%d: %s is %d, wanted %d\n", __FILE__, __LINE__, #call, found, wanted);                 \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

// The first preopened directory.
#define PREOPENED 3

#endif
