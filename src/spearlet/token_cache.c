// A table of digests in the order of use; see token_cache.h. Asking sms is token_verifier.c's.
#include "spearlet/token_cache.h"

#include "base/clock.h"
#include "base/mem.h"
#include "spearlet/string_table.h"

#include <uv.h>

struct entry {
    struct string_node node;
    struct entry *newer, *older; // in the order of use
    unsigned char sha256[SHA256_BYTES];
    bool is_accepted;
    struct token_caller caller;
    int64_t expires_at;
    uint64_t asked_us;
};

struct token_cache {
    struct token_cache_config config;
    uv_mutex_t lock; // guards what follows
    struct string_table entries;
    struct entry *newest, *oldest;
};

struct token_cache *token_cache_new(const struct token_cache_config *config) {
    struct token_cache *c = NEW(struct token_cache);
    c->config = *config;
    ASSERT(uv_mutex_init(&c->lock) == 0);
    string_table_init(&c->entries);
    return c;
}

static void unlink_entry(struct token_cache *c, struct entry *entry) {
    *(entry->newer ? &entry->newer->older : &c->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &c->oldest) = entry->newer;
}

static void link_newest(struct token_cache *c, struct entry *entry) {
    entry->newer = NULL;
    entry->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = entry;
    c->newest = entry;
}

static void remove_entry(struct token_cache *c, struct entry *entry) {
    string_table_remove(&c->entries, &entry->node);
    unlink_entry(c, entry);
    free(entry);
}

void token_cache_free(struct token_cache *c) {
    if (!c)
        return;
    while (c->newest)
        remove_entry(c, c->newest);
    string_table_done(&c->entries);
    uv_mutex_destroy(&c->lock);
    free(c);
}

static struct entry *find(const struct token_cache *c, const unsigned char sha256[SHA256_BYTES]) {
    struct string_node *node = string_table_find(&c->entries, span_make(sha256, SHA256_BYTES));
    return node ? CONTAINER_OF(node, struct entry, node) : NULL;
}

static struct entry *add(struct token_cache *c, const unsigned char sha256[SHA256_BYTES]) {
    struct entry *entry = NEW(struct entry);
    memcpy(entry->sha256, sha256, SHA256_BYTES);
    string_table_add(&c->entries, &entry->node, span_make(entry->sha256, SHA256_BYTES));
    link_newest(c, entry);
    if (c->entries.count > c->config.entries_max)
        remove_entry(c, c->oldest);
    return entry;
}

void token_cache_put(struct token_cache *c, const unsigned char sha256[SHA256_BYTES], const struct token_caller *caller,
                     int64_t expires_at) {
    uv_mutex_lock(&c->lock);
    struct entry *entry = find(c, sha256);
    if (!entry)
        entry = add(c, sha256);
    entry->is_accepted = caller != NULL;
    entry->caller = caller ? *caller : (struct token_caller){.scopes = 0};
    entry->expires_at = expires_at;
    entry->asked_us = clock_monotonic_us();
    uv_mutex_unlock(&c->lock);
}

static enum token_verdict judge(const struct token_cache *c, const struct entry *entry, bool sms_is_away) {
    uint64_t age_ms = (clock_monotonic_us() - entry->asked_us) / 1000;
    if (!entry->is_accepted)
        return age_ms < c->config.fresh_ms / 10 ? TOKEN_REFUSED : TOKEN_ASK_SMS;
    if (entry->expires_at && clock_unix_s() >= entry->expires_at)
        return TOKEN_REFUSED;
    return age_ms < (sms_is_away ? c->config.stale_ms : c->config.fresh_ms) ? TOKEN_ACCEPTED : TOKEN_ASK_SMS;
}

enum token_verdict token_cache_find(struct token_cache *c, const unsigned char sha256[SHA256_BYTES], bool sms_is_away,
                                    struct token_caller *ret) {
    enum token_verdict verdict = TOKEN_ASK_SMS;
    uv_mutex_lock(&c->lock);
    struct entry *entry = find(c, sha256);
    if (entry) {
        verdict = judge(c, entry, sms_is_away);
        *ret = entry->caller;
        unlink_entry(c, entry);
        link_newest(c, entry);
    }
    uv_mutex_unlock(&c->lock);
    return verdict;
}

size_t token_cache_count(struct token_cache *c) {
    uv_mutex_lock(&c->lock);
    size_t count = c->entries.count;
    uv_mutex_unlock(&c->lock);
    return count;
}
