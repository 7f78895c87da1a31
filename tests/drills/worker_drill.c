// A worker that has been taken over: spear-worker with one file more, which answers the function "attempt:NAME[:ARGUMENT]" with native code instead
// of a guest, and tells in the output what came of it. Built for tests/drills/native_code.py and never installed.
//
// The linker puts __wrap_server_invoke between worker.c and invocation.c; everything else is the real worker.
#include "base/mem.h"
#include "worker/invocation.h"
#include "worker/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

int __real_server_invoke(struct server *s, unsigned slot, struct err *e);
int __wrap_server_invoke(struct server *s, unsigned slot, struct err *e);

// Each attempt returns -1 with errno when it was denied; anything else is a success for the attacker.
typedef long attempt(long argument);

// ---- files

static long try_open(long unused) {
    (void)unused;
    return syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
}

static long try_openat2(long directory) {
    struct open_how how = {.flags = O_RDONLY};
    return syscall(SYS_openat2, (int)directory, "/etc/passwd", &how, sizeof how);
}

// From a granted directory upwards, to what must not be read or changed.
static long try_climb(long directory) {
    struct open_how how = {.flags = O_RDONLY};
    return syscall(SYS_openat2, (int)directory, "../../../../../../../../../../../../etc/passwd", &how, sizeof how);
}

static long try_climb_write(long directory) {
    struct open_how how = {.flags = O_WRONLY | O_CREAT, .mode = 0600};
    return syscall(SYS_openat2, (int)directory, "../planted", &how, sizeof how);
}

static long try_climb_rename(long directory) {
    struct open_how how = {.flags = O_WRONLY | O_CREAT, .mode = 0600};
    if (syscall(SYS_openat2, (int)directory, "mine", &how, sizeof how) < 0)
        return 0; // what it was granted must work
    return syscall(SYS_renameat, (int)directory, "mine", (int)directory, "../planted");
}

static long try_climb_unlink(long directory) {
    return syscall(SYS_unlinkat, (int)directory, "../victim", 0);
}

static long try_own_memory(long unused) {
    (void)unused;
    return syscall(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDWR);
}

static long try_parents_memory(long pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/mem", pid);
    return syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
}

static long try_list_root(long unused) {
    (void)unused;
    return opendir("/") ? 0 : -1;
}

static long try_memfd(long unused) {
    (void)unused;
    return memfd_create("x", 0);
}

static long try_handle(long unused) {
    _Alignas(struct file_handle) char space[sizeof(struct file_handle) + 128] = {0};
    int mount;
    (void)unused;
    ((struct file_handle *)(void *)space)->handle_bytes = 128;
    return name_to_handle_at(AT_FDCWD, "/", (struct file_handle *)(void *)space, &mount, 0);
}

static long try_chmod(long unused) {
    (void)unused;
    return syscall(SYS_fchmodat, AT_FDCWD, "/tmp", 0777);
}

// Standard streams lead nowhere, and beyond its own descriptors (`count` of them) there are none. Tells the first that should not be.
static long try_descriptors(long count) {
    for (int fd = 0; fd < 1024; fd++) {
        if (fd >= PROCESS_FD_CONTROL && fd < PROCESS_FD_CONTROL + (int)count)
            continue;
        struct stat st;
        bool is_null = fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
        if (fd < PROCESS_FD_CONTROL ? !is_null : fcntl(fd, F_GETFD) >= 0)
            return fd;
    }
    errno = EBADF;
    return -1;
}

// ---- the network

static long try_socket(long unused) {
    (void)unused;
    return socket(AF_INET, SOCK_STREAM, 0);
}

static long try_unix_socket(long unused) {
    (void)unused;
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long try_netlink(long unused) {
    (void)unused;
    return socket(AF_NETLINK, SOCK_RAW, 0);
}

static long try_socketpair(long unused) {
    int pair[2];
    (void)unused;
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
}

static long try_connect(long unused) {
    const struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)unused;
    return connect(PROCESS_FD_CONTROL, (const struct sockaddr *)&address, sizeof address) && errno != EISCONN ? -1 : 0;
}

// ---- processes

static long try_exec(long unused) {
    char *argv[] = {(char *)(uintptr_t) "true", NULL};
    (void)unused;
    return execve("/bin/true", argv, argv + 1);
}

static long try_exec_memory(long unused) {
    char *argv[] = {(char *)(uintptr_t) "x", NULL};
    (void)unused;
    return syscall(SYS_execveat, PROCESS_FD_MODULE, "", argv, argv + 1, AT_EMPTY_PATH);
}

static long reap(long pid) {
    if (pid == 0)
        _exit(0);
    if (pid > 0)
        waitpid((pid_t)pid, NULL, 0);
    return pid;
}

