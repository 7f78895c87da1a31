// libspear-runtime: WebAssembly instances as processes. This is the library that spearlet stands on; an embedder and the tests use it the same way.
//
//     runtime_new ─▶ create_instance ─▶ start_instance ─▶ invoke … invoke ─▶ stop_instance ─▶ instance_unref
//
// Threads: a runtime belongs to one event loop; call its functions on that loop's thread, and every callback comes on it, later, never from
// inside the call. What several runtimes of one process share (module store, worker host) is thread-safe and made once: struct runtime_shared.
//
// Nothing here blocks: downloads run on the loop, disk work on the thread pool, guests in processes of their own.
//
// Errors reach callbacks as `const struct err *` (NULL on success, valid during the call), with the kinds of the contract's create_instance table.
//
// States (model/states.h), one function per legal move in instance.c:
//   creating ─▶ stopped            (created, not yet started; seed: the handle)
//   stopped ─▶ starting ─▶ ready   (start_instance)
//   ready ─▶ running ─▶ ready      (invoke)
//   any ─▶ stopping ─▶ stopped     (stop_instance)
//   starting ─▶ error              (a failed start; start_instance may be tried again)
//   ready, running ─▶ unhealthy    (its worker died, or was killed at a deadline; start_instance gives it a new one)
//
// An open runtime keeps its loop running. Instances may be given back after their runtime is closed, but before runtime_shared_free.
#ifndef SPEAR_RUNTIME_RUNTIME_H
#define SPEAR_RUNTIME_RUNTIME_H

#include "base/err.h"
#include "base/loop.h"
#include "model/states.h"
#include "model/task_limits.h"
#include "runtime/artifact_source.h"

#include <stdbool.h>
#include <stdint.h>

// ---- configuration

// What a node does where the machine cannot cage workers as it should: go on with what there is, refuse, or do without a cage at all.
enum sandbox_requirement { SANDBOX_BEST_EFFORT, SANDBOX_FULL, SANDBOX_OFF };

// The settings of a node agent, passed whole to each runtime; injected, never read ad hoc. Strings are the owner's and outlive the runtime.
struct spearlet_config {
    const char *node_name;
    const char *http_addr;
    const char *sms_http_addr; // host:port of the file service
    struct tls_credentials
        *sms_tls; // NULL: plain HTTP; else ours for every file service (net/tls.h); outlives the runtime
    const char *sms_authorization; // shown to it, and to no other host: "Bearer …"; NULL: nothing
    const char *data_dir;
    const char *const *allowed_sms_hosts; // host:port an sms+file uri may name besides sms_http_addr
    size_t allowed_sms_host_count;
    uint64_t max_module_size_bytes;    // 100 MiB
    uint64_t fetch_connect_timeout_ms; // 5 s
    uint64_t fetch_total_timeout_ms;   // 60 s a try
    uint32_t fetch_tries_max;          // 4
    uint64_t fetch_backoff_ms;         // 100 ms, doubled after each try
    uint64_t artifact_cache_max_bytes; // on disk, 1 GiB
    uint64_t prepared_cache_max_bytes; // prepared modules kept in memory, 256 MiB
    uint32_t compile_jobs;             // compilations at the same time, 1; 0: none, what the cache has is used
    uint64_t compile_time_ms;          // a compilation that takes longer is killed, 600 s
    uint64_t compile_memory_bytes;     // or that takes more memory, 2 GiB
    uint64_t native_cache_max_bytes;   // native code on disk, 1 GiB
    uint64_t prepare_time_ms;          // a preparation that takes longer is killed, 30 s
    uint64_t start_time_ms;            // a worker that is not ready by then is killed, 10 s
    uint64_t stop_grace_ms;            // default for stop_instance, 5 s
    const char *worker_path;           // spear-worker
    enum sandbox_requirement require_sandbox;
};
// Every number at its default; strings NULL.
void spearlet_config_default(struct spearlet_config *ret);

struct runtime_shared; // module store, zygote: one per process

struct runtime_config {
    const struct spearlet_config *spearlet_config; // NULL: create_instance answers InvalidConfiguration
    struct runtime_shared *shared;
    struct loop *loop;
    struct artifact_source
        *artifact_source; // NULL: the sms source (downloads); tests and embedders give bytes of their own
};

// What an instance runs; see native code below.
enum runtime_code { RUNTIME_CODE_INTERPRETER, RUNTIME_CODE_NATIVE_O0, RUNTIME_CODE_NATIVE };

struct artifact_snapshot {
    const char *location;        // sms+file://…
    const char *checksum_sha256; // 64 hex, or NULL or ""
};

// Copied by create_instance.
struct instance_config {
    const char *task_id;
    const struct artifact_snapshot *artifact; // NULL: InvalidConfiguration, "no artifact snapshot"
    struct task_limits limits;
};

// ---- life of a runtime

