// Translates an exit status or a signal. Deaths that we ordered (deadline, stop) are told by who ordered them, in worker_process.c.
#include "runtime/worker_death.h"

#include "ipc/worker_protocol.h"

#include <string.h>

static void exited(int status, uint64_t memory_bytes, struct err *e) {
    switch (status) {
    case IPC_EXIT_OUT_OF_MEMORY:
        err_set(e, ERR_RUNTIME_ERROR,
                "out of memory: limit.memory_bytes (%llu) and what the engine needs beside it were used up",
                (unsigned long long)memory_bytes);
        return;
    case IPC_EXIT_STACK_EXHAUSTED:
        err_set(
            e, ERR_RUNTIME_ERROR,
            "trap: call stack exhausted (endless recursion), or limit.memory_bytes (%llu) is too small for what the "
            "guest does",
            (unsigned long long)memory_bytes);
        return;
    case IPC_EXIT_ASSERTION:
        err_set(e, ERR_RUNTIME_ERROR, "the worker stopped itself over an error of its own (assertion)");
        return;
    case IPC_EXIT_ORPHANED:
        err_set(e, ERR_RUNTIME_ERROR, "the worker lost its connection");
        return;
    default:
        err_set(e, ERR_RUNTIME_ERROR, "the worker exited with %d in the middle of its work", status);
    }
}

static void killed(int number, struct err *e) {
    switch (number) {
    case SIGSEGV:
    case SIGBUS:
        err_set(e, ERR_RUNTIME_ERROR, "stack exhausted or memory fault (the worker ended with %s)",
                number == SIGSEGV ? "SIGSEGV" : "SIGBUS");
        return;
    case SIGKILL:
        err_set(e, ERR_RUNTIME_ERROR, "the worker was killed by the system (out of memory?)");
        return;
    case SIGXCPU:
        err_set(e, ERR_RUNTIME_ERROR, "the worker used up its processor time");
        return;
    case SIGSYS:
        err_set(e, ERR_RUNTIME_ERROR,
                "the worker was killed for a system call that its sandbox does not allow (SIGSYS)");
        return;
    default:
        err_set(e, ERR_RUNTIME_ERROR, "the worker ended with signal %d (%s)", number, strsignal(number));
    }
}

void worker_death(const siginfo_t *info, uint64_t memory_bytes, struct err *e) {
    if (info->si_code == CLD_EXITED)
        exited(info->si_status, memory_bytes, e);
    else
        killed(info->si_status, e);
}

static bool gave_up(const siginfo_t *info) {
    return info->si_code == CLD_EXITED ? info->si_status == IPC_EXIT_ASSERTION : info->si_status == SIGABRT;
}

void worker_death_compiling(const siginfo_t *info, uint64_t memory_bytes, struct err *e) {
    bool exited_by_itself = info->si_code == CLD_EXITED;
    if (exited_by_itself && (info->si_status == IPC_EXIT_OUT_OF_MEMORY || info->si_status == IPC_EXIT_STACK_EXHAUSTED))
        err_set(e, ERR_RUNTIME_ERROR, "the compiler used up compile-memory-max (%llu bytes)",
                (unsigned long long)memory_bytes);
    else if (gave_up(info)) // by itself: it has no other answer to a lack of memory
        err_set(e, ERR_RUNTIME_ERROR, "the compiler gave up: compile-memory-max (%llu bytes) may be too little for it",
                (unsigned long long)memory_bytes);
    else if (exited_by_itself)
        err_set(e, ERR_RUNTIME_ERROR, "the compiler exited with %d in the middle of its work", info->si_status);
    else if (info->si_status == SIGXCPU)
        err_set(e, ERR_RUNTIME_ERROR, "the compiler used up its processor time (compile-timeout)");
    else
        err_set(e, ERR_RUNTIME_ERROR, "the compiler crashed: it ended with signal %d (%s)", info->si_status,
                strsignal(info->si_status));
}
