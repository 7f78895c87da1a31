// The system calls that a worker may make; any other one kills it. The only file that includes libseccomp.
//
// A filter is compiled once, in the zygote: nothing in it depends on the worker, since descriptors have fixed numbers, but the worker's own process id
// (for abort), whose place is found again in the compiled program.
//
// Not in the lists, on purpose: whatever makes a process, a socket or a mapping that runs (native code comes by a way of its own), names a file
// outside of a granted directory, signals, traces or reads another process, changes limits, identities or namespaces, or reaches a part of the kernel
// that a guest has no use for.
#include "worker/cage_parts.h"

#include "base/mem.h"
#include "worker/page_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Stands for the worker's own process id; above any real one (pid_max is at most 2^22).
enum { OWN_PID = 0x3ace5eed };
enum { FILTER_BYTES_MAX = BPF_MAXINSNS * sizeof(struct sock_filter) };

// ---- what is allowed

static const int bare_calls[] = {
    // memory
    SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(mremap), SCMP_SYS(munmap),
    // its descriptors
    SCMP_SYS(close), SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(fstat), SCMP_SYS(lseek), SCMP_SYS(pipe2), SCMP_SYS(poll),
    SCMP_SYS(pread64), SCMP_SYS(ppoll), SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(write), SCMP_SYS(writev),
    // time and chance
    SCMP_SYS(clock_getres), SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(getrandom),
    SCMP_SYS(gettimeofday), SCMP_SYS(nanosleep),
    // itself; the engine sets signal handlers around native code
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex), SCMP_SYS(getpid), SCMP_SYS(gettid),
    SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield), SCMP_SYS(sigaltstack)};

// For directories that were granted. A path may be named in these: Landlock and an empty root decide what it leads to.
static const int file_calls[] = {SCMP_SYS(fadvise64), SCMP_SYS(fallocate),  SCMP_SYS(fdatasync),  SCMP_SYS(fsync),
                                 SCMP_SYS(ftruncate), SCMP_SYS(getdents64), SCMP_SYS(linkat),     SCMP_SYS(mkdirat),
                                 SCMP_SYS(openat2),   SCMP_SYS(preadv),     SCMP_SYS(preadv2),    SCMP_SYS(pwrite64),
                                 SCMP_SYS(pwritev),   SCMP_SYS(pwritev2),   SCMP_SYS(readlinkat), SCMP_SYS(renameat),
                                 SCMP_SYS(renameat2), SCMP_SYS(symlinkat),  SCMP_SYS(unlinkat),   SCMP_SYS(utimensat)};

// The dynamic loader's, for one file that Landlock lets it open: the sealed memory of its descriptor. And a second filter.
static const int loading_calls[] = {SCMP_SYS(access),   SCMP_SYS(faccessat), SCMP_SYS(getcwd), SCMP_SYS(newfstatat),
                                    SCMP_SYS(readlink), SCMP_SYS(seccomp),   SCMP_SYS(statx),  SCMP_SYS(stat)};

// The compiler's and its linker's, in the directory it was granted.
static const int compiling_calls[] = {
    SCMP_SYS(access),  SCMP_SYS(faccessat),  SCMP_SYS(faccessat2),      SCMP_SYS(fchmod),   SCMP_SYS(fstatfs),
    SCMP_SYS(getcwd),  SCMP_SYS(getegid),    SCMP_SYS(geteuid),         SCMP_SYS(getgid),   SCMP_SYS(getrusage),
    SCMP_SYS(getuid),  SCMP_SYS(newfstatat), SCMP_SYS(openat),          SCMP_SYS(readlink), SCMP_SYS(rename),
    SCMP_SYS(rseq),    SCMP_SYS(stat),       SCMP_SYS(set_robust_list), SCMP_SYS(statfs),   SCMP_SYS(statx),
    SCMP_SYS(sysinfo), SCMP_SYS(umask),      SCMP_SYS(uname),           SCMP_SYS(unlink)};

// A sanitizer's runtime looks at files and at the machine when it starts a report. Landlock and the namespaces are the same there.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const int sanitizer_calls[] = {SCMP_SYS(access),     SCMP_SYS(getrlimit), SCMP_SYS(getuid), SCMP_SYS(ioctl),
                                      SCMP_SYS(mincore),    SCMP_SYS(open),      SCMP_SYS(openat), SCMP_SYS(prctl),
                                      SCMP_SYS(prlimit64),  SCMP_SYS(readlink),  SCMP_SYS(stat),   SCMP_SYS(sysinfo),
                                      SCMP_SYS(newfstatat), SCMP_SYS(uname)};
enum { SANITIZER_CALL_COUNT = COUNT_OF(sanitizer_calls) };
#else
static const int *const sanitizer_calls = NULL;
enum { SANITIZER_CALL_COUNT = 0 };
#endif

bool cage_has_wider_filter(void) {
    return SANITIZER_CALL_COUNT > 0;
}

static const int bare_fcntl[] = {F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD, F_DUPFD_CLOEXEC};
static const int file_fcntl[] = {F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW};

