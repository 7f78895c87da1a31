// The two files of the test server: its routes, and the relay that tests net/http_client.
#ifndef SPEAR_TESTS_HTTP_TEST_SERVER_H
#define SPEAR_TESTS_HTTP_TEST_SERVER_H

#include "base/options.h"
#include "net/http_router.h"

void http_test_proxy_init(struct loop *const loops[], size_t count, const struct options *options);
void http_test_proxy_done(void); // on loops[0]
http_handler http_test_proxy;

#endif