// config may be NULL (then create_instance fails with InvalidConfiguration). It is copied, its texts are not. Starts nothing yet: the zygote
// starts with the first runtime. ERR_IO when data_dir cannot be used.
int runtime_shared_new(const struct spearlet_config *config, struct runtime_shared **ret, struct err *e);
// After every runtime is closed. Ends the zygote and waits for it.
void runtime_shared_free(struct runtime_shared *s);
int runtime_new(const struct runtime_config *config, struct runtime **ret, struct err *e);
// Stops every instance (grace_ms as in stop_instance), gives up what is being created (ExecutionTerminated), then calls done(ctx); the runtime
// is gone after that, its instances can only be given back. Two runtimes that wait for the same download: closing the one that began it ends it
// for both.
void runtime_close(struct runtime *r, uint64_t grace_ms, void (*done)(void *ctx), void *ctx);
// True when this build runs guests (feature `wasmedge`).
bool runtime_has_engine(void);

// ---- the sandbox

enum { RUNTIME_SANDBOX_PARTS = 7 };
struct runtime_sandbox_part {
    const char *name;       // "landlock"
    const char *without_it; // what is lost where it is missing
    bool present;
    char reason[128]; // of its absence, when the system gave one
};
struct runtime_sandbox {
    bool has_wider_filter; // a worker built with a sanitizer: seccomp lets more pass
    size_t present_count;
    struct runtime_sandbox_part parts[RUNTIME_SANDBOX_PARTS];
};
// What workers are caged with on this machine. Starts the zygote, if need be, and waits until it has told (some 30 ms): not for an event loop's
// thread. With SANDBOX_FULL it fails with ERR_INVALID_CONFIGURATION naming what is missing (and so does everything that needs a worker); also
// fails when the worker program cannot be started or does not answer.
int runtime_sandbox_wait(struct runtime_shared *s, struct runtime_sandbox *ret, struct err *e);
// The same, from any thread, as far as it is known by now: false when it is not. It never changes once it is known.
bool runtime_sandbox(const struct runtime_shared *s, struct runtime_sandbox *ret);

// ---- life of an instance

// Fetches the module, checks magic, size and checksum, has it parsed, validated and its imports resolved (in a process of its own, once per digest), makes the handle.
// On success done gets an instance with one reference, the caller's; on failure NULL and the error.
void create_instance(struct runtime *r, const struct instance_config *config,
                     void (*done)(void *ctx, struct instance *instance, const struct err *e), void *ctx);
// Brings it into the serving state: with the engine, a worker process that has the module loaded. Started already: done at once, success (twice is
// harmless; a second call while starting waits for the first). After stop_instance it may be started again.
void start_instance(struct instance *instance, void (*done)(void *ctx, const struct err *e), void *ctx);

// One request to a guest. Everything is copied or used before invoke returns, except payload, which lives until done.
struct invocation {
    const char *execution_id, *invocation_id;
    struct span function;    // empty or "__spear_default_entry__": the default entry
    struct span params_json; // a JSON array, or empty
    const char *const *args; // argv[0] first
    size_t arg_count;
    const char *const *environment; // "KEY=value"
    size_t environment_count;
    struct span payload;
    uint64_t deadline_us;  // on clock_monotonic_us; the worker is killed then: ExecutionTimeout. 0: none
    const char *time_name; // what set the deadline ("x-timeout-ms") and to how much, for the error; NULL: limit.time_ms
    uint64_t time_ms;
    // NULL: the output comes whole with the result. Else it comes here while it is written, with done's ctx, and the result has none. A
    // piece is valid during the call. The guest waits in its write when 256 KiB (or limit.output_bytes, when that is less) were given and
    // not said to be taken; limit.output_bytes does not bound the whole then.
    void (*output)(void *ctx, struct span bytes, bool has_head);
};
// Spans and texts are valid during the callback, unless taken.
struct invocation_result {
    int exit_code; // -1 when the worker ended without an answer; one that is not 0 comes with RuntimeError
    char *output;  // on the heap; the callback may take it (set it to NULL and free it later)
    size_t output_bytes;
    char *log; // likewise; NULL: there is none
    size_t log_bytes;
    bool log_cut;
    bool has_head; // the output begins with header fields (RFC 3875 §6) that the guest gave by calls of module spear
    struct span results_json; // empty: none
    // The guest has not seen the invocation, and it may be given to another instance: the worker ended, or was given up, before it began it.
    bool untouched;
    uint64_t instantiate_us, run_us;
    enum runtime_code code; // that it ran
};
// Runs one invocation in the instance. Several may be given at a time (instance_room); they run one after the other, each from the module's first
// state. One more than there is room for is ResourceExhausted. Not ready: InstanceNotFound naming the state.
// done gets a result in every case (exit code, log and what output there was) and the error, if any: RuntimeError with the trap or the signal
// translated, ExecutionTimeout, ExecutionTerminated (stopped or cancelled), InstanceDestroyed, InvalidRequest (no such export, wrong params),
// ResourceExhausted (a limit, by name and value), NotSupported (a build without the engine).
void invoke(struct instance *instance, const struct invocation *invocation,
            void (*done)(void *ctx, struct invocation_result *result, const struct err *e), void *ctx);
