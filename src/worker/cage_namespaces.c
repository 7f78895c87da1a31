// Namespaces: all but the one for process ids are made once, by the zygote, and shared by its workers, who find nothing in them.
//
// Making one of each per worker would cost a worker's start half as much again (the network alone 0.4 ms); a namespace of process ids costs
// 0.02 ms, so every worker gets its own (cage_clone_flags), in which it is alone.
#include "worker/cage_parts.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int enter(int flag, struct err *e) {
    return unshare(flag) ? err_set_sys(e, ERR_NOT_SUPPORTED, errno, "unshare") : 0;
}

// ---- users

static int write_file(const char *path, const char *text, struct err *e) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t written = fd >= 0 ? write(fd, text, strlen(text)) : -1;
    int saved = errno;
    if (fd >= 0)
        close(fd);
    return written < 0 ? err_set_sys(e, ERR_NOT_SUPPORTED, saved, "%s", path) : 0;
}

static int map_id(const char *path, unsigned id, struct err *e) {
    char text[64];
    snprintf(text, sizeof text, "%u %u 1", id, id);
    return write_file(path, text, e);
}

int cage_enter_user_namespace(struct err *e) {
    unsigned user = geteuid(), group = getegid();
    if (enter(CLONE_NEWUSER, e) || write_file("/proc/self/setgroups", "deny", e) ||
        map_id("/proc/self/uid_map", user, e) || map_id("/proc/self/gid_map", group, e))
        return -1;
    return 0;
}

int cage_drop_capabilities(struct err *e) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    return syscall(SYS_capset, &header, none) ? err_set_sys(e, ERR_INSTANCE_STARTUP_FAILED, errno, "capset") : 0;
}

// ---- files

static int take_tree(const char *path) {
    return (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
}

// The new root, below the current directory: nothing in it but /proc, for what the engine knows by a path below /proc/self/fd alone, which is how native code
// is loaded and written. Landlock keeps everything else of it shut.
static int fill_root(int proc) {
    return mkdir("proc", 0555) || syscall(SYS_move_mount, proc, "", AT_FDCWD, "proc", MOVE_MOUNT_F_EMPTY_PATH);
}

// /proc is a directory that is there for certain (the ids were just written in it). What is mounted on it becomes the root; the old one goes.
int cage_enter_mount_namespace(struct err *e) {
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    AUTO_CLOSE int proc = -1;
    if (enter(CLONE_NEWNS, e))
        return -1;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
        return err_set_sys(e, ERR_NOT_SUPPORTED, errno, "making mounts private");
    if ((proc = take_tree("/proc")) < 0)
        return err_set_sys(e, ERR_NOT_SUPPORTED, errno, "open_tree");
    if (mount("empty", "/proc", "tmpfs", flags, "size=4k,nr_inodes=3,mode=0755") || chdir("/proc") || fill_root(proc))
        return err_set_sys(e, ERR_NOT_SUPPORTED, errno, "mounting an empty root");
    if (syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/"))
        return err_set_sys(e, ERR_NOT_SUPPORTED, errno, "pivot_root");
    if (mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY | flags, NULL))
        return err_set_sys(e, ERR_NOT_SUPPORTED, errno, "making the empty root read-only");
    return 0;
}

// ---- the rest

int cage_enter_network_namespace(struct err *e) {
    return enter(CLONE_NEWNET, e);
}

int cage_enter_ipc_namespace(struct err *e) {
    return enter(CLONE_NEWIPC, e);
}
