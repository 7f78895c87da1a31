// A hash table keyed by text; its nodes are part of the caller's objects, so that adding never fails.
//
// The key is the caller's and must not move or change while its node is in the table. Not thread-safe.
#ifndef SPEAR_SPEARLET_STRING_TABLE_H
#define SPEAR_SPEARLET_STRING_TABLE_H

#include "base/span.h"

struct string_node {
    struct string_node *next;
    uint64_t hash;
    struct span key;
};

struct string_table {
    struct string_node **buckets;
    size_t bucket_count, count;
    uint64_t seed;
};

void string_table_init(struct string_table *t);
void string_table_done(struct string_table *t); // the nodes are the caller's
struct string_node *string_table_find(const struct string_table *t, struct span key);
// A key that is there already is an assertion.
void string_table_add(struct string_table *t, struct string_node *node, struct span key);
void string_table_remove(struct string_table *t, struct string_node *node);
// Calls f(ctx, node) for every node, in no order; f may remove and free that node, and no other.
void string_table_each(struct string_table *t, void (*f)(void *ctx, struct string_node *node), void *ctx);

#endif
