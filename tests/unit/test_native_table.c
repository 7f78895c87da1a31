// What is known of native code: entries, who is interested, the order of the queue, what stays in memory; and what keys depend on.
#include "unit.h"

#include "base/mem.h"
#include "runtime/memory_file.h"
#include "runtime/native_key.h"
#include "runtime/native_table.h"

#include <stdio.h>

static struct native *entry(struct native_table *t, unsigned number) {
    unsigned char sha256[SHA256_BYTES];
    sha256_of(span_make(&number, sizeof number), sha256);
    return native_table_entry(t, sha256, 65536);
}

static struct native_code *code(enum runtime_code tier, uint64_t size_bytes) {
    struct native_code *c = NEW(struct native_code);
    atomic_init(&c->references, 1);
    c->tier = tier;
    c->size_bytes = size_bytes;
    assert_int_equal(memory_file_of("test", SPAN_LITERAL("x"), &c->fd, NULL), 0);
    return c;
}

static void set_code(struct native_table *t, struct native *n, uint64_t size_bytes) {
    native_table_take(t, n);
    native_table_set_code(t, n, code(RUNTIME_CODE_NATIVE, size_bytes));
    native_table_give_back(t, n);
}

static void entries_are_of_digest_and_limit(void **state) {
    (void)state;
    struct native_table *t = native_table_new(1000);
    struct native *a = entry(t, 1);
    assert_ptr_equal(entry(t, 1), a);
    assert_ptr_not_equal(entry(t, 2), a);
    assert_ptr_not_equal(native_table_entry(t, a->sha256, 131072), a);
    native_table_free(t);
}

static void what_is_wanted_most_is_next(void **state) {
    (void)state;
    struct native_table *t = native_table_new(1000);
    assert_null(native_table_next(t));
    struct native *n[5];
    for (unsigned i = 0; i < 5; i++) {
        n[i] = entry(t, i);
        n[i]->queued_at = i;
        n[i]->state = NATIVE_QUEUED;
    }
    atomic_store(&n[2]->uses, 9);
    atomic_store(&n[3]->uses, 9);
    atomic_store(&n[4]->uses, 100);
    native_table_take(t, n[4]);
    native_table_set_code(t, n[4], code(RUNTIME_CODE_NATIVE_O0, 10)); // has some already: after all others
    const unsigned order[] = {2, 3, 0, 1, 4};
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        assert_ptr_equal(native_table_next(t), n[order[i]]);
        n[order[i]]->state = NATIVE_IDLE;
    }
    assert_null(native_table_next(t));
    native_table_give_back(t, n[4]);
    native_table_free(t);
}

static void tasks_have_an_interest_in_one_module(void **state) {
    (void)state;
    struct native_table *t = native_table_new(1000);
    struct native *a = entry(t, 1), *b = entry(t, 2);
    native_table_add_interest(t, a, "one");
    native_table_add_interest(t, a, "one");
    native_table_add_interest(t, a, "two");
    assert_int_equal(a->interests, 2);
    assert_ptr_equal(native_table_of_task(t, "two"), a);
    native_table_add_interest(t, b, "two");
    assert_int_equal(a->interests, 1);
    assert_ptr_equal(native_table_remove_interest(t, "two"), b);
    assert_null(native_table_remove_interest(t, "two"));
    assert_int_equal(b->interests, 0);
    assert_null(native_table_of_task(t, "two"));
    native_table_free(t);
}

static void the_tables_have_ceilings(void **state) {
    (void)state;
    struct native_table *t = native_table_new(1000);
    struct native *wanted = entry(t, 0);
    native_table_add_interest(t, wanted, "wanted");
    struct native *used = entry(t, 1);
    native_table_take(t, used);
    for (unsigned i = 2; i < NATIVE_ENTRIES_MAX + 100; i++)
        entry(t, i);
    assert_ptr_equal(entry(t, 0), wanted); // neither of the two went
    assert_ptr_equal(entry(t, 1), used);
    native_table_give_back(t, used);
    for (unsigned i = 0; i < NATIVE_INTERESTS_MAX + 1000; i++) {
        char task_id[32];
        snprintf(task_id, sizeof task_id, "task-%u", i);
        native_table_add_interest(t, used, task_id);
        assert_ptr_equal(native_table_of_task(t, task_id), used);
    }
    assert_true(wanted->interests + used->interests == NATIVE_INTERESTS_MAX);
    native_table_free(t);
}

static void unused_code_leaves_memory_oldest_first(void **state) {
    (void)state;
    struct native_table *t = native_table_new(1000);
    struct native *a = entry(t, 1), *b = entry(t, 2), *c = entry(t, 3);
    a->looked = b->looked = c->looked = true;
    set_code(t, a, 400);
    set_code(t, b, 400);
    native_table_take(t, a); // used again, and still
    set_code(t, c, 400);
    assert_non_null(b->code);
    native_table_give_back(t, a); // 1200 bytes unused: b is the oldest
    assert_null(b->code);
    assert_false(b->looked); // the next who asks has it from disk
    assert_int_equal(native_tier(b), RUNTIME_CODE_INTERPRETER);
    assert_int_equal(b->known.code, RUNTIME_CODE_NATIVE); // there is some, all the same
    assert_true(a->code && c->code && a->looked);
    native_table_free(t);
}

static void keys_depend_on_everything(void **state) {
    (void)state;
    unsigned char module[2][SHA256_BYTES], cpu[2][SHA256_BYTES], keys[8][SHA256_BYTES];
    sha256_of(SPAN_LITERAL("a"), module[0]);
    sha256_of(SPAN_LITERAL("b"), module[1]);
    native_key_cpu_of(SPAN_LITERAL("processor\t: 0\nmodel name\t: X\ncpu MHz\t: 1\nflags\t: a b\n\nprocessor\t: 1\n"),
                      cpu[0]);
    native_key_cpu_of(SPAN_LITERAL("processor\t: 0\nmodel name\t: X\ncpu MHz\t: 2\nflags\t: a b\n\n"), cpu[1]);
    assert_memory_equal(cpu[0], cpu[1], SHA256_BYTES);
    native_key_cpu_of(SPAN_LITERAL("model name\t: X\nflags\t: a b c\n"), cpu[1]);
    for (unsigned i = 0; i < 8; i++)
        native_key(module[i & 1], "engine 1", i & 2, cpu[i >> 2], keys[i]);
    for (unsigned i = 0; i < 8; i++)
        for (unsigned j = 0; j < i; j++)
            assert_memory_not_equal(keys[i], keys[j], SHA256_BYTES);
    native_key(module[0], "engine 2", false, cpu[0], keys[1]);
    assert_memory_not_equal(keys[0], keys[1], SHA256_BYTES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_of_digest_and_limit),        cmocka_unit_test(what_is_wanted_most_is_next),
        cmocka_unit_test(tasks_have_an_interest_in_one_module),   cmocka_unit_test(the_tables_have_ceilings),
        cmocka_unit_test(unused_code_leaves_memory_oldest_first), cmocka_unit_test(keys_depend_on_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
