// What goes to the socket: bytes first, then at most one lent body or part of a file. One system call an answer where
// the socket takes it; what it does not take waits here and http_connection.c asks to be told when it may go on.
//
// Files go by sendfile(2) on libuv's thread pool, because reading a cold file blocks, and nothing may block a loop. The
// hop is paid once per filling of the socket's buffer. Small files that are in memory already are read at once instead
// (http_response.c).
#include "net/http_internal.h"

#include <errno.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    PARTS_MAX = 4,
    KEPT_BYTES = 64 * 1024, // a larger buffer is given back when it is empty
    FIRST_BYTES = 1024,
    GATHERED_BYTES = 16 * 1024,    // small writes of one handler's turn go out together
    READ_PIECE_BYTES = 256 * 1024, // under TLS
    SENDFILE_PIECE_BYTES = 1024 * 1024,
    SENDFILE_TURN_BYTES = 8 * 1024 * 1024 // then the pool's thread is free for others
};

void http_output_init(struct http_output *out) {
    *out = (struct http_output){.file = -1};
}

static void drop_lent(struct http_output *out) {
    if (!out->lent)
        return;
    CONTAINER_OF(out, struct http_connection, out)->shard->lent_bytes -= out->lent_bytes;
    if (out->release)
        out->release(out->lent);
    out->lent = NULL;
}

static void drop_file(struct http_output *out) {
    if (out->file >= 0 && !out->file_busy)
        close(TAKE_FD(out->file));
}

void http_output_done(struct http_output *out) {
    free(TAKE(out->p));
    out->start = out->end = out->capacity = 0;
    drop_lent(out);
    drop_file(out);
}

void http_output_trim(struct http_output *out) {
    if (out->start < out->end)
        return;
    free(TAKE(out->p));
    out->start = out->end = out->capacity = 0;
}

size_t http_output_waiting(const struct http_output *out) {
    return out->end - out->start + (out->lent ? out->lent_bytes - out->lent_sent : 0);
}

bool http_output_is_empty(const struct http_output *out) {
    return out->start == out->end && !out->lent && out->file < 0;
}

char *http_output_reserve(struct http_output *out, size_t n) {
    if (out->capacity - out->end >= n)
        return out->p + out->end;
    size_t waiting = out->end - out->start;
    if (out->start) {
        memmove(out->p, out->p + out->start, waiting);
        out->start = 0;
        out->end = waiting;
    }
    if (out->capacity - out->end < n) {
        size_t capacity = out->capacity ? out->capacity : FIRST_BYTES;
        while (capacity - out->end < n)
            capacity *= 2;
        out->p = mem_realloc(out->p, capacity);
        out->capacity = capacity;
    }
    return out->p + out->end;
}

void http_output_append(struct http_output *out, struct span bytes) {
    if (bytes.n == 0)
        return;
    memcpy(http_output_reserve(out, bytes.n), bytes.p, bytes.n);
    out->end += bytes.n;
}

void http_output_lend(struct http_output *out, char *body, size_t n, void (*release)(void *body)) {
    out->lent = body;
    out->lent_sent = 0;
    out->lent_bytes = n;
    out->release = release;
    http_shard_lent(CONTAINER_OF(out, struct http_connection, out)->shard, n);
}

void http_output_file(struct http_output *out, int fd, uint64_t offset, uint64_t length) {
    out->file = fd;
    out->file_offset = offset;
    out->file_left = length;
}

// Counts n sent bytes off the parts, in order.
static void sent_bytes(struct http_output *out, size_t n) {
    size_t of_bytes = out->end - out->start;
    if (n < of_bytes) {
        out->start += n;
        return;
    }
    out->start = out->end = 0;
    if (out->capacity > KEPT_BYTES)
        http_output_trim(out);
    if (!out->lent)
        return;
    out->lent_sent += n - of_bytes;
    if (out->lent_sent == out->lent_bytes)
        drop_lent(out);
}

static void cannot_write(struct http_connection *c, int error_number) {
    if (error_number != EAGAIN) {
        c->broken = true;
        return;
    }
    c->out.blocked = true;
    http_deadline_write_blocked(c);
}

// Returns the bytes taken, 0 when the socket takes none now or never again.
static size_t send_parts(struct http_connection *c, struct iovec *parts, size_t count, int flags) {
    ssize_t n = http_transport_send(c, parts, count, flags);
    if (n < 0) {
        cannot_write(c, errno);
        return 0;
    }
    http_deadline_wrote(c, (size_t)n);
    return (size_t)n;
}

static struct iovec io_part(const char *p, size_t n) {
    return (struct iovec){.iov_base = (void *)(uintptr_t)p, .iov_len = n};
}

static size_t waiting_parts(const struct http_output *out, struct iovec parts[2]) {
    size_t count = 0;
    if (out->start < out->end)
        parts[count++] = io_part(out->p + out->start, out->end - out->start);
    if (out->lent)
        parts[count++] = io_part(out->lent + out->lent_sent, out->lent_bytes - out->lent_sent);
    return count;
}