static long try_fork(long unused) {
    (void)unused;
    return reap(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL));
}

static long try_clone3(long flags) {
    struct clone_args args = {.flags = (uint64_t)flags, .exit_signal = SIGCHLD};
    return reap(syscall(SYS_clone3, &args, sizeof args));
}

static void *run_thread(void *argument) {
    return argument;
}

static long try_thread(long unused) {
    pthread_t thread;
    (void)unused;
    if (pthread_create(&thread, NULL, run_thread, NULL))
        return -1;
    return pthread_join(thread, NULL);
}

// Bounded, should nothing stop it.
static long try_fork_bomb(long unused) {
    long made = 0;
    (void)unused;
    for (int i = 0; i < 200; i++) {
        long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
        if (pid == 0)
            _exit(0);
        made += pid > 0;
    }
    while (waitpid(-1, NULL, 0) > 0) {
    }
    return made ? made : -1;
}

static long try_kill(long pid) {
    return syscall(SYS_kill, (pid_t)pid, 0);
}

static long try_kill_all(long unused) {
    (void)unused;
    return syscall(SYS_kill, -1, 0);
}

static long try_tgkill(long pid) {
    return syscall(SYS_tgkill, (pid_t)pid, (pid_t)pid, 0);
}

static long try_pidfd(long pid) {
    return syscall(SYS_pidfd_open, (pid_t)pid, 0);
}

static long try_signal_by_descriptor(long pid) {
    return fcntl(PROCESS_FD_CONTROL, F_SETOWN, (int)pid);
}

static long try_ptrace(long pid) {
    return ptrace(PTRACE_SEIZE, (pid_t)pid, NULL, NULL);
}

static long try_read_memory(long pid) {
    char byte;
    struct iovec here = {&byte, 1}, there = {(void *)(uintptr_t)__real_server_invoke, 1};
    return process_vm_readv((pid_t)pid, &here, 1, &there, 1, 0);
}

static long try_write_memory(long pid) {
    char byte = 0;
    struct iovec here = {&byte, 1}, there = {(void *)(uintptr_t)environ, 1};
    return process_vm_writev((pid_t)pid, &here, 1, &there, 1, 0);
}

// ---- code

static long mapped(const void *p) {
    return p == MAP_FAILED ? -1 : 0;
}