static int allow_all(scmp_filter_ctx f, const int *calls, size_t count) {
    int failed = 0;
    for (size_t i = 0; i < count && !failed; i++)
        failed = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);
    return failed;
}

static int allow_fcntl(scmp_filter_ctx f, const int *commands, size_t count) {
    int failed = 0;
    for (size_t i = 0; i < count && !failed; i++)
        failed =
            seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1_32(SCMP_CMP_EQ, (unsigned)commands[i], 0));
    return failed;
}

// No memory that can be run; abort() signals its own process; a reset asks which pages were touched.
static int allow_with_conditions(scmp_filter_ctx f) {
    const struct scmp_arg_cmp not_executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    int failed = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, not_executable);
    if (!failed)
        failed = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, not_executable);
    if (!failed)
        failed = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0_32(SCMP_CMP_EQ, OWN_PID, 0));
    if (!failed)
        failed =
            seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1_32(SCMP_CMP_EQ, page_scan_request(), 0));
    return failed;
}

// Code from files, never writable; only reading is opened.
static int allow_loading(scmp_filter_ctx f) {
    int failed = allow_all(f, loading_calls, COUNT_OF(loading_calls));
    if (!failed)
        failed = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC | O_TMPFILE, 0));
    if (!failed)
        failed = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_WRITE, 0),
                                  SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0));
    return failed;
}

// Threads: clone3 keeps its flags where a filter cannot see them; without it the C library uses clone.
static int allow_compiling(scmp_filter_ctx f) {
    int failed = allow_all(f, compiling_calls, COUNT_OF(compiling_calls));
    if (!failed)
        failed = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (!failed)
        failed = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM));
    if (!failed)
        failed = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0)); // reading
    if (!failed)
        failed = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                  SCMP_A1_32(SCMP_CMP_EQ, TCGETS, 0)); // is it a terminal?
    return failed;
}

static int add_rules(scmp_filter_ctx f, enum cage_filter_kind kind) {
    int failed = allow_all(f, bare_calls, COUNT_OF(bare_calls));
    if (!failed)
        failed = allow_fcntl(f, bare_fcntl, COUNT_OF(bare_fcntl));
    if (!failed)
        failed = allow_with_conditions(f);
    if (!failed)
        failed = allow_all(f, sanitizer_calls, SANITIZER_CALL_COUNT);
    if (!failed && kind != CAGE_FILTER_BARE)
        failed = allow_all(f, file_calls, COUNT_OF(file_calls));
    if (!failed && kind != CAGE_FILTER_BARE)
        failed = allow_fcntl(f, file_fcntl, COUNT_OF(file_fcntl));
    if (!failed && kind == CAGE_FILTER_LOADING)
        failed = allow_loading(f);
    if (!failed && kind == CAGE_FILTER_COMPILING)
        failed = allow_compiling(f);
    return failed;
}

// ---- compiling

// What libseccomp writes into a file, as an array.
static int take_program(scmp_filter_ctx f, struct cage_filter *ret) {
    AUTO_CLOSE int fd = memfd_create("filter", MFD_CLOEXEC);
    struct stat st;
    if (fd < 0 || seccomp_export_bpf(f, fd) || fstat(fd, &st) || st.st_size > (off_t)FILTER_BYTES_MAX)
        return -1;
    size_t bytes = (size_t)st.st_size;
    ret->instructions = mem_alloc(bytes);
    ret->count = bytes / sizeof *ret->instructions;
    return pread(fd, ret->instructions, bytes, 0) == (ssize_t)bytes ? 0 : -1;
}

static int compile(enum cage_filter_kind kind, struct cage_filter *ret) {
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!f)
        return -1;
    (void)seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2); // a tree instead of a list, where the library can
    int failed = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) || add_rules(f, kind) ||
                 take_program(f, ret);
    seccomp_release(f);
    return failed ? -1 : 0;
}

int cage_seccomp_prepare(struct cage *c, struct err *e) {
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action))
        return err_set_sys(e, ERR_NOT_SUPPORTED, errno, "the kernel has no seccomp filters that kill a process");
    for (int kind = 0; kind < CAGE_FILTER_COUNT; kind++)
        if (compile((enum cage_filter_kind)kind, &c->filters[kind]))
            return err_set(e, ERR_NOT_SUPPORTED, "libseccomp cannot compile the filter");
    return 0;
}

// ---- in a worker

static void put_own_pid(const struct cage_filter *f) {
    for (size_t i = 0; i < f->count; i++)
        if (f->instructions[i].code == (BPF_JMP | BPF_JEQ | BPF_K) && f->instructions[i].k == OWN_PID)
            f->instructions[i].k = (uint32_t)getpid();
}

int cage_seccomp_enter(const struct cage *c, enum cage_filter_kind kind, struct err *e) {
    const struct cage_filter *f = &c->filters[kind];
    struct sock_fprog program = {.len = (unsigned short)f->count, .filter = f->instructions};
    put_own_pid(f); // this process's copy
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
        return err_set_sys(e, ERR_INSTANCE_STARTUP_FAILED, errno, "seccomp");
    return 0;
}