// How many more can be given now: up to 8 in all, 1 with isolation=strict or instance.reuse.
size_t instance_room(const struct instance *instance);
// A large one is given only to an instance that has nothing to do: its output is streamed, or its payload and texts are more than 80 KiB.
bool invocation_is_large(const struct invocation *invocation);
// Those that wait behind a running one come back: done gets `untouched`, later.
void take_back_invocations(struct instance *instance);
// So many more bytes that `output` gave are dealt with. Also from inside of it. Nothing happens when that execution does not run.
void invocation_output_taken(struct instance *instance, const char *execution_id, uint64_t bytes);
// Ends the invocation with this execution_id: done gets ExecutionTerminated. If it runs, the worker is killed; those that wait behind it may go
// elsewhere. False if there is none.
bool cancel_invocation(struct instance *instance, const char *execution_id);

// Sends Stop, waits for the acknowledgement and reaps the process; after grace_ms it is killed (0: at once). A running invocation may end within the grace
// period; otherwise its caller gets ExecutionTerminated. When done is called the process is gone. Stopping twice is harmless: both are called.
void stop_instance(struct instance *instance, uint64_t grace_ms, void (*done)(void *ctx, const struct err *e),
                   void *ctx);

struct instance *instance_ref(struct instance *instance);
// The last reference destroys: a worker still there is killed and reaped, a running invocation gets InstanceDestroyed.
void instance_unref(struct instance *instance); // NULL allowed

enum instance_state instance_state(const struct instance *instance);
const char *instance_id(const struct instance *instance); // a uuid
const char *instance_task_id(const struct instance *instance);
const char *instance_module_digest(const struct instance *instance); // hex
int instance_pid(const struct instance *instance);                   // 0 when there is none
// Calls changed(ctx, instance, state) at every move, also from inside the calls above. One watcher; NULL takes it back; so does the last unref.
void instance_watch(struct instance *instance,
                    void (*changed)(void *ctx, struct instance *instance, enum instance_state state), void *ctx);

// ---- native code
//
// A module is served by the engine's interpreter at once. Where limits.aot allows it, and there is a data directory, native code is made in the
// background by a process of its own, soon (O0) for a big one and then well (O2), kept on disk and shared by every task with the module;
// instances that start use the best there is. A module that cannot be compiled stays interpreted; the failure is remembered. With
// TASK_AOT_BEFORE_READY create_instance waits for the end of that.

const char *runtime_code_name(enum runtime_code code);            // "interpreter", "native-o0", "native"
enum runtime_code instance_code(const struct instance *instance); // what its worker runs
// There is better code by now: an instance that is started would have it.
bool instance_is_outdated(const struct instance *instance);

enum runtime_code_event_kind {
    RUNTIME_CODE_COMPILING, // code: what is being made
    RUNTIME_CODE_READY,     // instances that start have it from now on; compile_ms, size_bytes
    RUNTIME_CODE_FAILED,    // error; instances go on with what they have
    RUNTIME_CODE_REFUSED    // error; a file of the cache was damaged, foreign, or could not be loaded: it is removed
};
struct runtime_code_event {
    enum runtime_code_event_kind kind;
    enum runtime_code code;
    const char *module_digest; // hex, of the raw bytes
    uint64_t compile_ms, size_bytes;
    bool cached; // it was not compiled now
    const struct err *error;
};
// Before the first runtime is made. Events come on any thread that has a runtime.
void runtime_watch_code(struct runtime_shared *s, void (*watch)(void *ctx, const struct runtime_code_event *event),
                        void *ctx);

// What is known of a task's code since an instance of it was created; nothing (false) before that, or with aot=off.
struct runtime_code_state {
    enum runtime_code code;          // the best there is
    bool compiling;                  // better code is being made, or waits to be
    uint64_t compile_ms, size_bytes; // of `code`
    char failure[256];               // why there is no better; "" when nothing failed
};
bool runtime_task_code(const struct runtime_shared *s, const char *task_id, struct runtime_code_state *ret);
// The task is gone: a compilation that no other task waits for is ended. From any thread.
void runtime_task_gone(struct runtime_shared *s, const char *task_id);

// Counters of the whole process, from any thread.
struct runtime_stats {
    uint64_t instances_created, instances_failed, workers_started, workers_exited, workers_killed, zygote_starts;
    uint64_t downloads, download_retries, artifact_hits, artifact_misses, modules_prepared, modules_refused;
    uint64_t native_hits, native_misses, native_refused; // looks into the cache of native code
    uint64_t compiles_started, compiles_done, compiles_failed, compiles_cancelled;
    uint64_t compiles_running, compiles_waiting, native_cache_bytes; // now
    uint64_t invocations, invocations_failed, invocations_timed_out;
    // Invocations by where the guest's state came from: made by themselves, made or put back after the answer to the one before, left by it
    // (instance.reuse); and what the second and third took.
    uint64_t states_made, states_made_ahead, states_reset, states_kept, states_renew_us;
    uint64_t state_entries[INSTANCE_STATE_COUNT]; // moves into each state
    uint64_t state_us[INSTANCE_STATE_COUNT];      // time spent in each, by those who left it
    uint64_t zygote_pid;                          // 0: none
};
void runtime_stats(const struct runtime_shared *s, struct runtime_stats *ret);

#endif
