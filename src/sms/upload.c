// POST /api/v1/files: from the network to the disk in two buffers, then into the store, then the answer.
//
// One buffer fills on the event loop while the other is written and hashed on the thread pool; when both are full the body
// is paused, so memory stays constant whatever the file's size. After the last byte the file is fsynced, its digest
// compared, and the store's write lane moves it to its place and commits its record; only then comes the 200. An upload
// that ends in any other way leaves no file, no record and no temporary file. What the head may say is upload_request.c's.
#include "sms/upload.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "sms/answer.h"
#include "sms/audit.h"
#include "sms/file_table.h"
#include "sms/upload_request.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum {
    GATHER_BYTES = 256 * 1024,
    PLACE_BYTES =
        16 * 1024 // from here on, or when its end has come, an upload needs a place: one that trickles has none
};

struct gather { // bytes on their way to the disk
    char *p;
    size_t n, capacity;
};

enum upload_state {
    UPLOAD_RECEIVING,
    UPLOAD_FINISHING, // the last bytes are being written
    UPLOAD_STORING,
    UPLOAD_DISCARDING // something went wrong: err
};

struct upload {
    struct sms *sms;
    struct http_exchange *x;
    struct loop *loop;
    struct upload_request request;
    struct file_record record;
    uint64_t started_us;
    // The loop fills `filling`; while `busy` the pool owns `writing`, fd, digest and err.
    struct gather *filling, *writing;
    struct gather gathers[2];
    enum upload_state state;
    bool placed; // has one of uploads_max places
    bool busy, paused, ended;
    enum http_body_end end;
    int fd;
    struct sha256 *digest;
    struct audit_actor actor;
    struct err err; // the first thing that went wrong
    struct store_job job;
};

static void upload_free(struct upload *u) {
    if (u->placed) {
        atomic_fetch_sub(&u->sms->uploads_placed, 1);
    }
    atomic_fetch_sub(&u->sms->uploads_running, 1);
    mem_close_fd(&u->fd);
    sha256_free(u->digest);
    free(u->gathers[0].p);
    free(u->gathers[1].p);
    free(u);
}

// ---- the end
static void upload_fail(struct upload *u) {
    atomic_fetch_add(&u->sms->uploads_failed_total, 1);
    answer_error(u->x, &u->err);
    upload_free(u);
}

static void upload_answer(struct upload *u) {
    const struct file_record *r = &u->record;
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    AUTO_FREE char *uri = mem_printf("sms+file://%s", r->id);
    json_add_bool(out, root, "success", true);
    json_add_text(out, root, "id", r->id);
    json_add_text(out, root, "name", r->name);
    json_add_text(out, root, "uri", uri);
    json_add_i64(out, root, "len", (int64_t)r->len);
    json_add_text(out, root, "checksum_sha256", r->sha256);
    atomic_fetch_add(&u->sms->uploads_total, 1);
    atomic_fetch_add(&u->sms->upload_bytes_total, r->len);
    log_info("file stored id=%s len=%llu sha256=%s duration_us=%llu", r->id, (unsigned long long)r->len, r->sha256,
             (unsigned long long)(clock_monotonic_us() - u->started_us));
    http_respond_json(u->x, 200, out);
    upload_free(u);
}

static void discard_work(void *arg) {
    struct upload *u = arg;
    mem_close_fd(&u->fd);
    blobs_remove_temporary(store_blobs(u->sms->store), u->record.id);
}

static void discard_done(void *arg) {
    upload_fail(arg);
}

// Removes what was written, then answers with u->err.
static void upload_discard(struct upload *u) {
    u->state = UPLOAD_DISCARDING;
    loop_work(u->loop, discard_work, discard_done, u);
}

// ---- into the store
static int store_file(struct db *db, void *arg, struct err *e) {
    struct upload *u = arg;
    const struct file_record *r = &u->record;
    if (blobs_publish(store_blobs(u->sms->store), r->id, r->sha256, r->len, e) != 0) {
        return -1;
    }
    if (file_table_insert(db, r, e) != 0) {
        return -1;
    }
    const struct audit_change change = {.actor = &u->actor,
                                        .action = "file.upload",
                                        .object_id = span_of(r->id),
                                        .object_name = span_of(r->name),
                                        .detail = span_of(r->sha256),
                                        .max_entries = (int64_t)u->sms->config.audit_max_entries};
    return audit_add(db, &change, e);
}

