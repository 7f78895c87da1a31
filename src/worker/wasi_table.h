// The descriptors of one invocation: 0 to 2 are its streams, granted directories follow from 3, then what it opens, always the lowest free number.
//
// One table serves every invocation of a worker, one after the other: wasi_table_begin gives it its first content, wasi_table_end closes
// what was opened. Nothing here allocates. Grants are the directories that spearlet handed over; they outlive the table.
#ifndef SPEAR_WORKER_WASI_TABLE_H
#define SPEAR_WORKER_WASI_TABLE_H

#include "ipc/worker_protocol.h"
#include "worker/host.h"
#include "worker/wasi_errno.h"
#include "worker/wasi_rights.h"

enum { WASI_DESCRIPTORS_MAX = 1024 };

struct wasi_grant {
    const char *guest_path;
    int fd;                    // of the directory (O_PATH)
    int volume_fd;             // of the file that `volume` is in, for its locks
    struct ipc_volume *volume; // shared by all workers with a grant of this volume
    uint64_t max_bytes;
    bool writable;
};

enum wasi_kind { WASI_KIND_FREE, WASI_KIND_STREAM, WASI_KIND_DIRECTORY, WASI_KIND_FILE };

struct wasi_file {
    enum wasi_kind kind;
    unsigned stream; // GUEST_STDIN …, of a stream
    int fd;          // otherwise
    bool owned;      // fd is closed with the entry; a granted directory's is not
    bool preopened;
    uint16_t flags; // fdflags: all of them are our own doing, the kernel's descriptor has none
    uint64_t rights, inheriting;
    const struct wasi_grant *grant;
    uint64_t device, inode; // of a regular file
};

struct wasi_table {
    struct wasi_file files[WASI_DESCRIPTORS_MAX];
    uint32_t end;      // no descriptor from here on
    uint64_t open_max; // files and directories that the guest may have open; set once, kept by wasi_table_begin
    const struct wasi_grant *grants;
    size_t grant_count;
};

void wasi_table_begin(struct wasi_table *t, const struct wasi_grant *grants, size_t grant_count);
void wasi_table_end(struct wasi_table *t);
// The descriptor, or NULL (EBADF).
struct wasi_file *wasi_table_at(struct wasi_table *t, uint32_t fd);
// The lowest free number for something that is opened, or -1 when there is none, or open_max are open already.
int64_t wasi_table_free(const struct wasi_table *t);
void wasi_table_put(struct wasi_table *t, uint32_t fd, const struct wasi_file *file);
void wasi_table_close(struct wasi_table *t, uint32_t fd);
// True when another descriptor than this one has the same file open.
bool wasi_table_has_other(const struct wasi_table *t, const struct wasi_file *file);
bool wasi_table_has_inode(const struct wasi_table *t, uint64_t device, uint64_t inode);

// The descriptor that is the call's param, with the wanted rights: EBADF, then what it is instead, then ENOTCAPABLE.
enum wasi_errno wasi_want_any(const struct host_call *c, unsigned param, uint64_t rights, struct wasi_file **ret);
// A regular file. On a directory: EISDIR.
enum wasi_errno wasi_want_file(const struct host_call *c, unsigned param, uint64_t rights, enum wasi_errno on_stream,
                               struct wasi_file **ret);
// A directory. On anything else: ENOTDIR.
enum wasi_errno wasi_want_directory(const struct host_call *c, unsigned param, uint64_t rights, struct wasi_file **ret);
// A directory in which something is to be changed. EROFS.
enum wasi_errno wasi_want_change(const struct host_call *c, unsigned param, uint64_t rights, struct wasi_file **ret);

#endif
