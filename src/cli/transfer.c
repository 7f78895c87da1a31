// Uploads and downloads: bytes between a descriptor and sms, counted and digested on the way.
//
// Reading a local file and writing stdout block; nothing else waits on this loop meanwhile but the same transfer.
#include "cli/transfer.h"

#include "base/mem.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "net/http_fields.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { IDLE_TIMEOUT_MS = 60000, HEADERS_MAX = 4, NAME_TEXT_MAX = 1024 };

// ---- upload

struct sending {
    const struct upload *upload;
    struct sha256 *digest;
    struct progress progress;
    uint64_t sent_bytes;
    int error_number;
};

static ssize_t read_some(void *ctx, char *p, size_t n) {
    struct sending *s = ctx;
    ssize_t got;
    while ((got = read(s->upload->fd, p, n)) < 0 && errno == EINTR) {
    }
    if (got < 0) {
        s->error_number = errno;
        return HTTP_CALL_ABORT;
    }
    sha256_update(s->digest, p, (size_t)got);
    s->sent_bytes += (uint64_t)got;
    progress_add(&s->progress, (uint64_t)got);
    return got;
}

static int read_answer(struct span body, struct uploaded *ret, struct err *e) {
    struct json_doc *doc CLEANUP(json_free_pointer) = NULL;
    if (json_parse(body, &doc, e) != 0)
        return err_wrap(e, "the answer to the upload");
    struct span id = json_string(json_get(json_root(doc), "id")), uri = json_string(json_get(json_root(doc), "uri"));
    struct span sha256 = json_string(json_get(json_root(doc), "checksum_sha256"));
    if (id.n == 0 || id.n >= sizeof ret->id || uri.n == 0 || uri.n >= sizeof ret->uri || sha256.n != SHA256_HEX)
        return err_set(e, ERR_BAD_GATEWAY, "the answer to the upload lacks id, uri or checksum_sha256");
    snprintf(ret->id, sizeof ret->id, "%.*s", SPAN_ARGS(id));
    snprintf(ret->uri, sizeof ret->uri, "%.*s", SPAN_ARGS(uri));
    snprintf(ret->sha256, sizeof ret->sha256, "%.*s", SPAN_ARGS(sha256));
    ret->size_bytes = (uint64_t)json_i64(json_get(json_root(doc), "len"));
    return 0;
}

// A header takes no control characters; names on disk may have any.
static char *header_text(const char *text) {
    char *clean = output_clean(span_of(text));
    if (strlen(clean) > NAME_TEXT_MAX)
        clean[output_prefix_bytes(clean, NAME_TEXT_MAX / 4)] = '\0';
    return clean;
}

static int send_file(struct api *api, struct sending *s, struct api_reply *reply, struct err *e) {
    const struct upload *u = s->upload;
    AUTO_FREE char *name = header_text(u->name);
    struct http_header headers[HEADERS_MAX] = {{SPAN_LITERAL("x-file-name"), span_of(name)},
                                               {SPAN_LITERAL("Content-Type"), span_of(u->content_type)},
                                               {SPAN_LITERAL("x-checksum-sha256"), span_of(u->sha256)}};
    struct api_request request = {.method = "POST",
                                  .path = "/api/v1/files",
                                  .headers = headers,
                                  .header_count = u->sha256[0] ? 3 : 2,
                                  .read = read_some,
                                  .read_length = u->size_bytes == UINT64_MAX ? -1 : (int64_t)u->size_bytes,
                                  .ctx = s,
                                  .idle_timeout_ms = IDLE_TIMEOUT_MS};
    int result = api_call(api, &request, reply, e);
    if (s->error_number)
        return err_set_sys(e, ERR_IO, s->error_number, "%s could not be read", u->name);
    return result;
}

