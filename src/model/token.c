// The text of tokens and the names of scopes; pure functions but for the random numbers. Who has which token is sms/tokens.c's.
#include "model/token.h"

#include "base/encode.h"
#include "base/id.h"
#include "base/mem.h"

#include <stdio.h>
#include <strings.h>

static const char prefix[] = "spear_";

static const struct {
    const char *name;
    unsigned scope;
} scope_names[] = {{"read", SCOPE_READ},
                   {"deploy", SCOPE_DEPLOY},
                   {"invoke", SCOPE_INVOKE},
                   {"node", SCOPE_NODE},
                   {"admin", SCOPE_ADMIN}};

// ---- the text

static void to_url_alphabet(char *text) {
    for (; *text; text++)
        *text = (char)(*text == '+' ? '-' : *text == '/' ? '_' : *text);
}

void token_make_secret(char ret_text[TOKEN_SECRET_TEXT + 1]) {
    unsigned char bytes[32];
    struct buf text;
    id_random(bytes, sizeof bytes);
    buf_init(&text, TOKEN_SECRET_TEXT + 1);
    ASSERT(base64_encode(span_make(bytes, sizeof bytes), &text) == 0);
    snprintf(ret_text, TOKEN_SECRET_TEXT + 1, "%s", buf_text(&text)); // without the one '='
    to_url_alphabet(ret_text);
    explicit_bzero(text.p, text.n);
    explicit_bzero(bytes, sizeof bytes);
    buf_done(&text);
}

void token_make(char ret_id[TOKEN_ID_TEXT + 1], char ret_text[TOKEN_TEXT + 1]) {
    uint64_t id;
    char secret[TOKEN_SECRET_TEXT + 1];
    id_random(&id, sizeof id);
    token_make_secret(secret);
    snprintf(ret_id, TOKEN_ID_TEXT + 1, "%016llx", (unsigned long long)id);
    snprintf(ret_text, TOKEN_TEXT + 1, "%s%s_%s", prefix, ret_id, secret);
    explicit_bzero(secret, sizeof secret);
}

static bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool token_id_valid(struct span id) {
    for (size_t i = 0; i < id.n; i++)
        if (!((id.p[i] >= '0' && id.p[i] <= '9') || (id.p[i] >= 'a' && id.p[i] <= 'f')))
            return false;
    return id.n == TOKEN_ID_TEXT;
}

bool token_secret_valid(struct span text) {
    for (size_t i = 0; i < text.n; i++)
        if (!is_alphanumeric(text.p[i]) && text.p[i] != '-' && text.p[i] != '_')
            return false;
    return text.n == TOKEN_SECRET_TEXT;
}

bool token_valid(struct span text) {
    struct span rest = span_slice(text, strlen(prefix), text.n);
    return span_starts_with(text, prefix) && rest.n == TOKEN_ID_TEXT + 1 + TOKEN_SECRET_TEXT &&
           token_id_valid(span_slice(rest, 0, TOKEN_ID_TEXT)) && rest.p[TOKEN_ID_TEXT] == '_' &&
           token_secret_valid(span_slice(rest, TOKEN_ID_TEXT + 1, rest.n));
}

void token_digest(struct span text, unsigned char ret_sha256[SHA256_BYTES]) {
    sha256_of(text, ret_sha256);
}

bool token_equal(const void *a, const void *b, size_t n) {
    const volatile unsigned char *x = a, *y = b;
    unsigned char difference = 0;
    for (size_t i = 0; i < n; i++)
        difference |= (unsigned char)(x[i] ^ y[i]);
    return difference == 0;
}

bool token_is_within(struct span text) {
    for (size_t at = 0; at + strlen(prefix) + TOKEN_ID_TEXT <= text.n; at++) {
        struct span rest = span_slice(text, at, text.n);
        if (span_starts_with(rest, prefix) && token_id_valid(span_slice(rest, strlen(prefix), TOKEN_ID_TEXT)))
            return true;
    }
    return false;
}

// ---- names and scopes

bool token_name_valid(struct span name) {
    if (name.n == 0 || name.n > TOKEN_NAME_MAX || !is_alphanumeric(name.p[0]) || token_id_valid(name) ||
        span_equal_nocase(name, "anonymous"))
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!is_alphanumeric(name.p[i]) && (name.p[i] == '\0' || !strchr("._@-", name.p[i])))
            return false;
    return true;
}

static unsigned scope_by_name(struct span name) {
    for (size_t i = 0; i < COUNT_OF(scope_names); i++)
        if (span_equal_text(name, scope_names[i].name))
            return scope_names[i].scope;
    return 0;
}

static struct span next_word(struct span *rest) {
    size_t n = 0, skipped = 0;
    while (skipped < rest->n && strchr(", ", rest->p[skipped]))
        skipped++;
    *rest = span_slice(*rest, skipped, rest->n);
    while (n < rest->n && !strchr(", ", rest->p[n]))
        n++;
    struct span word = span_slice(*rest, 0, n);
    *rest = span_slice(*rest, n, rest->n);
    return word;
}

int token_scopes_parse(struct span list, unsigned *ret_scopes, struct err *e) {
    unsigned scopes = 0;
    struct span rest = list, word;
    while ((word = next_word(&rest)).n) {
        unsigned scope = scope_by_name(word);
        if (!scope)
            return err_set(e, ERR_UNPROCESSABLE, "\"%.*s\" is no scope; there are read, deploy, invoke, node and admin",
                           SPAN_ARGS(span_slice(word, 0, 100)));
        scopes |= scope;
    }
    if (!scopes)
        return err_set(e, ERR_UNPROCESSABLE, "at least one scope is wanted: read, deploy, invoke, node or admin");
    *ret_scopes = scopes;
    return 0;
}

void token_scopes_print(unsigned scopes, const char *separator, char ret_text[TOKEN_SCOPES_TEXT]) {
    size_t n = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(scope_names) && n < TOKEN_SCOPES_TEXT; i++)
        if (scopes & scope_names[i].scope)
            n += (size_t)snprintf(ret_text + n, TOKEN_SCOPES_TEXT - n, "%s%s", n ? separator : "", scope_names[i].name);
}

const char *token_scope_name(unsigned scopes) {
    for (size_t i = 0; i < COUNT_OF(scope_names); i++)
        if (scopes & scope_names[i].scope)
            return scope_names[i].name;
    return "";
}

bool token_scopes_allow(unsigned scopes, unsigned needed) {
    return (scopes & (needed | SCOPE_ADMIN)) != 0;
}
