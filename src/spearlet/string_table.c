// A chained hash table that doubles. The hash (FNV-1a) starts from a random seed, so that nobody can choose keys that
// fall into one chain; every user of it is bounded in count besides.
#include "spearlet/string_table.h"

#include "base/mem.h"

#include <sys/random.h>

enum { BUCKETS_AT_FIRST = 64 };

void string_table_init(struct string_table *t) {
    *t = (struct string_table){.bucket_count = BUCKETS_AT_FIRST};
    t->buckets = mem_calloc(t->bucket_count, sizeof(struct string_node *));
    ASSERT(getrandom(&t->seed, sizeof t->seed, 0) == sizeof t->seed);
}

void string_table_done(struct string_table *t) {
    free(t->buckets);
    t->buckets = NULL;
}

static uint64_t hash_of(const struct string_table *t, struct span key) {
    uint64_t hash = t->seed;
    for (size_t i = 0; i < key.n; i++)
        hash = (hash ^ (unsigned char)key.p[i]) * 0x100000001b3u;
    return hash ^ hash >> 32;
}

static struct string_node **bucket_of(const struct string_table *t, uint64_t hash) {
    return &t->buckets[hash & (t->bucket_count - 1)];
}

struct string_node *string_table_find(const struct string_table *t, struct span key) {
    uint64_t hash = hash_of(t, key);
    for (struct string_node *node = *bucket_of(t, hash); node; node = node->next)
        if (node->hash == hash && span_equal(node->key, key))
            return node;
    return NULL;
}

static void put(struct string_table *t, struct string_node *node) {
    struct string_node **bucket = bucket_of(t, node->hash);
    node->next = *bucket;
    *bucket = node;
}

static void grow(struct string_table *t) {
    struct string_node **old = t->buckets;
    size_t old_count = t->bucket_count;
    t->bucket_count *= 2;
    t->buckets = mem_calloc(t->bucket_count, sizeof(struct string_node *));
    for (size_t i = 0; i < old_count; i++)
        for (struct string_node *node = old[i], *next; node; node = next) {
            next = node->next;
            put(t, node);
        }
    free(old);
}

void string_table_add(struct string_table *t, struct string_node *node, struct span key) {
    ASSERT(!string_table_find(t, key));
    if (t->count >= t->bucket_count)
        grow(t);
    node->key = key;
    node->hash = hash_of(t, key);
    put(t, node);
    t->count++;
}

void string_table_remove(struct string_table *t, struct string_node *node) {
    struct string_node **at = bucket_of(t, node->hash);
    while (*at != node) {
        ASSERT(*at);
        at = &(*at)->next;
    }
    *at = node->next;
    t->count--;
}

void string_table_each(struct string_table *t, void (*f)(void *ctx, struct string_node *node), void *ctx) {
    for (size_t i = 0; i < t->bucket_count; i++)
        for (struct string_node *node = t->buckets[i], *next; node; node = next) {
            next = node->next;
            f(ctx, node);
        }
}
