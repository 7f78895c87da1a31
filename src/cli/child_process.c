// fork and exec with what a supervised child needs: its own process group, no terminal, its output in a pipe, and the
// kernel's promise to kill it when we die.
//
// Between fork and exec only async-signal-safe calls are made. uv_spawn cannot ask for the parent-death signal.
#include "cli/child_process.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct plan {
    const char *path;
    char **argv, **envp;
    int null_fd, log_fd, status_fd;
    pid_t parent;
};

static bool is_handed_on(const char *variable, const struct child_config *config) {
    struct span v = span_of(variable);
    if (span_starts_with(v, "NOTIFY_SOCKET="))
        return false;
    return !config->settings_from_flags || (!span_starts_with(v, "SMS_") && !span_starts_with(v, "SPEARLET_"));
}

static size_t count_texts(const char *const *texts) {
    size_t n = 0;
    while (texts && texts[n])
        n++;
    return n;
}

// Later entries come first, for the first one of a name is the one that getenv finds.
static char **make_environment(const struct child_config *config, const char *notify) {
    size_t added = count_texts(config->env), ours = count_texts((const char *const *)environ), n = 0;
    const char **env = mem_calloc(added + ours + 2, sizeof *env);
    env[n++] = notify;
    for (size_t i = 0; i < added; i++)
        env[n++] = config->env[i];
    for (size_t i = 0; i < ours; i++)
        if (is_handed_on(environ[i], config))
            env[n++] = environ[i];
    return (char **)(void *)env;
}

static char **make_arguments(const struct child_config *config, const char *path) {
    size_t count = count_texts(config->args);
    const char **argv = mem_calloc(count + 2, sizeof *argv);
    argv[0] = path;
    memcpy(argv + 1, config->args, count * sizeof *argv);
    return (char **)(void *)argv;
}

static void reset_signals(void) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    sigset_t none;
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        sigaction(numbers[i], &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void become_child(const struct plan *p) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != p->parent)
        _exit(127); // the parent died before the line above
    dup2(p->null_fd, STDIN_FILENO);
    dup2(p->log_fd, STDOUT_FILENO);
    dup2(p->log_fd, STDERR_FILENO);
    reset_signals();
    execve(p->path, p->argv, p->envp);
    int error_number = errno;
    ssize_t ignored = write(p->status_fd, &error_number, sizeof error_number);
    (void)ignored;
    _exit(127);
}

// Signals are blocked over the fork, so that no handler of ours runs in the child.
static pid_t fork_child(const struct plan *p) {
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    int error_number = errno;
    if (pid == 0)
        become_child(p);
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error_number;
    return pid;
}

// 0 when the program runs; else its errno. The pipe closes with the exec.
static int exec_result(int status_fd) {
    int error_number = 0;
    ssize_t n;
    while ((n = read(status_fd, &error_number, sizeof error_number)) < 0 && errno == EINTR) {
    }
    return n == sizeof error_number ? error_number : 0;
}

static int start(const struct plan *plan, int status_read, int *status_write, struct child_process *ret,
                 struct err *e) {
    pid_t pid = fork_child(plan);
    if (pid < 0)
        return err_set_sys(e, ERR_IO, errno, "%s could not be started", plan->path);
    close(TAKE_FD(*status_write));
    int error_number = exec_result(status_read), pidfd = pidfd_open(pid, 0);
    if (error_number == 0 && pidfd >= 0) {
        ret->pid = pid;
        ret->pidfd = pidfd;
        return 0;
    }
    if (error_number == 0)
        error_number = errno;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    if (pidfd >= 0)
        close(pidfd);
    return err_set_sys(e, ERR_IO, error_number, "%s could not be executed", plan->path);
}

int child_process_start(const struct child_config *config, const char *path, const char *notify,
                        struct child_process *ret, struct err *e) {
    int log[2] = {-1, -1}, status[2] = {-1, -1};
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    int result = -1;
    if (null_fd < 0 || pipe2(log, O_CLOEXEC) != 0 || pipe2(status, O_CLOEXEC) != 0) {
        err_set_sys(e, ERR_IO, errno, "%s could not be started", path);
    } else {
        AUTO_FREE char **argv = make_arguments(config, path);
        AUTO_FREE char **envp = make_environment(config, notify);
        struct plan plan = {path, argv, envp, null_fd, log[1], status[1], getpid()};
        result = start(&plan, status[0], &status[1], ret, e);
    }
    if (result == 0) {
        fcntl(log[0], F_SETFL, O_NONBLOCK);
        ret->log_fd = TAKE_FD(log[0]);
    }
    int fds[] = {null_fd, log[0], log[1], status[0], status[1]};
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return result;
}
