// base/digest.h: the vectors of FIPS 180-4, digests in parts and on many threads, hexadecimal both ways.
#include "unit.h"

#include "base/digest.h"

#include <pthread.h>

static const char abc_hex[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static void check(const char *text, const char *want_hex) {
    unsigned char digest[SHA256_BYTES];
    char hex[SHA256_HEX + 1];
    sha256_of(span_of(text), digest);
    sha256_to_hex(digest, hex);
    assert_string_equal(hex, want_hex);
}

static void test_known_vectors(void **state) {
    (void)state;
    check("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check("abc", abc_hex);
    check("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void test_in_parts(void **state) {
    (void)state;
    unsigned char digest[SHA256_BYTES];
    char hex[SHA256_HEX + 1];
    struct sha256 *d = sha256_new();
    sha256_update(d, "a", 1);
    sha256_update(d, NULL, 0);
    sha256_update(d, "bc", 2);
    sha256_final(d, digest);
    sha256_free(d);
    sha256_free(NULL);
    sha256_to_hex(digest, hex);
    assert_string_equal(hex, abc_hex);
}

static void test_hex_both_ways(void **state) {
    (void)state;
    unsigned char digest[SHA256_BYTES], again[SHA256_BYTES];
    char hex[SHA256_HEX + 1], upper[SHA256_HEX + 1];
    sha256_of(span_of("abc"), digest);
    sha256_to_hex(digest, hex);
    for (size_t i = 0; i <= SHA256_HEX; i++)
        upper[i] = hex[i] >= 'a' ? (char)(hex[i] - 32) : hex[i];
    assert_true(sha256_from_hex(span_of(hex), again));
    assert_memory_equal(again, digest, sizeof digest);
    assert_true(sha256_from_hex(span_of(upper), again));
    assert_memory_equal(again, digest, sizeof digest);
}

static void test_bad_hex_leaves_the_output(void **state) {
    (void)state;
    unsigned char digest[SHA256_BYTES], before[SHA256_BYTES];
    char hex[SHA256_HEX + 2];
    memset(digest, 7, sizeof digest);
    memcpy(before, digest, sizeof digest);
    memset(hex, 'a', sizeof hex);
    assert_false(sha256_from_hex(span_make(hex, SHA256_HEX - 1), digest));
    assert_false(sha256_from_hex(span_make(hex, SHA256_HEX + 1), digest));
    assert_false(sha256_from_hex(span_of(NULL), digest));
    hex[SHA256_HEX - 1] = 'g';
    assert_false(sha256_from_hex(span_make(hex, SHA256_HEX), digest));
    assert_memory_equal(digest, before, sizeof digest);
}

// RFC 4231, test case 2; and two keys of a full block and of nothing, from another implementation.
static void test_hmac(void **state) {
    (void)state;
    static const struct {
        const char *key, *message, *code;
    } cases[] = {
        {"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "abc",
         "4094e954bda3fa079826b9a1353886ed680ee45577c7405a18ad4004562f2e33"},
        {"", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unsigned char code[SHA256_BYTES], wanted[SHA256_BYTES];
        assert_true(sha256_from_hex(span_of(cases[i].code), wanted));
        hmac_sha256(span_of(cases[i].key), span_of(cases[i].message), code);
        assert_memory_equal(code, wanted, sizeof code);
        assert_true(digest_equal(code, wanted));
        for (size_t bit = 0; bit < 8 * sizeof code; bit++) {
            code[bit / 8] ^= (unsigned char)(1 << bit % 8);
            assert_false(digest_equal(code, wanted));
            code[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
    }
}

static void *digest_often(void *unused) {
    (void)unused;
    for (int i = 0; i < 200; i++) {
        unsigned char digest[SHA256_BYTES];
        sha256_of(span_of("abc"), digest);
        ASSERT(digest[0] == 0xBA && digest[31] == 0xAD);
    }
    return NULL;
}

static void test_many_threads(void **state) {
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, digest_often, NULL), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_threads), // first, so that the first look-up is raced for
        cmocka_unit_test(test_known_vectors),
        cmocka_unit_test(test_in_parts),
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_hex_both_ways),
        cmocka_unit_test(test_bad_hex_leaves_the_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
