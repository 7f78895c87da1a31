// The temporary directory of `spear run` and the process that guards it.
//
// The guard holds the reading end of a pipe whose other end only we have: its end of file is our death. Process ids come
// through that pipe while their owners live, and become pidfds at once, so that no id is ever mistaken.
#include "cli/scratch.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum { USERS_MAX = 16, REMOVE_TRIES = 100, REMOVE_PAUSE_MS = 20, USER_END_MS = 5000 };

struct scratch {
    char *path;
    int pipe_fd;
    pid_t guard;
};

// ---- the guard

static void leave_terminal_and_streams(int pipe_fd) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL); // Ctrl-C is for the others
    int null_fd = open("/dev/null", O_RDWR);
    for (int fd = 0; fd <= 2; fd++)
        dup2(null_fd, fd); // a reader of our stdout must not wait for the guard
    for (int fd = 3; fd < pipe_fd; fd++)
        close(fd);
    close_range((unsigned)pipe_fd + 1, ~0U, 0);
}

// Runs until the pipe ends; the processes named in it come back as pidfds.
static size_t wait_for_end(int pipe_fd, int users[USERS_MAX]) {
    size_t count = 0;
    int pid;
    ssize_t n;
    while ((n = read(pipe_fd, &pid, sizeof pid)) != 0) {
        if (n < 0 && errno != EINTR)
            break;
        int fd = n == sizeof pid && count < USERS_MAX ? pidfd_open(pid, 0) : -1;
        if (fd >= 0)
            users[count++] = fd;
    }
    return count;
}

static void end_users(const int users[], size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct pollfd p = {.fd = users[i], .events = POLLIN};
        pidfd_send_signal(users[i], SIGKILL, NULL, 0);
        poll(&p, 1, USER_END_MS);
    }
}

// What the killed programs' own children still write is gone after a moment.
static void remove_directory(const char *path) {
    for (int i = 0; i < REMOVE_TRIES; i++) {
        if (file_remove_tree(path, NULL) == 0 && access(path, F_OK) != 0)
            return;
        poll(NULL, 0, REMOVE_PAUSE_MS);
    }
}

__attribute__((noreturn)) static void guard(const char *path, int pipe_fd) {
    int users[USERS_MAX] = {0};
    leave_terminal_and_streams(pipe_fd);
    end_users(users, wait_for_end(pipe_fd, users));
    if (access(path, F_OK) == 0)
        remove_directory(path);
    _exit(0);
}

static int start_guard(struct scratch *s, struct err *e) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_set_sys(e, ERR_IO, errno, "a pipe could not be made");
    s->guard = fork();
    if (s->guard == 0) {
        close(ends[1]);
        guard(s->path, ends[0]);
    }
    close(ends[0]);
    s->pipe_fd = ends[1];
    if (s->guard < 0)
        return err_set_sys(e, ERR_IO, errno, "a process could not be made");
    return 0;
}

// ---- our side

static const char *choose_base(uint64_t room_bytes) {
    static const char memory[] = "/dev/shm";
    const char *given = getenv("TMPDIR");
    struct statvfs info;
    if (given && given[0] == '/')
        return given;
    bool fits = statvfs(memory, &info) == 0 && (uint64_t)info.f_bavail * info.f_frsize >= room_bytes;
    return fits && access(memory, W_OK | X_OK) == 0 ? memory : "/tmp";
}

int scratch_new(const char *purpose, uint64_t room_bytes, struct scratch **ret, struct err *e) {
    struct scratch *s = NEW(struct scratch);
    s->pipe_fd = -1;
    s->path = mem_printf("%s/spear-%s-XXXXXX", choose_base(room_bytes), purpose);
    if (!mkdtemp(s->path)) {
        err_set_sys(e, ERR_IO, errno, "a temporary directory %s could not be made", s->path);
        free(s->path);
        free(s);
        return -1;
    }
    if (start_guard(s, e) != 0) {
        scratch_free(s);
        return -1;
    }
    *ret = s;
    return 0;
}

const char *scratch_path(const struct scratch *s) {
    return s->path;
}

void scratch_used_by(struct scratch *s, int pid) {
    while (write(s->pipe_fd, &pid, sizeof pid) < 0 && errno == EINTR) {
    }
}

void scratch_free(struct scratch *s) {
    if (!s)
        return;
    remove_directory(s->path);
    if (s->pipe_fd >= 0)
        close(s->pipe_fd);
    if (s->guard > 0)
        while (waitpid(s->guard, NULL, 0) < 0 && errno == EINTR) {
        }
    free(s->path);
    free(s);
}