// The record is not there: neither may be a content that no other record names.
static void store_file_settled(struct db *db, void *arg, bool committed) {
    struct upload *u = arg;
    bool used = true;
    if (committed) {
        return;
    }
    blobs_remove_temporary(store_blobs(u->sms->store), u->record.id);
    if (file_table_uses(db, span_of(u->record.sha256), &used, NULL) == 0 && !used) {
        blobs_remove(store_blobs(u->sms->store), u->record.sha256);
    }
}

static void store_file_done(void *arg, const struct err *e) {
    struct upload *u = arg;
    if (e == NULL) {
        upload_answer(u);
        return;
    }
    u->err = *e;
    upload_fail(u);
}

static void upload_store(struct upload *u) {
    u->state = UPLOAD_STORING;
    u->job = (struct store_job){
        .run = store_file, .settled = store_file_settled, .done = store_file_done, .arg = u, .loop = u->loop};
    if (!store_write(u->sms->store, &u->job)) {
        err_set(&u->err, ERR_RESOURCE_EXHAUSTED, "too many uploads wait for the store; try again in a moment");
        upload_discard(u);
    }
}

// ---- on the thread pool
static int write_gathered(struct upload *u) {
    struct gather *g = u->writing;
    if (u->fd < 0 && blobs_create_temporary(store_blobs(u->sms->store), u->record.id, &u->fd, &u->err) != 0) {
        return -1;
    }
    if (file_write_all(u->fd, span_make(g->p, g->n), &u->err) != 0) {
        if (u->err.sys == ENOSPC || u->err.sys == EDQUOT) {
            u->err.kind = ERR_INSUFFICIENT_STORAGE;
        }
        return err_wrap(&u->err, "the upload could not be written");
    }
    sha256_update(u->digest, g->p, g->n);
    return 0;
}

static int finish_file(struct upload *u) {
    unsigned char digest[SHA256_BYTES];
    sha256_final(u->digest, digest);
    sha256_to_hex(digest, u->record.sha256);
    if (upload_request_check(&u->request, digest, &u->err) != 0) {
        return -1;
    }
    if (fsync(u->fd) != 0) {
        enum err_kind kind = errno == ENOSPC || errno == EDQUOT ? ERR_INSUFFICIENT_STORAGE : ERR_IO;
        return err_set_sys(&u->err, kind, errno, "the upload could not be made durable");
    }
    mem_close_fd(&u->fd);
    return 0;
}

static void write_work(void *arg) {
    struct upload *u = arg;
    if (write_gathered(u) == 0 && u->state == UPLOAD_FINISHING) {
        finish_file(u);
    }
}

// ---- on the loop
static void upload_advance(struct upload *u);

static void write_done(void *arg) {
    struct upload *u = arg;
    u->busy = false;
    u->writing->n = 0;
    upload_advance(u);
}

static void upload_write(struct upload *u) {
    struct gather *full = u->filling;
    u->filling = u->writing;
    u->writing = full;
    u->busy = true;
    loop_work(u->loop, write_work, write_done, u);
}

static void upload_set_end_error(struct upload *u) {
    if (u->end == HTTP_BODY_TOO_LARGE) {
        err_set(&u->err, ERR_PAYLOAD_TOO_LARGE, "the body is larger than %llu bytes, the setting max-upload-bytes",
                (unsigned long long)u->sms->config.max_upload_bytes);
    } else if (u->end == HTTP_BODY_ABORTED) {
        err_set(&u->err, ERR_INVALID_REQUEST, "the body was cut off after %llu bytes; nothing was kept",
                (unsigned long long)u->record.len);
    }
}

static void upload_resume(struct upload *u) {
    if (u->paused) {
        u->paused = false;
        http_body_resume(u->x);
    }
}

static int no_place(const struct sms *s, struct err *e) {
    return err_set(e, ERR_RESOURCE_EXHAUSTED, "%zu uploads are running, the setting uploads-max; try again in a moment",
                   s->config.uploads_max);
}