int transfer_upload(struct api *api, const struct upload *upload, struct uploaded *ret, struct err *e) {
    struct sending s = {.upload = upload, .digest = sha256_new()};
    struct api_reply reply;
    struct uploaded uploaded;
    unsigned char digest[SHA256_BYTES];
    char sent[SHA256_HEX + 1];
    lseek(upload->fd, 0, SEEK_SET); // fails on a pipe, which has but one place
    progress_start(&s.progress, api->cli, "upload", upload->name,
                   upload->size_bytes == UINT64_MAX ? 0 : upload->size_bytes);
    int result = send_file(api, &s, &reply, e);
    progress_end(&s.progress);
    sha256_final(s.digest, digest);
    sha256_free(s.digest);
    sha256_to_hex(digest, sent);
    if (result == 0)
        result = read_answer(buf_span(&reply.body), &uploaded, e);
    api_reply_done(&reply);
    if (result == 0 && strcmp(uploaded.sha256, sent) != 0)
        result = err_set(e, ERR_CHECKSUM_MISMATCH, "%s: sent with sha256 %s, stored with %s", upload->name, sent,
                         uploaded.sha256);
    if (result == 0)
        *ret = uploaded;
    return result;
}

// ---- download

struct receiving {
    const struct download *download;
    struct api *api;
    struct sha256 *digest;
    struct progress progress;
    uint64_t received_bytes;
    struct err error; // ERR_NONE: none of ours
};

static void take_head(void *ctx, const struct http_header *headers, size_t count) {
    struct receiving *r = ctx;
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        if (span_equal_nocase(headers[i].name, "content-length"))
            span_to_u64(headers[i].value, &total);
    if (!isatty(r->download->fd)) // a bar and the content would be mixed up
        progress_start(&r->progress, r->api->cli, "download", r->download->name, total);
}

// Control characters that no text has.
static bool is_binary(struct span bytes) {
    for (size_t i = 0; i < bytes.n; i++)
        if ((unsigned char)bytes.p[i] < 0x20 && !strchr("\t\n\r\f\x1b", bytes.p[i]))
            return true;
    return memchr(bytes.p, 0, bytes.n) != NULL;
}

static bool take_chunk(void *ctx, struct span chunk) {
    struct receiving *r = ctx;
    if (r->download->refuse_binary && is_binary(chunk)) {
        err_set(&r->error, ERR_INVALID_REQUEST, "file %s is binary and stdout is a terminal", r->download->file_id);
        return false;
    }
    sha256_update(r->digest, chunk.p, chunk.n);
    r->received_bytes += chunk.n;
    progress_add(&r->progress, chunk.n);
    return output_write(r->download->fd, chunk, NULL, NULL, &r->error);
}

static int compare_digest(const struct receiving *r, const unsigned char received[SHA256_BYTES],
                          const struct api_reply *reply, struct err *e) {
    unsigned char expected[SHA256_BYTES];
    char got_hex[SHA256_HEX + 1], expected_hex[SHA256_HEX + 1];
    if (http_parse_content_digest(span_of(reply->repr_digest), expected) != 1 ||
        memcmp(expected, received, SHA256_BYTES) == 0)
        return 0;
    sha256_to_hex(received, got_hex);
    sha256_to_hex(expected, expected_hex);
    return err_set(e, ERR_CHECKSUM_MISMATCH, "file %s arrived with sha256 %s, sms has %s", r->download->file_id,
                   got_hex, expected_hex);
}

int transfer_download(struct api *api, const struct download *download, struct err *e) {
    struct receiving r = {.download = download, .api = api, .digest = sha256_new()};
    struct api_reply reply;
    unsigned char digest[SHA256_BYTES];
    AUTO_FREE char *path = api_path("/api/v1/files/", download->file_id, "");
    int result = api_call(api,
                          &(struct api_request){.method = "GET",
                                                .path = path,
                                                .data = take_chunk,
                                                .head = take_head,
                                                .ctx = &r,
                                                .idle_timeout_ms = IDLE_TIMEOUT_MS},
                          &reply, e);
    progress_end(&r.progress);
    sha256_final(r.digest, digest);
    sha256_free(r.digest);
    if (r.error.kind != ERR_NONE) {
        result = -1;
        if (e)
            *e = r.error;
    }
    if (result == 0)
        result = compare_digest(&r, digest, &reply, e);
    api_reply_done(&reply);
    return result;
}
