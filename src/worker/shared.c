// Mapping what spearlet handed over. A length that lies would be a SIGBUS later, so each is compared with the file's size.
#include "worker/shared.h"

#include "base/mem.h"
#include "worker/process.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int check_area(const struct ipc_layout *l, uint64_t offset, uint64_t bytes, const char *name, struct err *e) {
    if (offset <= l->size_bytes && bytes <= l->size_bytes - offset)
        return 0;
    return err_set(e, ERR_INTERNAL,
                   "malformed layout: the %s area (%llu bytes at %llu) is not inside the shared memory of %llu bytes",
                   name, (unsigned long long)bytes, (unsigned long long)offset, (unsigned long long)l->size_bytes);
}

static int check_layout(const struct ipc_layout *l, struct err *e) {
    return check_area(l, l->strings_offset, l->strings_bytes, "strings", e) ||
                   check_area(l, l->payload_offset, l->payload_bytes, "payload", e) ||
                   check_area(l, l->output_offset, l->output_bytes, "output", e) ||
                   check_area(l, l->log_offset, l->log_bytes, "log", e) ||
                   check_area(l, l->reply_offset, l->reply_bytes, "reply", e) ||
                   check_area(l, l->progress_offset, sizeof(struct ipc_progress), "progress", e)
               ? -1
               : 0;
}

static int map(int fd, uint64_t bytes, int protection, int flags, const char *name, void **ret, struct err *e) {
    struct stat st;
    if (fstat(fd, &st))
        return err_set_sys(e, ERR_INTERNAL, errno, "the %s", name);
    if (st.st_size < 0 || (uint64_t)st.st_size < bytes || bytes == 0)
        return err_set(e, ERR_INTERNAL, "the %s is said to have %llu bytes, but has %lld", name,
                       (unsigned long long)bytes, (long long)st.st_size);
    void *p = mmap(NULL, bytes, protection, flags, fd, 0);
    if (p == MAP_FAILED)
        return err_set_sys(e, ERR_RESOURCE_EXHAUSTED, errno, "mapping the %s of %llu bytes", name,
                           (unsigned long long)bytes);
    *ret = p;
    return 0;
}

int shared_map(const struct ipc_spawn *spawn, struct shared *ret, struct err *e) {
    void *base, *module = NULL;
    if (check_layout(&spawn->layout, e) ||
        map(PROCESS_FD_MEMORY, spawn->layout.size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, "shared memory", &base, e))
        return -1;
    // A module of no bytes is a preparation's to refuse, not ours.
    if (spawn->module_bytes &&
        map(PROCESS_FD_MODULE, spawn->module_bytes, PROT_READ, MAP_PRIVATE, "module", &module, e))
        return -1;
    *ret = (struct shared){.base = base, .layout = spawn->layout, .module = span_make(module, spawn->module_bytes)};
    return 0;
}
