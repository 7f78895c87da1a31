// From the spawn message to what WASI works on: each grant's descriptors are at fixed numbers, its volume's counter is mapped.
#include "worker/grants.h"

#include "worker/process.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

// A file that is too short would be a SIGBUS later.
static int map_volume(int fd, struct ipc_volume **ret, struct err *e) {
    struct stat st;
    if (fstat(fd, &st) || st.st_size < IPC_VOLUME_BYTES)
        return err_set(e, ERR_INTERNAL, "malformed message: a volume's memory is less than %d bytes", IPC_VOLUME_BYTES);
    void *p = mmap(NULL, IPC_VOLUME_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return err_set_sys(e, ERR_RESOURCE_EXHAUSTED, errno, "mapping a volume's counter");
    *ret = p;
    return 0;
}

static int open_grant(const struct ipc_grant *from, int directory, int volume, struct wasi_grant *ret, struct err *e) {
    struct stat st;
    if (!memchr(from->guest_path, '\0', sizeof from->guest_path))
        return err_set(e, ERR_INTERNAL, "malformed message: a guest path without an end");
    if (fstat(directory, &st) || !S_ISDIR(st.st_mode))
        return err_set(e, ERR_INTERNAL, "malformed message: what is granted as %s is no directory", from->guest_path);
    *ret = (struct wasi_grant){.guest_path = from->guest_path,
                               .fd = directory,
                               .volume_fd = volume,
                               .max_bytes = from->max_bytes,
                               .writable = from->flags & IPC_GRANT_WRITABLE};
    return map_volume(volume, &ret->volume, e);
}

int grants_open(const struct ipc_spawn *spawn, struct wasi_grant ret[IPC_GRANTS_MAX], struct err *e) {
    if (spawn->grant_count > IPC_GRANTS_MAX)
        return err_set(e, ERR_INTERNAL, "malformed message: %u grants", spawn->grant_count);
    for (uint32_t i = 0; i < spawn->grant_count; i++) {
        int directory = PROCESS_FD_GRANTS + 2 * (int)i;
        if (open_grant(&spawn->grants[i], directory, directory + 1, &ret[i], e))
            return -1;
    }
    return 0;
}