static int upload_take_place(struct upload *u) {
    struct sms *s = u->sms;
    if (u->placed || (!u->ended && u->record.len < PLACE_BYTES)) {
        return 0;
    }
    if (atomic_fetch_add(&s->uploads_placed, 1) >= s->config.uploads_max) {
        atomic_fetch_sub(&s->uploads_placed, 1);
        return no_place(s, &u->err);
    }
    u->placed = true;
    return 0;
}

// What is next, now that the pool is idle or bytes came.
static void upload_advance(struct upload *u) {
    if (u->busy || u->state == UPLOAD_DISCARDING) {
        return;
    }
    if (u->err.kind == ERR_NONE && u->ended && u->end != HTTP_BODY_COMPLETE) {
        upload_set_end_error(u);
    }
    if (u->err.kind != ERR_NONE || upload_take_place(u) != 0) {
        upload_discard(u);
    } else if (u->state == UPLOAD_FINISHING) {
        upload_store(u);
    } else if (u->ended || u->filling->n >= GATHER_BYTES) {
        u->state = u->ended ? UPLOAD_FINISHING : UPLOAD_RECEIVING;
        upload_write(u);
        upload_resume(u);
    } else {
        upload_resume(u);
    }
}

static void gather_append(struct gather *g, struct span chunk) {
    if (g->n + chunk.n > g->capacity) {
        size_t wanted = g->capacity == 0 ? chunk.n : 2 * g->capacity;
        size_t usual = GATHER_BYTES + (size_t)64 * 1024;
        wanted = wanted > usual ? usual : wanted;
        g->capacity = g->n + chunk.n > wanted ? g->n + chunk.n : wanted;
        g->p = mem_realloc(g->p, g->capacity);
    }
    memcpy(g->p + g->n, chunk.p, chunk.n);
    g->n += chunk.n;
}

static bool upload_data(void *ctx, struct span chunk) {
    struct upload *u = ctx;
    if (u->state == UPLOAD_RECEIVING) {
        u->record.len += chunk.n;
        gather_append(u->filling, chunk);
        upload_advance(u);
        u->paused = u->busy && u->filling->n >= GATHER_BYTES;
    }
    return !u->paused && u->state == UPLOAD_RECEIVING;
}

static void upload_end(void *ctx, enum http_body_end how) {
    struct upload *u = ctx;
    u->ended = true;
    u->end = how;
    upload_advance(u);
}

// ---- the beginning
static struct upload *upload_new(struct sms *s, struct http_exchange *x, const struct upload_request *request) {
    struct upload *u = NEW(struct upload);
    u->sms = s;
    u->x = x;
    u->loop = http_exchange_loop(x);
    u->request = *request;
    u->started_us = clock_monotonic_us();
    u->filling = &u->gathers[0];
    u->writing = &u->gathers[1];
    u->fd = -1;
    u->digest = sha256_new();
    audit_actor_of(x, &u->actor);
    struct file_record *r = &u->record;
    uuid_new(r->id);
    snprintf(r->name, sizeof r->name, "%s", request->name[0] != 0 ? request->name : r->id);
    snprintf(r->content_type, sizeof r->content_type, "%s", request->content_type);
    r->created_at = clock_unix_s();
    return u;
}

static int upload_admit(struct sms *s, struct http_exchange *x, struct upload_request *ret, struct err *e) {
    if (upload_request_read(x, ret, e) != 0) {
        return -1;
    }
    int64_t length = http_content_length(x);
    if (length >= 0 && (uint64_t)length > s->config.max_upload_bytes) {
        return err_set(e, ERR_PAYLOAD_TOO_LARGE, "the body has %lld bytes; the setting max-upload-bytes allows %llu",
                       (long long)length, (unsigned long long)s->config.max_upload_bytes);
    }
    if (atomic_load(&s->uploads_placed) >= s->config.uploads_max) { // sooner than upload_take_place would
        return no_place(s, e);
    }
    atomic_fetch_add(&s->uploads_running, 1);
    return 0;
}

void upload_handle(struct http_exchange *x, void *ctx) {
    struct sms *s = ctx;
    struct upload_request request;
    struct err err;
    if (upload_admit(s, x, &request, &err) != 0) {
        answer_error(x, &err);
        return;
    }
    static const struct http_body_sink sink = {.data = upload_data, .end = upload_end};
    http_body_read(x, s->config.max_upload_bytes, &sink, upload_new(s, x, &request));
}
