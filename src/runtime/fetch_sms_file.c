// fetch_sms_file: one file of the sms file service into a sealed memory file, its digest taken on the way.
//
// Tries again, with a backoff that doubles and jitters, after what another try may cure; stops at the first byte too many.
// It knows no cache and no checksum: the cache is artifact_source_sms.c, the checks of the bytes are module_store.c.
#include "runtime/fetch_sms_file.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "net/http_client.h"
#include "runtime/memory_file.h"

#include <errno.h>
#include <sys/random.h>
#include <unistd.h>

enum { BACKOFF_MS_MAX = 10000 };

struct sms_download {
    struct sms_fetch request;
    struct spearlet_config config;
    char *url;
    struct http_client *client;
    struct http_call *call;     // a try under way
    struct loop_timer *backoff; // or the wait for the next one
    int fd;                     // the file being filled
    struct sha256 *digest;
    bool is_own_sms; // the file service of the settings, which is shown sms_authorization
    uint64_t received_bytes;
    uint64_t announced_bytes; // by Content-Length, else 0
    int status;
    uint32_t tries;
    struct err error; // why we ourselves stopped the try; ERR_NONE otherwise
};

static void start_try(void *arg);

static void free_fetch(void *arg) {
    struct sms_download *f = arg;
    http_client_free(f->client);
    sha256_free(f->digest);
    if (f->fd >= 0)
        close(f->fd);
    free(f->url);
    free(f);
}

// The client cannot be freed inside one of its callbacks, so that comes a turn later.
static void finish(struct sms_download *f, const struct err *e) {
    unsigned char sha256[SHA256_BYTES] = {0};
    struct err sealing = {0};
    if (!e) {
        sha256_final(f->digest, sha256);
        if (memory_file_seal(f->fd, &sealing) < 0)
            e = &sealing;
    }
    f->request.done(f->request.ctx, e ? -1 : TAKE_FD(f->fd), e ? 0 : f->received_bytes, sha256, e);
    ASSERT(loop_post(f->request.loop, free_fetch, f));
}

static uint64_t backoff_ms(const struct sms_download *f) {
    uint64_t wait_ms = f->config.fetch_backoff_ms;
    for (uint32_t i = 1; i < f->tries && wait_ms < BACKOFF_MS_MAX; i++)
        wait_ms *= 2;
    uint32_t dice = 0;
    (void)getrandom(&dice, sizeof dice, 0);
    return wait_ms - wait_ms / 4 + (wait_ms ? dice % (wait_ms / 2 + 1) : 0);
}

// `e` says what went wrong this time.
static void try_again_or_finish(struct sms_download *f, struct err *e) {
    if (f->tries < f->config.fetch_tries_max) {
        f->backoff = loop_timer_start(f->request.loop, backoff_ms(f), start_try, f);
        return;
    }
    size_t n = strlen(e->text);
    snprintf(e->text + n, sizeof e->text - n, " (after %u %s)", f->tries, f->tries == 1 ? "try" : "tries");
    finish(f, e);
}

static bool status_is_worth_retrying(int status) {
    return status == 429 || (status >= 500 && status != 501 && status != 505);
}

static const char *failure_words(enum http_call_failure failure) {
    switch (failure) {
    case HTTP_CALL_CONNECT:
        return "connecting failed";
    case HTTP_CALL_TIMEOUT:
        return "it took too long";
    case HTTP_CALL_OK:
    case HTTP_CALL_BROKEN:
    case HTTP_CALL_STOPPED:
        break;
    }
    return "the answer broke off or made no sense";
}

static void on_done(void *ctx, int status, enum http_call_failure failure, const struct err *e) {
    struct sms_download *f = ctx;
    f->call = NULL;
    loop_timer_cancel(f->backoff); // a stop that was planned
    f->backoff = NULL;
    struct err why = {0};
    if (f->error.kind != ERR_NONE) {
        finish(f, &f->error);
    } else if (failure != HTTP_CALL_OK) {
        // The client's own words begin with method and url.
        err_set(&why, ERR_RUNTIME_ERROR, "%s: %s", failure_words(failure), e ? e->text : f->url);
        try_again_or_finish(f, &why);
    } else if (status != 200) {
        err_set(&why, ERR_RUNTIME_ERROR, "GET %s: status %d", f->url, status);
        if (status_is_worth_retrying(status))
            try_again_or_finish(f, &why);
        else
            finish(f, &why);
    } else {
        finish(f, NULL);
    }
}

static void on_head(void *ctx, int status, const struct http_header *headers, size_t header_count) {
    struct sms_download *f = ctx;
    f->status = status;
    for (size_t i = 0; i < header_count; i++)
        if (span_equal_nocase(headers[i].name, "content-length"))
            (void)span_to_u64(headers[i].value, &f->announced_bytes);
}

