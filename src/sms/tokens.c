// A hash table of tokens; see tokens.h. The digests are uniform already, so that their first bytes are the hash.
#include "sms/tokens.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>

enum { BUCKETS = 4096, USED_WRITTEN_S = 60 };

struct entry {
    struct entry *next;
    struct token_record record;
};

struct tokens {
    pthread_mutex_t lock; // guards the buckets
    struct entry *buckets[BUCKETS];
    _Atomic size_t count;
};

struct tokens *tokens_new(void) {
    struct tokens *t = NEW(struct tokens);
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void tokens_free(struct tokens *t) {
    if (t == NULL) {
        return;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *entry = t->buckets[i], *next; entry != NULL; entry = next) {
            next = entry->next;
            free(entry);
        }
    }
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static struct entry **bucket_of(struct tokens *t, const unsigned char sha256[SHA256_BYTES]) {
    return &t->buckets[(sha256[0] | (size_t)sha256[1] << 8) % BUCKETS];
}

// The place that points to the entry of an id, or NULL.
static struct entry **place_of(struct tokens *t, const char *id) {
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry **place = &t->buckets[i]; *place != NULL; place = &(*place)->next) {
            if (strcmp((*place)->record.id, id) == 0) {
                return place;
            }
        }
    }
    return NULL;
}

void tokens_put(struct tokens *t, const struct token_record *r) {
    struct entry *entry = NEW(struct entry);
    entry->record = *r;
    pthread_mutex_lock(&t->lock);
    struct entry **bucket = bucket_of(t, r->sha256);
    entry->next = *bucket;
    *bucket = entry;
    atomic_fetch_add(&t->count, 1);
    pthread_mutex_unlock(&t->lock);
}

void tokens_remove(struct tokens *t, const char *id) {
    pthread_mutex_lock(&t->lock);
    struct entry **place = place_of(t, id);
    struct entry *entry = place != NULL ? *place : NULL;
    if (entry != NULL) {
        *place = entry->next;
        atomic_fetch_sub(&t->count, 1);
    }
    pthread_mutex_unlock(&t->lock);
    free(entry);
}

size_t tokens_count(struct tokens *t) {
    return atomic_load(&t->count);
}

bool tokens_has(struct tokens *t, const char *id) {
    pthread_mutex_lock(&t->lock);
    bool found = place_of(t, id) != NULL;
    pthread_mutex_unlock(&t->lock);
    return found;
}

bool tokens_find(struct tokens *t, const unsigned char sha256[SHA256_BYTES], int64_t now, struct token_record *ret,
                 bool *ret_used) {
    bool found = false;
    pthread_mutex_lock(&t->lock);
    for (struct entry *entry = *bucket_of(t, sha256); entry != NULL && !found; entry = entry->next) {
        struct token_record *r = &entry->record;
        found = token_equal(r->sha256, sha256, SHA256_BYTES) && (r->expires_at == 0 || now < r->expires_at);
        if (found) {
            *ret_used = now - r->last_used_at >= USED_WRITTEN_S;
            r->last_used_at = *ret_used ? now : r->last_used_at;
            *ret = *r;
        }
    }
    pthread_mutex_unlock(&t->lock);
    return found;
}
