// An artifact source that gives the bytes it was made with, whatever the location: for embedders and tests.
//
// The other one is artifact_source_sms.c.
#include "base/digest.h"
#include "base/mem.h"
#include "runtime/artifact_source.h"
#include "runtime/memory_file.h"

struct bytes_source {
    struct artifact_source base;
    char *bytes;
    size_t size_bytes;
};

struct bytes_answer {
    artifact_fetched *done;
    void *ctx;
    int fd;
    uint64_t size_bytes;
    unsigned char sha256[SHA256_BYTES];
    struct err error;
};

static void answer(void *arg) {
    AUTO_FREE struct bytes_answer *a = arg;
    a->done(a->ctx, a->fd, a->size_bytes, a->sha256, a->error.kind == ERR_NONE ? NULL : &a->error);
}

static void make_answer(const struct bytes_source *s, uint64_t max_bytes, struct bytes_answer *a) {
    struct span bytes = span_make(s->bytes, s->size_bytes);
    a->fd = -1;
    if (bytes.n > max_bytes) {
        err_set(&a->error, ERR_INVALID_CONFIGURATION, "the module has %zu bytes, more than max_module_size (%llu)",
                bytes.n, (unsigned long long)max_bytes);
        return;
    }
    if (memory_file_of("spear-module", bytes, &a->fd, &a->error) < 0)
        return;
    a->size_bytes = bytes.n;
    sha256_of(bytes, a->sha256);
}

static struct artifact_fetch *fetch(struct artifact_source *source, struct loop *loop, const char *location,
                                    const char *checksum, uint64_t max_bytes, artifact_fetched *done, void *ctx) {
    (void)location, (void)checksum;
    struct bytes_answer *a = NEW(struct bytes_answer);
    a->done = done;
    a->ctx = ctx;
    make_answer(CONTAINER_OF(source, struct bytes_source, base), max_bytes, a);
    ASSERT(loop_post(loop, answer, a));
    return NULL;
}

static void free_source(struct artifact_source *source) {
    struct bytes_source *s = CONTAINER_OF(source, struct bytes_source, base);
    free(s->bytes);
    free(s);
}

static const struct artifact_source_type type = {.name = "bytes", .fetch = fetch, .free = free_source};

struct artifact_source *artifact_source_bytes_new(struct span bytes) {
    struct bytes_source *s = NEW(struct bytes_source);
    s->base.type = &type;
    s->bytes = bytes.n > 0 ? mem_dup(bytes.p, bytes.n) : NULL;
    s->size_bytes = bytes.n;
    return &s->base;
}

void artifact_source_free(struct artifact_source *source) {
    if (source)
        source->type->free(source);
}