static int too_large(struct sms_download *f, uint64_t seen_bytes) {
    uint64_t size_bytes = f->announced_bytes > seen_bytes ? f->announced_bytes : seen_bytes;
    return err_set(&f->error, ERR_INVALID_CONFIGURATION,
                   "the module at %s has %s%llu bytes, more than max_module_size (%llu)", f->url,
                   f->announced_bytes >= seen_bytes ? "" : "at least ", (unsigned long long)size_bytes,
                   (unsigned long long)f->request.max_bytes);
}

static int take(struct sms_download *f, struct span chunk) {
    uint64_t seen_bytes = f->received_bytes + chunk.n;
    if (seen_bytes > f->request.max_bytes || f->announced_bytes > f->request.max_bytes)
        return too_large(f, seen_bytes);
    if (file_write_all(f->fd, chunk, &f->error) < 0)
        return err_wrap(&f->error, "GET %s", f->url);
    sha256_update(f->digest, chunk.p, chunk.n);
    f->received_bytes = seen_bytes;
    return 0;
}

static void stop_call(void *arg) {
    struct sms_download *f = arg;
    f->backoff = NULL;
    if (f->call)
        http_call_cancel(f->call);
}

// A refused chunk pauses the call; a call cannot be cancelled from inside its callback, so that comes a turn later.
static bool on_data(void *ctx, struct span chunk) {
    struct sms_download *f = ctx;
    if (f->error.kind != ERR_NONE)
        return false;
    if (f->status != 200 || take(f, chunk) == 0)
        return true;
    f->backoff = loop_timer_start(f->request.loop, 0, stop_call, f);
    return false;
}

static int reset_file(struct sms_download *f, struct err *e) {
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
    sha256_free(f->digest);
    f->digest = sha256_new();
    f->received_bytes = f->announced_bytes = 0;
    f->status = 0;
    return memory_file_new("spear-module", &f->fd, e);
}

static void start_try(void *arg) {
    struct sms_download *f = arg;
    struct err e = {0};
    f->backoff = NULL;
    if ((!f->client && http_client_new(f->request.loop, &f->client, &e) < 0) || reset_file(f, &e) < 0) {
        finish(f, &e);
        return;
    }
    http_client_use_tls(f->client, f->config.sms_tls);
    if (f->request.counters)
        counter_add(f->tries == 0 ? &f->request.counters->downloads : &f->request.counters->download_retries, 1);
    f->tries++;
    struct http_header authorization = {SPAN_LITERAL("Authorization"), span_of(f->config.sms_authorization)};
    struct http_call_config call = {.method = "GET",
                                    .url = f->url,
                                    .headers = &authorization,
                                    .header_count = f->is_own_sms && f->config.sms_authorization ? 1 : 0,
                                    .connect_timeout_ms = f->config.fetch_connect_timeout_ms,
                                    .total_timeout_ms = f->config.fetch_total_timeout_ms,
                                    .head = on_head,
                                    .data = on_data,
                                    .done = on_done,
                                    .ctx = f};
    f->call = http_call_start(f->client, &call);
}

struct sms_download *sms_fetch_start(const struct sms_fetch *fetch) {
    struct sms_download *f = NEW(struct sms_download);
    f->request = *fetch;
    f->config = *fetch->config;
    f->url = mem_printf("%s://%s%s", f->config.sms_tls ? "https" : "http",
                        fetch->sms_http_addr ? fetch->sms_http_addr : "", fetch->path);
    f->is_own_sms =
        fetch->sms_http_addr && f->config.sms_http_addr && strcmp(fetch->sms_http_addr, f->config.sms_http_addr) == 0;
    f->request.sms_http_addr = f->request.path = NULL; // the caller's; the url has both
    f->fd = -1;
    f->backoff = loop_timer_start(fetch->loop, 0, start_try, f);
    return f;
}

struct sms_download *fetch_sms_file(struct loop *loop, const struct spearlet_config *config, const char *sms_http_addr,
                                    const char *path, uint64_t max_bytes, artifact_fetched *done, void *ctx) {
    struct sms_fetch fetch = {loop, config, NULL, sms_http_addr, path, max_bytes, done, ctx};
    return sms_fetch_start(&fetch);
}

void fetch_sms_file_cancel(struct sms_download *f) {
    if (f->error.kind == ERR_NONE)
        err_set(&f->error, ERR_EXECUTION_TERMINATED, "GET %s: given up, since the runtime closes", f->url);
    loop_timer_cancel(f->backoff);
    f->backoff = NULL;
    if (f->call)
        http_call_cancel(f->call);
    else
        finish(f, &f->error);
}