static long try_writable_code(long unused) {
    (void)unused;
    return mapped(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static long try_anonymous_code(long unused) {
    (void)unused;
    return mapped(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static long try_shared_code(long unused) {
    (void)unused;
    return mapped(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, PROCESS_FD_MEMORY, 0));
}

static long try_protect_code(long unused) {
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)unused;
    return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

// ---- the kernel

static long try_mount(long unused) {
    (void)unused;
    return mount("x", "/", "tmpfs", 0, NULL);
}

static long try_chroot(long unused) {
    (void)unused;
    return syscall(SYS_chroot, "/");
}

static long try_unshare(long flags) {
    return unshare((int)flags);
}

static long try_setns(long unused) {
    (void)unused;
    return setns(PROCESS_FD_CONTROL, 0);
}

static long try_keyctl(long unused) {
    (void)unused;
    return syscall(SYS_keyctl, 0, -3, 0, 0, 0); // KEYCTL_GET_KEYRING_ID of the session's
}

static long try_io_uring(long unused) {
    char params[120] = {0};
    (void)unused;
    return syscall(SYS_io_uring_setup, 1, params);
}

static long try_aio(long unused) {
    aio_context_t context = 0;
    (void)unused;
    return syscall(SYS_io_setup, 1, &context);
}

static long try_bpf(long unused) {
    char attributes[128] = {2, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0}; // an array map of one element
    (void)unused;
    return syscall(SYS_bpf, 0, attributes, sizeof attributes);
}

static long try_userfaultfd(long unused) {
    (void)unused;
    return syscall(SYS_userfaultfd, 1); // faults of user mode alone, which need no right
}

static long try_perf(long unused) {
    uint32_t attributes[32] = {1, sizeof attributes}; // a software event: the processor's clock
    (void)unused;
    return syscall(SYS_perf_event_open, attributes, 0, -1, -1, 0);
}

static long try_dumpable(long unused) {
    (void)unused;
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static long try_raise_limit(long unused) {
    const struct rlimit more = {1 << 20, 1 << 20};
    (void)unused;
    return setrlimit(RLIMIT_CORE, &more);
}

static long try_priority(long unused) {
    (void)unused;
    return setpriority(PRIO_PROCESS, 0, 10);
}

static long try_shared_memory(long unused) {
    (void)unused;
    return syscall(SYS_shmget, 0, 4096, 01600);
}

static long try_user(long unused) {
    (void)unused;
    return syscall(SYS_setresuid, getuid(), getuid(), getuid());
}

static long try_ioctl(long unused) {
    int bytes;
    (void)unused;
    return syscall(SYS_ioctl, PROCESS_FD_CONTROL, 0x541b, &bytes); // FIONREAD
}

// The calls of 32-bit programs have numbers of their own.
static long try_other_architecture(long unused) {
    (void)unused;
#ifdef __x86_64__
    long result = 20; // getpid there
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    errno = (int)-result;
    return result < 0 ? -1 : result;
#else
    errno = ENOSYS;
    return -1;
#endif
}

// ---- ends

static long try_abort(long unused) {
    (void)unused;
    abort();
}

static long try_assert(long value) {
    ASSERT(value == 0x1234);
    return 0;
}

static const struct {
    const char *name;
    attempt *run;
} attempts[] = {
    {"open", try_open},
    {"openat2", try_openat2},
    {"climb", try_climb},
    {"climb_write", try_climb_write},
    {"climb_rename", try_climb_rename},
    {"climb_unlink", try_climb_unlink},
    {"own_memory", try_own_memory},
    {"parents_memory", try_parents_memory},
    {"list_root", try_list_root},
    {"memfd", try_memfd},
    {"handle", try_handle},
    {"chmod", try_chmod},
    {"descriptors", try_descriptors},
    {"socket", try_socket},
    {"unix_socket", try_unix_socket},
    {"netlink", try_netlink},
    {"socketpair", try_socketpair},
    {"connect", try_connect},
    {"exec", try_exec},
    {"exec_memory", try_exec_memory},
    {"fork", try_fork},
    {"clone3", try_clone3},
    {"thread", try_thread},
    {"fork_bomb", try_fork_bomb},
    {"kill", try_kill},
    {"kill_all", try_kill_all},
    {"tgkill", try_tgkill},
    {"pidfd", try_pidfd},
    {"signal_by_descriptor", try_signal_by_descriptor},
    {"ptrace", try_ptrace},
    {"read_memory", try_read_memory},
    {"write_memory", try_write_memory},
    {"writable_code", try_writable_code},
    {"anonymous_code", try_anonymous_code},
    {"shared_code", try_shared_code},
    {"protect_code", try_protect_code},
    {"mount", try_mount},
    {"chroot", try_chroot},
    {"unshare", try_unshare},
    {"setns", try_setns},
    {"keyctl", try_keyctl},
    {"io_uring", try_io_uring},
    {"aio", try_aio},
    {"bpf", try_bpf},
    {"userfaultfd", try_userfaultfd},
    {"perf", try_perf},
    {"dumpable", try_dumpable},
    {"raise_limit", try_raise_limit},
    {"priority", try_priority},
    {"shared_memory", try_shared_memory},
    {"user", try_user},
    {"ioctl", try_ioctl},
    {"other_architecture", try_other_architecture},
    {"abort", try_abort},
    {"assert", try_assert},
};

// ---- the answer

static void tell(struct server *s, unsigned slot, const char *name, long argument) {
    struct ipc_result *ret = &s->shared->ring->slots[slot].result;
    struct guest_area output = shared_areas(s->shared, slot, false).output;
    const char *what = "unknown attempt";
    long result = -1;
    errno = 0;
    for (size_t i = 0; i < COUNT_OF(attempts); i++) {
        if (strcmp(attempts[i].name, name) == 0) {
            result = attempts[i].run(argument);
            what = result == -1 ? strerrorname_np(errno) : "succeeded";
        }
    }
    int n = snprintf((char *)output.p, output.capacity, "%s%s %ld", result == -1 ? "denied " : "", what, result);
    memset(ret, 0, sizeof *ret);
    ret->output_bytes = (uint64_t)n;
}

int __wrap_server_invoke(struct server *s, unsigned slot, struct err *e) {
    static const char prefix[] = "attempt:";
    char name[64];
    struct shared_input input;
    if (shared_input(s->shared, slot, &s->shared->ring->slots[slot].invoke, &input, e))
        return -1;
    if (input.strings.n < sizeof prefix || memcmp(input.strings.p, prefix, sizeof prefix - 1) != 0)
        return __real_server_invoke(s, slot, e);
    snprintf(name, sizeof name, "%s", input.strings.p + sizeof prefix - 1);
    char *colon = strchr(name, ':');
    long argument = colon ? strtol(colon + 1, NULL, 10) : 0;
    if (colon)
        *colon = '\0';
    tell(s, slot, name, argument);
    return 0;
}
