// What the tests of libspear-runtime share: a loop, a runtime on it, a small file service in the same process, and calls that wait.
#ifndef SPEAR_TESTS_UNIT_RUNTIME_FIXTURE_H
#define SPEAR_TESTS_UNIT_RUNTIME_FIXTURE_H

#include "net/http_server.h"
#include "runtime/runtime.h"

struct fixture {
    struct loop loop;
    struct spearlet_config config;
    struct runtime_shared *shared;
    struct runtime *runtime;
    struct artifact_source *bytes; // of a fixture made with a module
    char *data_dir, *worker_path;
    // the file service: /api/v1/files/ID, ID says how it behaves
    struct http_server *server;
    struct span module;            // what "good", "flaky" and "slow" give
    unsigned requests;             // that it got
    struct http_exchange *held[8]; // of "slow"
    size_t held_count;
};

// A result, once the calls below have waited for it.
struct outcome {
    bool done;
    struct err error;
    struct invocation_result result; // output and log are the outcome's: outcome_free
    char *results_json;
};
void outcome_free(struct outcome *o);

// module_file "hello.wasm" (of the build): a runtime that is given these bytes. NULL: one that downloads from the file service.
void fixture_init(struct fixture *f, const char *module_file);
// The same with other settings: change is called before the runtime is made.
void fixture_init_with(struct fixture *f, const char *module_file, void (*change)(struct fixture *f));
// Closes the runtime, checks that no child process and no worker is left.
void fixture_done(struct fixture *f);
// The bytes of a module of the build; the caller frees them.
char *read_module(const char *module_file, size_t *ret_n);
// Skips the test when the build has no engine or no guests.
void need_engine(const char *module_file);

void fixture_limits(struct instance_config *config);
// Creates; NULL and *e on failure. location NULL: "sms+file://good".
struct instance *create(struct fixture *f, const char *location, const char *checksum, struct err *e);
struct instance *create_with(struct fixture *f, const struct instance_config *config, struct err *e);
int start(struct fixture *f, struct instance *i, struct err *e);
void stop(struct fixture *f, struct instance *i, uint64_t grace_ms);
struct instance *create_started(struct fixture *f);
// Begins an invocation; wait_for(&o->done) ends it.
void begin(struct instance *i, const char *payload, const char *const *args, uint64_t timeout_ms, struct outcome *o);
void run(struct fixture *f, struct instance *i, const char *payload, const char *const *args, uint64_t timeout_ms,
         struct outcome *o);
// Runs the loop until *flag; fails the test after 30 s.
void wait_for(struct fixture *f, const bool *flag);
void wait_state(struct fixture *f, struct instance *i, enum instance_state state);
bool process_exists(int pid);

#define assert_kind(e, wanted)                                                                                         \
    do {                                                                                                               \
        if ((e).kind != (wanted))                                                                                      \
            fail_msg("%s (%s) is not %s", err_kind_info((e).kind)->name, (e).text, err_kind_info(wanted)->name);       \
    } while (0)
#define assert_says(e, words)                                                                                          \
    do {                                                                                                               \
        if (!strstr((e).text, (words)))                                                                                \
            fail_msg("\"%s\" does not say \"%s\"", (e).text, (words));                                                 \
    } while (0)

#endif
