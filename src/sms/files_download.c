// GET and HEAD /api/v1/files/{id}: the bytes of a file with RFC 9110's validators and ranges, by sendfile.
//
// A file never changes under its id, so its digest is a strong entity tag. Next step: http_respond_file.
#include "sms/files_api.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/http_fields.h"
#include "net/http_router.h"
#include "sms/file_table.h"
#include "sms/request.h"

enum { HEADERS_MAX = 8 };

struct download {
    struct request request;
    struct span id;
    struct file_record record;
    int fd;
    char etag[SHA256_HEX + 3];
    char digest[CONTENT_DIGEST_TEXT];
    char modified[HTTP_DATE_TEXT];
    struct http_header headers[HEADERS_MAX];
    size_t header_count;
};

static int download_open(struct db *db, struct download *d, struct err *e) {
    bool found = false;
    if (file_table_find(db, d->id, &found, &d->record, e) != 0) {
        return -1;
    }
    if (!found) {
        return err_set(e, ERR_FILE_NOT_FOUND, "there is no file \"%.*s\"", SPAN_ARGS(d->id));
    }
    return blobs_open_content(store_blobs(d->request.sms->store), d->record.sha256, d->record.len, &d->fd, e);
}

// The file may have been deleted between the look at the record and at its content: then a look at the present state says so.
static int download_run(struct db *db, struct request *r, struct err *e) {
    struct download *d = (struct download *)r;
    if (download_open(db, d, e) == 0) {
        return 0;
    }
    if (e->kind == ERR_FILE_NOT_FOUND || db_exec(db, "COMMIT; BEGIN", NULL) != 0) {
        return -1;
    }
    err_clear(e);
    return download_open(db, d, e);
}

static void add_header(struct download *d, struct span name, const char *value) {
    ASSERT(d->header_count < HEADERS_MAX);
    d->headers[d->header_count++] = (struct http_header){name, span_of(value)};
}

static void add_validators(struct download *d) {
    unsigned char digest[SHA256_BYTES];
    ASSERT(sha256_from_hex(span_of(d->record.sha256), digest));
    snprintf(d->etag, sizeof d->etag, "\"%s\"", d->record.sha256);
    http_format_content_digest(digest, d->digest);
    clock_http_date(d->record.created_at, d->modified);
    add_header(d, SPAN_LITERAL("ETag"), d->etag);
    add_header(d, SPAN_LITERAL("Repr-Digest"), d->digest);
    add_header(d, SPAN_LITERAL("Last-Modified"), d->modified);
    add_header(d, SPAN_LITERAL("Accept-Ranges"), "bytes");
}

// If-Range (RFC 9110 §13.1.5): the range counts only while the validator is the present one.
static bool range_applies(struct http_exchange *x, const struct download *d) {
    const struct http_header *condition = http_header(x, "if-range");
    return condition == NULL || span_equal_text(condition->value, d->etag) ||
           span_equal_text(condition->value, d->modified);
}

static void answer_unsatisfiable(struct http_exchange *x, struct download *d, struct span range) {
    char text[64];
    snprintf(text, sizeof text, "bytes */%llu", (unsigned long long)d->record.len);
    const struct http_header header = {SPAN_LITERAL("Content-Range"), span_of(text)};
    struct err err;
    err_set(&err, ERR_RANGE_NOT_SATISFIABLE, "the range \"%.*s\" lies outside of the file's %llu bytes",
            SPAN_ARGS(range), (unsigned long long)d->record.len);
    http_problem_full(x, 416, &err, &header, 1, NULL, NULL);
}

static void answer_bytes(struct http_exchange *x, struct download *d) {
    uint64_t offset = 0, length = d->record.len;
    char text[96];
    struct span range = http_header_value(x, "range");
    enum range_result result = RANGE_NONE;
    if (range.n != 0 && http_method_is(x, "GET") && range_applies(x, d)) {
        result = http_parse_range(range, d->record.len, &offset, &length);
    }
    if (result == RANGE_UNSATISFIABLE) {
        answer_unsatisfiable(x, d, range);
        return;
    }
    add_header(d, SPAN_LITERAL("Content-Type"), d->record.content_type);
    // A browser that shows an uploaded page must not run it with our origin's rights.
    add_header(d, SPAN_LITERAL("X-Content-Type-Options"), "nosniff");
    add_header(d, SPAN_LITERAL("Content-Security-Policy"), "sandbox");
    if (result == RANGE_OK) {
        snprintf(text, sizeof text, "bytes %llu-%llu/%llu", (unsigned long long)offset,
                 (unsigned long long)(offset + length - 1), (unsigned long long)d->record.len);
        add_header(d, SPAN_LITERAL("Content-Range"), text);
    } else {
        offset = 0;
        length = d->record.len;
    }
    http_respond_file(x, result == RANGE_OK ? 206 : 200, d->headers, d->header_count, TAKE_FD(d->fd), offset, length);
}

static void download_answer(struct request *r) {
    struct download *d = (struct download *)r;
    const struct http_header *condition = http_header(r->x, "if-none-match");
    add_validators(d);
    if (condition != NULL && http_etag_listed(condition->value, span_of(d->etag))) {
        http_respond(r->x, 304, d->headers, d->header_count, (struct span){0});
        return;
    }
    answer_bytes(r->x, d);
}

static void download_free(struct request *r) {
    mem_close_fd(&((struct download *)r)->fd);
}

void files_get_handle(struct http_exchange *x, void *ctx) {
    struct download *d = NEW(struct download);
    d->request =
        (struct request){.sms = ctx, .x = x, .run = download_run, .answer = download_answer, .done = download_free};
    d->id = http_param(x, "id");
    d->fd = -1;
    request_read(&d->request);
}
