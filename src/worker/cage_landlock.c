// Landlock: no path of the file system, but for what lies below the directories that were granted; no TCP; no signal to a process outside.
//
// Descriptors that are open already are not affected, nor is memory. The kernel's versions differ in what they can deny: each gets all it knows.
#include "worker/cage_parts.h"

#include "worker/process.h"

#include <errno.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// Of kernels newer than the headers that this may be built with.
enum { REFER = 1 << 13, TRUNCATE = 1 << 14, IOCTL_DEVICE = 1 << 15 };
enum { TCP_BIND = 1 << 0, TCP_CONNECT = 1 << 1 };
enum { SCOPE_ABSTRACT_SOCKET = 1 << 0, SCOPE_SIGNAL = 1 << 1 };
struct ruleset {
    uint64_t files, tcp, scopes;
};

enum { READING = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR };
enum {
    WRITING = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
              LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SYM | REFER | TRUNCATE
};
// What nobody gets: running a file, and making what is neither a file nor a directory.
enum {
    NEVER = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_SOCK |
            LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | IOCTL_DEVICE
};

static uint64_t known_files(int version) {
    uint64_t known = READING | WRITING | NEVER;
    if (version < 2)
        known &= ~(uint64_t)REFER;
    if (version < 3)
        known &= ~(uint64_t)TRUNCATE;
    if (version < 5)
        known &= ~(uint64_t)IOCTL_DEVICE;
    return known;
}

int cage_landlock_prepare(struct cage *c, struct err *e) {
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return err_set_sys(e, ERR_NOT_SUPPORTED, errno, "the kernel has no Landlock, or it is not among its LSMs");
    c->landlock_version = (int)version;
    return 0;
}

static int make_ruleset(const struct cage *c) {
    struct ruleset r = {.files = known_files(c->landlock_version)};
    size_t size = sizeof r.files;
    if (c->landlock_version >= 4) {
        r.tcp = TCP_BIND | TCP_CONNECT;
        size += sizeof r.tcp;
    }
    if (c->landlock_version >= 6) {
        r.scopes = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL;
        size += sizeof r.scopes;
    }
    return (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
}

static int allow_grants(const struct cage *c, const struct ipc_spawn *spawn, int ruleset) {
    for (uint32_t i = 0; i < spawn->grant_count; i++) {
        uint64_t access = spawn->grants[i].flags & IPC_GRANT_WRITABLE ? READING | WRITING : READING;
        struct landlock_path_beneath_attr rule = {.allowed_access = access & known_files(c->landlock_version),
                                                  .parent_fd = PROCESS_FD_GRANTS + 2 * (int)i};
        if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0))
            return -1;
    }
    return 0;
}

int cage_landlock_enter(const struct cage *c, const struct ipc_spawn *spawn, struct err *e) {
    int ruleset = make_ruleset(c);
    bool failed = ruleset < 0 || allow_grants(c, spawn, ruleset) || syscall(SYS_landlock_restrict_self, ruleset, 0);
    int saved = errno;
    if (ruleset >= 0)
        close(ruleset);
    return failed ? err_set_sys(e, ERR_INSTANCE_STARTUP_FAILED, saved, "landlock") : 0;
}
