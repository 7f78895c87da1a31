// Puts the cage together: what is tried in the zygote, in which order, and what a worker does to itself.
#include "worker/cage_parts.h"

#include "base/mem.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int cage_part(struct cage *c, struct err *e);

static bool has(const struct cage *c, enum ipc_cage_feature feature) {
    return c->features & feature;
}

// ---- trying, in a child of the zygote's

// Runs f in a child cloned with `flags`; the child's error is the answer.
static int try(struct cage *c, uint64_t flags, cage_part *f, struct err *e) {
    struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0)
        return err_set_sys(e, ERR_NOT_SUPPORTED, errno, "clone");
    if (pid == 0) {
        struct err failure = {0};
        _exit(f(c, &failure) ? (failure.sys > 0 && failure.sys < 255 ? failure.sys : 255) : 0);
    }
    int status = -1;
    while (waitpid((pid_t)pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) != 255)
        return err_set_sys(e, ERR_NOT_SUPPORTED, WEXITSTATUS(status), "trying it");
    return err_set(e, ERR_NOT_SUPPORTED, "trying it ended with status %#x", (unsigned)status);
}

static const struct ipc_spawn nothing_granted = {.role = IPC_ROLE_SERVE};

static int enter_seccomp(struct cage *c, struct err *e) {
    return cage_seccomp_enter(c, CAGE_FILTER_BARE, e);
}

static int enter_landlock(struct cage *c, struct err *e) {
    return cage_landlock_enter(c, &nothing_granted, e);
}

static int enter_user_namespace(struct cage *c, struct err *e) {
    (void)c;
    return cage_enter_user_namespace(e);
}

static int enter_mount_namespace(struct cage *c, struct err *e) {
    (void)c;
    return cage_enter_mount_namespace(e);
}

static int enter_nothing(struct cage *c, struct err *e) {
    (void)c, (void)e;
    return 0;
}

// ---- the parts, on the zygote's side

static int prepare_seccomp(struct cage *c, struct err *e) {
    return cage_seccomp_prepare(c, e) || try(c, 0, enter_seccomp, e) ? -1 : 0;
}

static int prepare_landlock(struct cage *c, struct err *e) {
    return cage_landlock_prepare(c, e) || try(c, 0, enter_landlock, e) ? -1 : 0;
}

// These two take several steps: a child goes first, so that the zygote does not stop half way.
static int prepare_user_namespace(struct cage *c, struct err *e) {
    return try(c, 0, enter_user_namespace, e) ? -1 : cage_enter_user_namespace(e);
}

static int prepare_mount_namespace(struct cage *c, struct err *e) {
    return try(c, 0, enter_mount_namespace, e) ? -1 : cage_enter_mount_namespace(e);
}

static int prepare_network_namespace(struct cage *c, struct err *e) {
    (void)c;
    return cage_enter_network_namespace(e);
}

static int prepare_ipc_namespace(struct cage *c, struct err *e) {
    (void)c;
    return cage_enter_ipc_namespace(e);
}

static int prepare_pid_namespace(struct cage *c, struct err *e) {
    return try(c, CLONE_NEWPID, enter_nothing, e);
}

// In this order: the user namespace gives the right to make the others; the ids are written where the mount namespace has no files any more.
static const struct {
    cage_part *prepare;
    const char *name;
} parts[IPC_CAGE_FEATURE_COUNT] = {
    {prepare_seccomp, "seccomp"},
    {prepare_landlock, "landlock"},
    {prepare_user_namespace, "user namespace"},
    {prepare_mount_namespace, "mount namespace"},
    {prepare_network_namespace, "network namespace"},
    {prepare_ipc_namespace, "IPC namespace"},
    {prepare_pid_namespace, "PID namespace"},
};

int cage_prepare(struct cage *c, uint32_t wanted, uint32_t required, struct err *e) {
    *c = (struct cage){0};
    if (wanted == 0)
        return 0;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return err_set_sys(e, ERR_NOT_SUPPORTED, errno, "no_new_privs");
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        struct err missing = {0};
        if (!(wanted & 1U << i))
            continue;
        if (parts[i].prepare(c, &missing) == 0)
            c->features |= 1U << i;
        else if (required & 1U << i)
            return err_set(e, ERR_NOT_SUPPORTED, "%s: %s", parts[i].name, missing.text);
        else
            snprintf(c->reasons[i], sizeof c->reasons[i], "%.*s", IPC_CAGE_REASON_BYTES - 1, missing.text);
    }
    return 0;
}

// ---- a worker

uint64_t cage_clone_flags(const struct cage *c) {
    return has(c, IPC_CAGE_PID_NAMESPACE) ? CLONE_NEWPID : 0;
}

static enum cage_filter_kind sealed_kind(const struct ipc_spawn *spawn) {
    return spawn->grant_count ? CAGE_FILTER_FILES : CAGE_FILTER_BARE;
}

static bool loads_code(const struct ipc_spawn *spawn) {
    return spawn->role == IPC_ROLE_SERVE && spawn->flags & IPC_SPAWN_NATIVE;
}

static enum cage_filter_kind first_kind(const struct ipc_spawn *spawn) {
    if (spawn->role == IPC_ROLE_COMPILE)
        return CAGE_FILTER_COMPILING;
    return loads_code(spawn) ? CAGE_FILTER_LOADING : sealed_kind(spawn);
}

int cage_enter(const struct cage *c, const struct ipc_spawn *spawn, struct err *e) {
    const struct rlimit none = {0, 0};
    if (c->features == 0)
        return 0;
    if (cage_drop_capabilities(e))
        return err_wrap(e, "the cage");
    // Not to be traced, and no more processes, even where the filter is missing. A compiler has threads, which count.
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || (spawn->role != IPC_ROLE_COMPILE && setrlimit(RLIMIT_NPROC, &none)))
        return err_set_sys(e, ERR_INSTANCE_STARTUP_FAILED, errno, "the cage");
    if (has(c, IPC_CAGE_LANDLOCK) && cage_landlock_enter(c, spawn, e))
        return err_wrap(e, "the cage");
    if (has(c, IPC_CAGE_SECCOMP) && cage_seccomp_enter(c, first_kind(spawn), e))
        return err_wrap(e, "the cage");
    return 0;
}

int cage_seal(const struct cage *c, const struct ipc_spawn *spawn, struct err *e) {
    if (!has(c, IPC_CAGE_SECCOMP) || !loads_code(spawn))
        return 0;
    return cage_seccomp_enter(c, sealed_kind(spawn), e) ? err_wrap(e, "the cage") : 0;
}
