// SIGHUP reads certificates, keys and trust again, on the thread pool; what is open stays open.
#ifndef SPEAR_NET_TLS_RELOAD_H
#define SPEAR_NET_TLS_RELOAD_H

#include "base/log.h"
#include "base/loop.h"
#include "net/tls.h"

enum { TLS_RELOAD_MAX = 2 };

struct tls_reload;

struct tls_reload_config {
    struct loop *loop; // SIGHUP is heard here; the calls below come here
    struct {
        const char *name;                    // "tls-cert", for the log
        struct tls_credentials *credentials; // NULL: not used; else it outlives the loop
    } list[TLS_RELOAD_MAX];
    void (*say)(enum log_level level, const char *text); // a line for the program's log, on the loop
};

// Says at once which certificates end soon.
struct tls_reload *tls_reload_watch(const struct tls_reload_config *config);
void tls_reload_stop(struct tls_reload *r); // on the loop; NULL allowed; it is gone when the loop is

#endif
