// What curl is told that is the same for every call, and TLS; and what curl and OpenSSL say about TLS, put into words for
// people who have read neither.
#include "net/http_client_curl.h"

#include "base/mem.h"

#include <stdio.h>

enum {
    CONNECTION_IDLE_S = 30, // below the server's idle timeout, so that a kept connection is rarely a dead one
    CONNECT_TIMEOUT_MS = 5000
};

bool http_client_curl_owns(struct span name) {
    static const char *const names[] = {"content-length", "transfer-encoding", "connection", "expect", "keep-alive"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (span_equal_nocase(name, names[i]))
            return true;
    return false;
}

void http_client_curl_restrict(CURL *easy) {
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
}

void http_client_curl_times(CURL *easy, const struct http_call_config *config) {
    long connect_ms = config->connect_timeout_ms ? (long)config->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)config->total_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)CONNECTION_IDLE_S);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); // a name that is still being resolved is not waited for (7.87)
}

static struct curl_blob blob_of(const struct buf *text) {
    return (struct curl_blob){.data = text->p, .len = text->n, .flags = CURL_BLOB_NOCOPY};
}

void http_client_curl_tls(CURL *easy, const struct tls_texts *texts) {
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (!texts)
        return;
    struct curl_blob ca = blob_of(&texts->ca), cert = blob_of(&texts->cert), key = blob_of(&texts->key);
    if (ca.len) {
        curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &ca);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); // these and no others
    }
    if (cert.len) {
        curl_easy_setopt(easy, CURLOPT_SSLCERT_BLOB, &cert);
        curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, &key);
    }
}

static const struct {
    const char *part, *meaning;
} words[] = {
    {"certificate required", "it demands a client certificate, and none was given"},
    {"wrong version number", "it does not speak TLS; is it served with a tls-cert?"},
    {"packet length too long", "it does not speak TLS; is it served with a tls-cert?"},
    {"handshake failure", "it demands a client certificate, or speaks neither TLS 1.2 nor 1.3"},
    {"unknown ca", "it does not trust the authority of the client certificate that was given"},
    {"certificate expired", "the client certificate that was given has expired"},
    {"certificate unknown", "it does not accept the client certificate that was given"},
    {"bad certificate", "it does not accept the client certificate that was given"},
};

void http_client_curl_explain(CURLcode result, char *text, size_t n) {
    AUTO_FREE char *said = mem_strdup(text);
    if (result == CURLE_PEER_FAILED_VERIFICATION) {
        snprintf(text, n, "its certificate is not accepted (%s): check its names, its dates and whom we trust", said);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strstr(said, words[i].part)) {
            snprintf(text, n, "%s (%s)", words[i].meaning, said);
            return;
        }
}
