// Child processes that serve: started, waited for until ready, listened to, stopped in order.
//
// Readiness is systemd's notify protocol (base/notify.h) over a socket in the abstract namespace; a message counts only
// when the kernel says that it comes from the child itself. What a child writes to stdout and stderr arrives line by line.
// A child is a process group of its own, so that Ctrl-C on the terminal reaches only us, and the kernel kills it when we die.
#ifndef SPEAR_CLI_SUPERVISOR_H
#define SPEAR_CLI_SUPERVISOR_H

#include "base/buf.h"
#include "cli/api.h"

enum { SUPERVISOR_LINES_KEPT = 20, SUPERVISOR_LINE_MAX = 8192 };

struct supervisor;
struct child;

struct supervisor_config {
    struct api *api; // its loop
    // A line that a child wrote, without its newline. May be NULL.
    void (*line)(void *ctx, const struct child *child, struct span line);
    void *ctx;
};

struct child_config {
    const char *name;         // "sms", "spearlet-2": for messages; kept by reference
    const char *program;      // found by file_find_program
    const char *const *args;  // argv[1]…, NULL at the end
    const char *const *env;   // "KEY=value" added to ours, NULL at the end; may be NULL
    bool settings_from_flags; // SMS_* and SPEARLET_* variables of ours are not handed on
};

int supervisor_new(const struct supervisor_config *config, struct supervisor **ret, struct err *e);
// Kills and reaps what still runs.
void supervisor_free(struct supervisor *s); // NULL allowed

// Starts a child; it belongs to the supervisor. ERR_NOT_FOUND when the program is nowhere, ERR_IO when it cannot be run.
int supervisor_start(struct supervisor *s, const struct child_config *config, struct child **ret, struct err *e);
// Runs the loop until the child serves. ERR_INSTANCE_STARTUP_FAILED when it ended or the time did, ERR_EXECUTION_TERMINATED after a signal.
int supervisor_wait_ready(struct supervisor *s, struct child *child, uint64_t timeout_ms, struct err *e);
// Sends SIGTERM to each and runs the loop until all have ended; SIGKILL for what stays after grace_ms, or at a signal.
void supervisor_stop(struct supervisor *s, struct child *const children[], size_t count, uint64_t grace_ms);
// A child that has ended, or NULL.
struct child *supervisor_ended_child(const struct supervisor *s);

const char *child_name(const struct child *child);
const char *child_address(const struct child *child); // host:port that it serves, "" until it is ready
int child_pid(const struct child *child);
bool child_is_running(const struct child *child);
// "exit code 1", "signal 9 (Killed)"; of a child that has ended.
void child_describe_end(const struct child *child, char ret_text[64]);
// Its last lines, at most `max` and SUPERVISOR_LINES_KEPT, oldest first, each with its newline, appended.
void child_last_lines(const struct child *child, size_t max, struct buf *out);

#endif
