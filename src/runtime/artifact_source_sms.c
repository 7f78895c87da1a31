// The sms artifact source: sms+file uris, the hosts they may name, the disk cache, and the download behind it.
//
// A fetch goes: cache (thread pool, if the digest is known) ─▶ fetch_sms_file.c ─▶ kept in the cache (thread pool) ─▶ done.
// The bytes are judged by module_store.c. The other source is artifact_source_bytes.c.
#include "runtime/artifact_source_sms.h"

#include "base/mem.h"
#include "model/sms_uri.h"
#include "runtime/artifact_cache.h"
#include "runtime/fetch_sms_file.h"

#include <unistd.h>

struct sms_source {
    struct artifact_source base;
    struct runtime_shared *shared;
    struct artifact_cache *cache;
};

// Named by the vtable; `download` is the part that can be cancelled.
struct artifact_fetch {
    struct sms_source *source;
    struct loop *loop;
    struct sms_uri uri;
    uint64_t max_bytes;
    bool digest_known, cancelled;
    unsigned char sha256[SHA256_BYTES];
    struct sms_download *download;
    int fd;
    uint64_t size_bytes;
    struct err error;
    artifact_fetched *done;
    void *ctx;
};

static bool host_is_allowed(const struct spearlet_config *config, const char *host_port) {
    if (host_port[0] == '\0' || (config->sms_http_addr && strcmp(host_port, config->sms_http_addr) == 0))
        return true;
    for (size_t i = 0; i < config->allowed_sms_host_count; i++)
        if (strcmp(host_port, config->allowed_sms_hosts[i]) == 0)
            return true;
    return false;
}

static int parse_location(const struct sms_source *s, const char *location, struct sms_uri *ret, struct err *e) {
    struct sms_uri uri;
    if (sms_uri_parse(span_of(location), &uri, e) < 0)
        return -1;
    if (!host_is_allowed(&s->shared->config, uri.host_port))
        return err_set(
            e, ERR_INVALID_CONFIGURATION,
            "%s: this node may not fetch from host %s; sms_http_addr is %s, and allowed_sms_hosts does not name it",
            location, uri.host_port, s->shared->config.sms_http_addr ? s->shared->config.sms_http_addr : "not set");
    if (uri.host_port[0] == '\0' && (!s->shared->config.sms_http_addr || !s->shared->config.sms_http_addr[0]))
        return err_set(e, ERR_INVALID_CONFIGURATION, "%s names no host, and sms_http_addr is not set", location);
    *ret = uri;
    return 0;
}

static int check(struct artifact_source *source, const char *location, struct err *e) {
    struct sms_uri uri;
    return parse_location(CONTAINER_OF(source, struct sms_source, base), location, &uri, e);
}

static void finish(void *arg) {
    AUTO_FREE struct artifact_fetch *f = arg;
    bool failed = f->error.kind != ERR_NONE;
    if (failed && f->fd >= 0)
        close(f->fd);
    f->done(f->ctx, failed ? -1 : f->fd, failed ? 0 : f->size_bytes, f->sha256, failed ? &f->error : NULL);
}

// A cache that cannot be written (a full disk) costs a download next time, nothing else.
static void keep_in_cache(void *arg) {
    struct artifact_fetch *f = arg;
    (void)artifact_cache_store(f->source->cache, f->sha256, f->fd, f->size_bytes, NULL);
}

static void on_downloaded(void *ctx, int fd, uint64_t size_bytes, const unsigned char sha256[SHA256_BYTES],
                          const struct err *e) {
    struct artifact_fetch *f = ctx;
    f->download = NULL;
    if (e) {
        f->error = *e;
        finish(f);
        return;
    }
    bool expected = !f->digest_known || memcmp(f->sha256, sha256, SHA256_BYTES) == 0;
    f->fd = fd;
    f->size_bytes = size_bytes;
    memcpy(f->sha256, sha256, SHA256_BYTES);
    if (expected)
        loop_work(f->loop, keep_in_cache, finish, f);
    else
        finish(f); // refused by the caller in a moment
}

static void start_download(struct artifact_fetch *f) {
    const struct runtime_shared *shared = f->source->shared;
    if (f->cancelled) {
        err_set(&f->error, ERR_EXECUTION_TERMINATED, "a download was given up, since the runtime closes");
        finish(f);
        return;
    }
    char path[SMS_URI_ID_MAX + 32];
    sms_uri_path(&f->uri, path);
    struct sms_fetch fetch = {.loop = f->loop,
                              .config = &shared->config,
                              .counters = &f->source->shared->counters,
                              .sms_http_addr = f->uri.host_port[0] ? f->uri.host_port : shared->config.sms_http_addr,
                              .path = path,
                              .max_bytes = f->max_bytes,
                              .done = on_downloaded,
                              .ctx = f};
    f->download = sms_fetch_start(&fetch);
}

static void look_in_cache(void *arg) {
    struct artifact_fetch *f = arg;
    struct runtime_counters *counters = &f->source->shared->counters;
    bool hit = artifact_cache_load(f->source->cache, f->sha256, f->max_bytes, &f->fd, &f->size_bytes, NULL) == 0;
    counter_add(hit ? &counters->artifact_hits : &counters->artifact_misses, 1);
}

static void looked_in_cache(void *arg) {
    struct artifact_fetch *f = arg;
    if (f->fd >= 0)
        finish(f);
    else
        start_download(f);
}

static void start(void *arg) {
    struct artifact_fetch *f = arg;
    if (f->error.kind != ERR_NONE) {
        finish(f);
    } else if (f->digest_known) {
        loop_work(f->loop, look_in_cache, looked_in_cache, f);
    } else {
        counter_add(&f->source->shared->counters.artifact_misses, 1);
        start_download(f);
    }
}

static struct artifact_fetch *fetch(struct artifact_source *source, struct loop *loop, const char *location,
                                    const char *checksum, uint64_t max_bytes, artifact_fetched *done, void *ctx) {
    struct artifact_fetch *f = NEW(struct artifact_fetch);
    f->source = CONTAINER_OF(source, struct sms_source, base);
    f->loop = loop;
    f->max_bytes = max_bytes;
    f->fd = -1;
    f->done = done;
    f->ctx = ctx;
    f->digest_known = sha256_from_hex(span_of(checksum), f->sha256);
    (void)parse_location(f->source, location, &f->uri, &f->error);
    ASSERT(loop_post(loop, start, f));
    return f;
}

static void cancel(struct artifact_source *source, struct artifact_fetch *f) {
    (void)source;
    f->cancelled = true;
    if (f->download)
        fetch_sms_file_cancel(f->download);
}

static void free_source(struct artifact_source *source) {
    struct sms_source *s = CONTAINER_OF(source, struct sms_source, base);
    artifact_cache_free(s->cache);
    free(s);
}

static const struct artifact_source_type type = {
    .name = "sms", .stable = true, .check = check, .fetch = fetch, .cancel = cancel, .free = free_source};

int artifact_source_sms_new(struct runtime_shared *shared, struct artifact_source **ret, struct err *e) {
    struct artifact_cache *cache;
    if (artifact_cache_new(shared->config.data_dir, shared->config.artifact_cache_max_bytes, &cache, e) < 0)
        return -1;
    struct sms_source *s = NEW(struct sms_source);
    s->base.type = &type;
    s->shared = shared;
    s->cache = cache;
    *ret = &s->base;
    return 0;
}
