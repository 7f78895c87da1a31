// Making a token; see tokens_change.h. Next step: tokens_api.c.
#include "sms/tokens_change.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "sms/sms.h"

#include <stdio.h>

void token_creation_fill(struct token_creation *c) {
    token_make(c->record.id, c->text);
    token_digest(span_of(c->text), c->record.sha256);
    c->record.created_at = clock_unix_s();
}

// At the ceiling the token that expired first makes room.
static int make_room(struct db *db, struct token_creation *c, struct err *e) {
    struct token_record expired;
    bool found = false;
    if (token_table_find_expired(db, c->record.created_at, &found, &expired, e) != 0) {
        return -1;
    }
    if (!found) {
        return err_set(e, ERR_RESOURCE_EXHAUSTED, "there are %d tokens; revoke some first: spear token list",
                       TOKENS_MAX);
    }
    memcpy(c->evicted, expired.id, sizeof c->evicted);
    return token_table_delete(db, expired.id, e);
}

static int check(struct db *db, struct token_creation *c, struct err *e) {
    int64_t count = 0;
    if (token_table_count(db, &count, e) != 0) {
        return -1;
    }
    if (count == 0 && (c->record.scopes & SCOPE_ADMIN) == 0) {
        return err_set(e, ERR_CONFLICT,
                       "the first token must have scope admin: from then on this server asks for one, and nobody could "
                       "make another");
    }
    if (count != 0 && c->actor.token_id[0] == 0 && !c->is_offline) {
        return err_set(e, ERR_UNAUTHORIZED, "a token was made meanwhile: this server wants one now");
    }
    return count >= TOKENS_MAX ? make_room(db, c, e) : 0;
}

int token_creation_run(struct db *db, struct token_creation *c, struct err *e) {
    char scopes[TOKEN_SCOPES_TEXT];
    if (check(db, c, e) != 0 || token_table_insert(db, &c->record, e) != 0) {
        return -1;
    }
    token_scopes_print(c->record.scopes, ",", scopes);
    const struct audit_change change = {.actor = &c->actor,
                                        .action = "token.create",
                                        .object_id = span_of(c->record.id),
                                        .object_name = span_of(c->record.name),
                                        .detail = span_of(scopes),
                                        .max_entries = c->audit_max_entries};
    return audit_add(db, &change, e);
}

// ---- without a server
static int create_run(struct db *db, void *arg, struct err *e) {
    if (db_exec(db, "BEGIN IMMEDIATE", e) != 0) {
        return -1;
    }
    if (token_creation_run(db, arg, e) != 0 || db_exec(db, "COMMIT", e) != 0) {
        if (db_in_transaction(db)) {
            db_exec(db, "ROLLBACK", NULL);
        }
        return -1;
    }
    return 0;
}

static int create_in(const char *data_dir, struct token_creation *c, struct err *e) {
    AUTO_CLOSE int lock_fd = -1;
    struct store *store = NULL;
    size_t swept = 0;
    if (file_make_dirs(data_dir, 0700, e) != 0 || file_lock_dir(data_dir, &lock_fd, e) != 0 ||
        store_open(data_dir, &store, &swept, e) != 0) {
        return -1;
    }
    token_creation_fill(c);
    int result = store_run_now(store, create_run, c, e);
    store_close(store);
    return result;
}

int token_create_offline(struct sms *s, const char *name) {
    struct err err;
    struct token_creation c = {.is_offline = true, .audit_max_entries = (int64_t)s->config.audit_max_entries};
    snprintf(c.actor.name, sizeof c.actor.name, "offline");
    snprintf(c.record.name, sizeof c.record.name, "%s", name);
    c.record.scopes = SCOPE_ADMIN;
    int result =
        token_name_valid(span_of(name))
            ? create_in(s->config.data_dir, &c, &err)
            : err_set(&err, ERR_INVALID_CONFIGURATION,
                      "--create-admin-token %.100s: a name of 1 to %d of the characters A-Z a-z 0-9 . _ @ - is "
                      "wanted, beginning with a letter or digit",
                      name, TOKEN_NAME_MAX);
    if (result != 0) {
        fprintf(stderr, "sms: no token was made: %s\n", err.text);
        return err_kind_info(err.kind)->exit_code;
    }
    printf("%s\n", c.text);
    explicit_bzero(c.text, sizeof c.text);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
