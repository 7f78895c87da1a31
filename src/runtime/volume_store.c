// The table of volumes in use: volume_store.h says what it is. The bytes are counted by volume_scan.c.
//
// The lock guards the list, references and waiters, and is never held around a callback or I/O.
#include "runtime/volume_store.h"

#include "base/file.h"
#include "base/mem.h"
#include "ipc/worker_protocol.h"
#include "runtime/memory_file.h"
#include "runtime/volume_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

struct volume_waiter {
    struct volume_waiter *next;
    struct loop *loop;
    void (*done)(void *ctx, struct volume *volume, const struct err *e);
    void *ctx;
    struct volume *volume; // what it was given
    struct err error;
};

struct volume {
    struct volume *next;
    struct volume_store *store;
    char name[TASK_VOLUME_MAX + 1];
    unsigned references;
    bool ready;
    struct volume_waiter *waiters; // until it is ready
    int directory_fd, memory_fd;
    struct err error;
};

struct volume_store {
    const char *data_dir;
    uv_mutex_t lock;
    struct volume *volumes;
};

static void volume_free(struct volume *v) {
    mem_close_fd(&v->directory_fd);
    mem_close_fd(&v->memory_fd);
    free(v);
}

// Under the lock.
static void forget(struct volume *v) {
    struct volume **at = &v->store->volumes;
    while (*at != v)
        at = &(*at)->next;
    *at = v->next;
}

// ---- opening: on the thread pool

static int open_directory(struct volume *v, struct err *e) {
    if (!v->store->data_dir)
        return err_set(e, ERR_INVALID_CONFIGURATION, "volume \"%s\": this runtime has no data directory", v->name);
    char *folder AUTO_FREE = file_join(v->store->data_dir, "volumes");
    char *path AUTO_FREE = file_join(folder, v->name);
    v->directory_fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (v->directory_fd >= 0)
        return 0;
    if (errno == ENOENT)
        return err_set(e, ERR_INVALID_CONFIGURATION,
                       "volume \"%s\" is not on this node: its operator has to make the folder %s", v->name, path);
    if (errno == ENOTDIR || errno == ELOOP)
        return err_set(e, ERR_INVALID_CONFIGURATION, "volume \"%s\": %s is not a folder", v->name, path);
    return err_set_sys(e, ERR_IO, errno, "volume \"%s\": %s cannot be opened", v->name, path);
}

// Sealed in its size: a worker that cut it short would be the end of the others.
static int make_counter(struct volume *v, uint64_t used_bytes, struct err *e) {
    struct ipc_volume content = {.used_bytes = used_bytes};
    if (memory_file_new("spear-volume", &v->memory_fd, e) < 0)
        return -1;
    if (ftruncate(v->memory_fd, IPC_VOLUME_BYTES) < 0 ||
        pwrite(v->memory_fd, &content, sizeof content, 0) != (ssize_t)sizeof content ||
        fcntl(v->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return err_set_sys(e, ERR_RESOURCE_EXHAUSTED, errno, "memory for volume \"%s\" cannot be had", v->name);
    return 0;
}

static void open_volume(void *arg) {
    struct volume *v = arg;
    uint64_t used_bytes = 0;
    if (open_directory(v, &v->error) < 0)
        return;
    if (volume_scan(v->directory_fd, &used_bytes, &v->error) < 0)
        err_wrap(&v->error, "volume \"%s\"", v->name);
    else
        (void)make_counter(v, used_bytes, &v->error);
}

// ---- answers

static void answer(void *arg) {
    AUTO_FREE struct volume_waiter *w = arg;
    w->done(w->ctx, w->volume, w->volume ? NULL : &w->error);
}

static void post(struct volume_waiter *w) {
    ASSERT(loop_post(w->loop, answer, w)); // a runtime outlives its requests, a loop its runtimes
}

static void on_opened(void *arg) {
    struct volume *v = arg;
    struct volume_store *s = v->store;
    bool failed = v->error.kind != ERR_NONE;
    uv_mutex_lock(&s->lock);
    struct volume_waiter *waiters = TAKE(v->waiters);
    v->ready = true;
    if (failed)
        forget(v);
    uv_mutex_unlock(&s->lock);
    for (struct volume_waiter *w = waiters, *next; w; w = next) {
        next = w->next;
        w->volume = failed ? NULL : v;
        w->error = v->error;
        post(w);
    }
    if (failed)
        volume_free(v);
}

// ---- the outside

static struct volume *find(const struct volume_store *s, const char *name) {
    for (struct volume *v = s->volumes; v; v = v->next)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

static struct volume *add(struct volume_store *s, const char *name) {
    struct volume *v = NEW(struct volume);
    ASSERT(strlen(name) <= TASK_VOLUME_MAX);
    memcpy(v->name, name, strlen(name) + 1);
    v->store = s;
    v->directory_fd = v->memory_fd = -1;
    v->next = s->volumes;
    s->volumes = v;
    return v;
}

void volume_get(struct volume_store *s, struct loop *loop, const char *name,
                void (*done)(void *ctx, struct volume *volume, const struct err *e), void *ctx) {
    struct volume_waiter *w = NEW(struct volume_waiter);
    w->loop = loop;
    w->done = done;
    w->ctx = ctx;
    uv_mutex_lock(&s->lock);
    struct volume *v = find(s, name), *begun = NULL;
    if (!v)
        v = begun = add(s, name);
    v->references++;
    bool ready = v->ready;
    if (ready) {
        w->volume = v;
    } else {
        w->next = v->waiters;
        v->waiters = w;
    }
    uv_mutex_unlock(&s->lock);
    if (ready)
        post(w);
    else if (begun)
        loop_work(loop, open_volume, on_opened, begun);
}

void volume_unref(struct volume_store *s, struct volume *v) {
    uv_mutex_lock(&s->lock);
    ASSERT(v->references > 0);
    bool last = --v->references == 0;
    if (last)
        forget(v);
    uv_mutex_unlock(&s->lock);
    if (last)
        volume_free(v);
}

int volume_directory_fd(const struct volume *v) {
    return v->directory_fd;
}

int volume_memory_fd(const struct volume *v) {
    return v->memory_fd;
}

struct volume_store *volume_store_new(const char *data_dir) {
    struct volume_store *s = NEW(struct volume_store);
    s->data_dir = data_dir;
    ASSERT(uv_mutex_init(&s->lock) == 0);
    return s;
}

void volume_store_free(struct volume_store *s) {
    if (!s)
        return;
    ASSERT(!s->volumes);
    uv_mutex_destroy(&s->lock);
    free(s);
}
