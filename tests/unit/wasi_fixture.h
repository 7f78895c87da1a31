// Host functions called without an engine: a guest's memory of 64 KiB that is ours, its streams, and temporary directories granted to it.
//
// The temporary directory is made in $TMPDIR (default: /tmp). One guest at a time, in static variables: wasi_fixture_begin makes it, wasi_fixture_end takes everything down.
#ifndef SPEAR_TEST_WASI_FIXTURE_H
#define SPEAR_TEST_WASI_FIXTURE_H

#include "worker/host.h"
#include "worker/wasi.h"
#include "worker/wasi_table.h"

enum { FIXTURE_MEMORY_BYTES = 65536, FIXTURE_GRANTS_MAX = 4 };

struct wasi_fixture {
    uint8_t *memory; // on the heap, so that a sanitizer sees what leaves it
    struct guest guest;
    struct wasi_table table;
    struct wasi_grant grants[FIXTURE_GRANTS_MAX];
    char root[64];                            // a temporary directory that holds nothing but theirs
    char directories[FIXTURE_GRANTS_MAX][80]; // their host paths
    size_t grant_count;
    uint8_t output[16], log[64];
    bool exits; // a function asked to leave the guest
};
extern struct wasi_fixture fixture;

// With no grants.
void wasi_fixture_begin(void);
// An empty temporary directory, granted from the next wasi_fixture_start on.
void wasi_fixture_grant(const char *guest_path, bool writable, uint64_t max_bytes);
// Empties a granted directory and its counter.
void wasi_fixture_empty(size_t grant);
// Gives the descriptor table its first content.
void wasi_fixture_start(void);
void wasi_fixture_end(void);

// Calls with integer params, widened as the signature says.
int64_t wasi_fixture_call(const char *module, const char *name, const uint64_t *values, size_t count);
#define CALL_IN(module, name, ...)                                                                                     \
    wasi_fixture_call(module, name, (uint64_t[]){__VA_ARGS__}, sizeof((uint64_t[]){__VA_ARGS__}) / 8)
#define CALL(name, ...) CALL_IN("wasi_snapshot_preview1", name, __VA_ARGS__)
const struct engine_host_function *wasi_fixture_find(const char *module, const char *name);

// Puts text into memory; two params: where and how long.
uint32_t text_at(uint32_t at, const char *text);
#define PATH(text)        text_at(40000, text), strlen(text)
#define SECOND_PATH(text) text_at(48000, text), strlen(text)
uint32_t u32_at(uint32_t at);
uint64_t u64_at(uint32_t at);
void put_u32(uint32_t at, uint32_t value);
void put_u64(uint32_t at, uint64_t value);
// A list of one buffer at 1000, which the read and write calls below use.
void put_iovec(uint32_t index, uint32_t at, uint32_t n);

#endif
