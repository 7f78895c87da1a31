// Bearer tokens (RFC 6750): how they look, what they may do, and what is kept of them. sms makes and keeps them, spearlet asks
// sms about those that it is shown. docs/security.md is the whole story.
//
// A token is "spear_<id>_<secret>": the id is public (lists, logs, audit), the secret has 256 random bits. Kept is the sha256 of
// the whole text: of such a secret a slow hash would protect nothing more.
#ifndef SPEAR_MODEL_TOKEN_H
#define SPEAR_MODEL_TOKEN_H

#include "base/digest.h"
#include "base/err.h"

enum {
    TOKEN_ID_TEXT = 16,     // hexadecimal digits, lower case
    TOKEN_SECRET_TEXT = 43, // base64url (RFC 4648 §5) without padding
    TOKEN_TEXT = 6 + TOKEN_ID_TEXT + 1 + TOKEN_SECRET_TEXT,
    TOKEN_NAME_MAX = 64,
    TOKEN_SCOPES_TEXT = 48
};

enum token_scope {
    SCOPE_READ = 1 << 0,   // lists, records, metrics
    SCOPE_DEPLOY = 1 << 1, // files and tasks: upload, register, delete; reads both
    SCOPE_INVOKE = 1 << 2, // run tasks, and look at what it ran
    SCOPE_NODE = 1 << 3,   // what a spearlet needs of sms, as itself only
    SCOPE_ADMIN = 1 << 4,  // everything, tokens and audit included
    SCOPES_ALL = (1 << 5) - 1
};

// Who asks.
struct token_caller {
    char id[TOKEN_ID_TEXT + 1]; // "" for nobody in particular
    char name[TOKEN_NAME_MAX + 1];
    unsigned scopes;
};

void token_make(char ret_id[TOKEN_ID_TEXT + 1], char ret_text[TOKEN_TEXT + 1]);
// A secret by itself, for two programs of ours.
void token_make_secret(char ret_text[TOKEN_SECRET_TEXT + 1]);
bool token_secret_valid(struct span text); // of that form
bool token_valid(struct span text);        // has the form of a token
void token_digest(struct span text, unsigned char ret_sha256[SHA256_BYTES]);
// In a time that does not depend on where they differ.
bool token_equal(const void *a, const void *b, size_t n);
// True when a token's beginning stands anywhere in the text, whatever is around it: to keep them out of guests and logs.
bool token_is_within(struct span text);

// 1…TOKEN_NAME_MAX of [A-Za-z0-9._@-], beginning with a letter or digit; not of an id's form, and not "anonymous".
bool token_name_valid(struct span name);
bool token_id_valid(struct span id);
// "deploy,invoke" (or with blanks). ERR_UNPROCESSABLE with the word that is none, or when there is no word.
int token_scopes_parse(struct span list, unsigned *ret_scopes, struct err *e);
void token_scopes_print(unsigned scopes, const char *separator, char ret_text[TOKEN_SCOPES_TEXT]);
// The one name, of the lowest bit.
const char *token_scope_name(unsigned scopes);
// Any of `needed` suffices; admin has all.
bool token_scopes_allow(unsigned scopes, unsigned needed);

#endif