// ---- files

static void send_file(uv_work_t *work) {
    struct http_connection *c = CONTAINER_OF(work, struct http_connection, out.file_work);
    struct http_output *out = &c->out;
    off_t offset = (off_t)out->file_offset;
    uint64_t left = out->file_left;
    ssize_t total = 0;
    out->file_result = 0;
    while (left && total < SENDFILE_TURN_BYTES) {
        ssize_t n =
            sendfile(c->fd, out->file, &offset, left < SENDFILE_PIECE_BYTES ? (size_t)left : SENDFILE_PIECE_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            out->file_error = n < 0 ? errno : EPIPE; // the file is shorter than was promised
            break;
        }
        left -= (uint64_t)n;
        total += n;
    }
    out->file_result = total;
}

// Under TLS the thread reads, and what it read is lent to the output.
static void read_file(uv_work_t *work) {
    struct http_connection *c = CONTAINER_OF(work, struct http_connection, out.file_work);
    struct http_output *out = &c->out;
    size_t n = out->file_left < READ_PIECE_BYTES ? (size_t)out->file_left : READ_PIECE_BYTES;
    do
        out->file_result = pread(out->file, out->file_piece, n, (off_t)out->file_offset);
    while (out->file_result < 0 && errno == EINTR);
    if (out->file_result > 0)
        return;
    out->file_error = out->file_result < 0 ? errno : EPIPE; // the file is shorter than was promised
    out->file_result = 0;
}

static void lend_piece(struct http_output *out) {
    char *piece = TAKE(out->file_piece);
    if (piece && out->file_result > 0)
        http_output_lend(out, piece, (size_t)out->file_result, free);
    else
        free(piece);
}

static void on_file_sent(uv_work_t *work, int status) {
    (void)status;
    struct http_connection *c = CONTAINER_OF(work, struct http_connection, out.file_work);
    struct http_output *out = &c->out;
    bool was_read = out->file_piece != NULL;
    out->file_busy = false;
    if (c->phase == HTTP_PHASE_GONE) {
        free(TAKE(out->file_piece));
        drop_file(out);
        close(TAKE_FD(c->fd));
        http_connection_release(c);
        return;
    }
    if (!was_read)
        http_deadline_wrote(c, (size_t)out->file_result);
    lend_piece(out);
    out->file_offset += (uint64_t)out->file_result;
    out->file_left -= (uint64_t)out->file_result;
    if (out->file_error)
        cannot_write(c, out->file_error);
    http_connection_run(c, NULL, 0);
}

static void start_file(struct http_connection *c) {
    struct http_output *out = &c->out;
    if (out->file_left == 0) {
        drop_file(out);
        return;
    }
    out->file_busy = true;
    out->file_error = 0;
    if (c->tls)
        out->file_piece = mem_alloc(READ_PIECE_BYTES);
    ASSERT(uv_queue_work(&c->shard->loop->uv, &out->file_work, c->tls ? read_file : send_file, on_file_sent) == 0);
}

// ---- writing

void http_output_flush(struct http_connection *c) {
    struct http_output *out = &c->out;
    struct iovec parts[2];
    size_t count;
    if (c->phase == HTTP_PHASE_GONE)
        return;
    while (!c->broken && !out->blocked && (count = waiting_parts(out, parts)) > 0)
        sent_bytes(out, send_parts(c, parts, count, out->file >= 0 ? MSG_MORE : 0));
    if (!c->broken && !out->blocked && out->file >= 0 && !out->file_busy)
        start_file(c);
    if (http_output_is_empty(out) && !out->blocked)
        c->write_deadline_ms = 0;
}

// Counts n sent bytes off the parts and keeps what is left of them.
static void keep_unsent(struct http_output *out, const struct span parts[], size_t count, size_t n) {
    for (size_t i = 0; i < count; i++) {
        size_t skip = n < parts[i].n ? n : parts[i].n;
        http_output_append(out, span_slice(parts[i], skip, parts[i].n));
        n -= skip;
    }
}

static size_t total_bytes(const struct span parts[], size_t count) {
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += parts[i].n;
    return total;
}

void http_output_write(struct http_connection *c, const struct span parts[], size_t count) {
    struct http_output *out = &c->out;
    struct iovec all[PARTS_MAX + 1];
    size_t used = 0, before = out->end - out->start, n = 0;
    ASSERT(count <= PARTS_MAX && !out->lent && out->file < 0);
    if (c->depth && before + total_bytes(parts, count) <= GATHERED_BYTES) { // written when the handler returns
        keep_unsent(out, parts, count, 0);
        return;
    }
    if (before)
        all[used++] = io_part(out->p + out->start, before);
    for (size_t i = 0; i < count; i++)
        all[used++] = io_part(parts[i].p, parts[i].n);
    if (!c->broken && !out->blocked)
        n = send_parts(c, all, used, 0);
    sent_bytes(out, n < before ? n : before);
    keep_unsent(out, parts, count, n > before ? n - before : 0);
}
