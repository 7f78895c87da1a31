// What http_client.c has curl told, and how it reads its errors; for that file alone.
#ifndef SPEAR_NET_HTTP_CLIENT_CURL_H
#define SPEAR_NET_HTTP_CLIENT_CURL_H

#include "net/http_client.h"
#include "net/tls.h"

#include <curl/curl.h>

enum { HTTP_CLIENT_CURL_WORDS = 160 }; // bytes that are put around curl's own words

bool http_client_curl_owns(struct span name); // a header field that is curl's business
void http_client_curl_restrict(CURL *easy);   // to our protocols and to what was asked for
void http_client_curl_times(CURL *easy, const struct http_call_config *config);
// Texts are lent to the handle; NULL: the system's authorities, and no certificate.
void http_client_curl_tls(CURL *easy, const struct tls_texts *texts);
// Makes of curl's words for a failure over TLS a sentence that says what to do, if it knows one.
void http_client_curl_explain(CURLcode result, char *text, size_t n);

#endif
