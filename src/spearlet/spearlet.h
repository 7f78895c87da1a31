// The parts of the running program, as the HTTP routes see them.
#ifndef SPEAR_SPEARLET_SPEARLET_H
#define SPEAR_SPEARLET_SPEARLET_H

#include "base/activation.h"
#include "net/http_server.h"
#include "net/tls_reload.h"
#include "spearlet/auth.h"
#include "spearlet/config.h"
#include "spearlet/function_service.h"
#include "spearlet/node_agent.h"
#include "spearlet/request_body.h"
#include "spearlet/task_catalog.h"
#include "spearlet/token_verifier.h"

struct spearlet {
    struct spearlet_settings settings;
    struct activation activation;
    int64_t started_ms;
    struct loop_group *loops;
    struct runtime_shared *runtimes;
    struct executions *executions;
    struct function_service *functions;
    struct sms_client *sms;
    struct task_catalog *tasks;
    struct node_agent *agent;
    struct token_verifier *verifier;
    struct auth auth;
    struct payload_budget payloads;
    struct http_server *http;
    struct tls_credentials *tls, *sms_tls; // ours as a server; ours as a client of sms. NULL: plain HTTP
    struct tls_reload *tls_reload;
};

#endif
