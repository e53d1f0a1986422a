/* SPDX-License-Identifier: MIT */
/* etcd: which answers end the search for an endpoint, which ask for a new
 * token, and what each error becomes. The answers are written here;
 * tests/system has the real etcd. */
#include "unit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/option.h"
#include "resource_alert/clients/etcd.h"

#define GOOD "{\"header\": {\"revision\": \"1\"}}"
#define TOKEN(name) "{\"header\": {}, \"token\": \"" name "\"}"
#define OLD_TOKEN                                                              \
  "{\"error\": \"etcdserver: revision of auth store is old\", \"code\": 3}"
#define NO_USER "{\"error\": \"etcdserver: user name is empty\", \"code\": 3}"

int __wrap_http_client_perform(struct http_client *client,
                               const struct http_client_request *request,
                               struct http_client_response *response,
                               struct error *error);

/* One request that is expected, and its answer. */
struct exchange {
  const char *url;
  const char *token; /* "Authorization: ..."; NULL: none */
  int code;          /* of the transport; 0: there is an answer */
  long status;
  const char *body;
};

static const struct exchange *script;
static size_t asked;
static int64_t shares_ms[8]; /* how long each request could have taken */

/* Stands in the place of the client (--wrap). */
int __wrap_http_client_perform(struct http_client *client,
                               const struct http_client_request *request,
                               struct http_client_response *response,
                               struct error *error) {
  (void)client;
  const struct exchange *next = &script[asked];
  assert_non_null(next->url);
  assert_string_equal(request->url, next->url);
  if (next->token == NULL) {
    assert_null(request->headers[1]);
  } else {
    assert_string_equal(request->headers[1], next->token);
  }
  shares_ms[asked++] = request->deadline_ms - clock_monotonic_ms();
  if (next->code != 0) {
    return error_set(error, next->code, "transport");
  }
  *response = (struct http_client_response){.status = next->status,
                                            .body = strdup(next->body),
                                            .body_bytes = strlen(next->body)};
  return 0;
}

static char one[] = "http://one", two[] = "http://two",
            three[] = "http://three";
static char *urls[] = {one, two, three};
static const struct option_strings endpoints = {urls, 3};
static struct error error;

/* Sends one request; the error remains. */
static int send_request(struct etcd *etcd, const struct exchange *exchanges) {
  const struct action_call call = {.deadline_ms = clock_monotonic_ms() + 30000,
                                   .cancel_fd = -1,
                                   .error = &error};
  char *value = NULL;
  script = exchanges;
  asked = 0;
  error.text[0] = '\0';
  int code = etcd_get(etcd, "k", &value, &call);
  free(value);
  return code;
}

#define URL(host) "http://" host "/v3/kv/range"
#define LOGIN(host) "http://" host "/v3/auth/authenticate"

static void goes_on_where_another_endpoint_may_answer(void **state) {
  static const struct exchange first[] = {
      {.code = -ECONNREFUSED},
      {.code = -ECONNRESET},
      {.code = -ETIMEDOUT},
      {.code = -EMSGSIZE},
      {.code = -EPROTO},
      {.status = 503,
       .body = "{\"error\": \"etcdserver: no leader\", \"code\": 14}"},
      {.status = 503,
       .body = "{\"error\": \"etcdserver: rpc not supported for learner\", "
               "\"code\": 14}"},
      {.status = 503, .body = "<html>no server is available</html>"},
      {.status = 500,
       .body = "{\"error\": \"etcdserver: corrupt\", "
               "\"code\": 15}"},
      {.status = 429,
       .body = "{\"error\": \"too many requests\", \"code\": 8}"},
      {.status = 504,
       .body = "{\"error\": \"context deadline exceeded\", "
               "\"code\": 4}"},
      {.status = 502, .body = ""},
      {.status = 404, .body = "<html>not found</html>"},
      {.status = 401, .body = "the proxy wants a login"},
      {.status = 302, .body = ""},
      {.status = 200, .body = ""},
      {.status = 200, .body = "<html>welcome</html>"},
      {.status = 200, .body = "[]"},
      {.status = 200, .body = "{}"},
      {.status = 200, .body = "{\"kvs\": []}"},
      {.status = 200, .body = "{\"result\": 7}"},
      {.status = 204, .body = GOOD},
      {.status = 200,
       .body = "{\"error\": {\"grpc_code\": 14, \"message\": \"no leader\"}}"},
      {.status = 200,
       .body = "{\"error\": {\"code\": 14, \"message\": \"no leader\"}}"},
      {.status = 503, .body = "{\"message\": \"no leader\", \"code\": 14}"},
  };
  for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
    struct etcd etcd = {.urls = &endpoints};
    struct exchange exchanges[] = {
        first[i],
        {.url = URL("two"), .status = 200, .body = GOOD},
        {.url = NULL}};
    exchanges[0].url = URL("one");
    assert_int_equal(send_request(&etcd, exchanges), 0);
    assert_int_equal(asked, 2);
    /* The next request begins where there was an answer. */
    assert_int_equal(send_request(&etcd, exchanges + 1), 0);
  }
}

static void ends_at_what_all_endpoints_would_say(void **state) {
  static const struct {
    struct exchange exchange;
    int code;
    const char *text;
  } cases[] = {
      {{.status = 404,
        .body = "{\"error\": \"etcdserver: requested lease not found\", "
                "\"code\": 5}"},
       -ENOENT,
       "http://one: status 404: etcdserver: requested lease not found"},
      {{.status = 403,
        .body = "{\"error\": \"etcdserver: permission denied\", \"code\": 7}"},
       -EACCES,
       "http://one: status 403: etcdserver: permission denied"},
      {{.status = 400,
        .body = "{\"error\": {\"message\": \"bad argument\", "
                "\"http_code\": 400, \"grpc_code\": 3}}"},
       -EINVAL,
       "http://one: status 400: bad argument"},
      {{.status = 400,
        .body = "{\"message\": \"bad argument\", \"code\": 3, "
                "\"details\": []}"},
       -EINVAL,
       "http://one: status 400: bad argument"},
      {{.code = -ECANCELED}, -ECANCELED, "http://one: transport"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct etcd etcd = {.urls = &endpoints};
    struct exchange exchanges[] = {cases[i].exchange, {.url = NULL}};
    exchanges[0].url = URL("one");
    assert_int_equal(send_request(&etcd, exchanges), cases[i].code);
    assert_string_equal(error.text, cases[i].text);
    assert_int_equal(asked, 1);
  }
}

static void endpoints_share_the_time(void **state) {
  struct etcd etcd = {.urls = &endpoints};
  static const struct exchange exchanges[] = {
      {.url = URL("one"), .code = -ETIMEDOUT},
      {.url = URL("two"), .code = -ETIMEDOUT},
      {.url = URL("three"), .code = -ETIMEDOUT},
      {.url = NULL},
  };
  assert_int_equal(send_request(&etcd, exchanges), -ETIMEDOUT);
  /* No time has passed, so each share is of the whole. */
  assert_in_range(shares_ms[0], 5000, 10000);
  assert_in_range(shares_ms[1], 10001, 15000);
  assert_in_range(shares_ms[2], 20000, 30000);
}

/* ---- login ---- */

static char password_file[] = "/tmp/etcd_password.XXXXXX";
static char user[] = "agent";

/* Loads libcrypto, which stays: the clients of the tests share it. */
static int load_libcrypto(void) {
  static const struct http_client_options options;
  struct etcd etcd = {0};
  int code = etcd_init(&etcd, &options, NULL);
  etcd_fini(&etcd);
  return code;
}

static int set_up(void **state) {
  int fd = mkstemp(password_file);
  if (fd < 0 || write(fd, "secret\n", 7) != 7) {
    return -1;
  }
  return close(fd) == 0 ? load_libcrypto() : -1;
}

static int remove_password(void **state) { return unlink(password_file); }

static void logs_in_for_every_refusal_of_a_token(void **state) {
  static const struct {
    long status;
    const char *body;
  } refusals[] = {
      {400, NO_USER},
      {400, OLD_TOKEN},
      {401, "{\"error\": \"etcdserver: invalid auth token\", \"code\": 16}"},
      {401, "{\"error\": {\"grpc_code\": 16, \"message\": \"token\"}}"},
      {403, "{\"error\": \"etcdserver: permission denied\", \"code\": 7}"},
      {400, "{\"message\": \"a text of tomorrow\", \"code\": 3}"},
  };
  for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
    struct etcd etcd = {
        .urls = &endpoints, .user = user, .password_file = password_file};
    const struct exchange exchanges[] = {
        {.url = URL("one"), .status = 400, .body = NO_USER},
        {.url = LOGIN("one"), .status = 200, .body = TOKEN("t.1")},
        {.url = URL("one"),
         .token = "Authorization: t.1",
         .status = 200,
         .body = GOOD},
        {.url = URL("one"),
         .token = "Authorization: t.1",
         .status = refusals[i].status,
         .body = refusals[i].body},
        {.url = LOGIN("one"), .status = 200, .body = TOKEN("t.2")},
        {.url = URL("one"),
         .token = "Authorization: t.2",
         .status = 200,
         .body = GOOD},
        {.url = NULL},
    };
    assert_int_equal(send_request(&etcd, exchanges), 0);
    assert_int_equal(send_request(&etcd, exchanges + 3), 0);
    assert_int_equal(asked, 3);
    etcd_fini(&etcd);
  }
}

static void needs_no_login_where_authentication_is_off(void **state) {
  struct etcd etcd = {
      .urls = &endpoints, .user = user, .password_file = password_file};
  static const struct exchange exchanges[] = {
      {.url = URL("one"), .status = 200, .body = GOOD}, {.url = NULL}};
  assert_int_equal(send_request(&etcd, exchanges), 0);
}

static void drops_its_token_when_authentication_is_switched_off(void **state) {
  struct etcd etcd = {
      .urls = &endpoints, .user = user, .password_file = password_file};
  static const struct exchange exchanges[] = {
      {.url = URL("one"),
       .token = "Authorization: t.1",
       .status = 401,
       .body = "{\"error\": \"etcdserver: invalid auth token\", \"code\": 16}"},
      {.url = LOGIN("one"),
       .status = 412,
       .body = "{\"error\": \"etcdserver: authentication is not enabled\", "
               "\"code\": 9}"},
      {.url = URL("one"), .status = 200, .body = GOOD},
      {.url = NULL}};
  etcd.authorization = strdup("Authorization: t.1");
  assert_int_equal(send_request(&etcd, exchanges), 0);
}

static void a_wrong_password_is_not_allowed(void **state) {
  struct etcd etcd = {
      .urls = &endpoints, .user = user, .password_file = password_file};
  static const struct exchange exchanges[] = {
      {.url = URL("one"), .status = 400, .body = NO_USER},
      {.url = LOGIN("one"),
       .status = 400,
       .body = "{\"error\": \"etcdserver: authentication failed, invalid user "
               "ID or password\", \"code\": 3}"},
      {.url = NULL}};
  assert_int_equal(send_request(&etcd, exchanges), -EACCES);
  assert_non_null(strstr(error.text, "authentication failed"));
}

static void a_txn_that_did_nothing_is_no_success(void **state) {
  struct etcd etcd = {.urls = &endpoints};
  static const struct exchange exchanges[] = {
      {.url = "http://one/v3/kv/txn", .status = 200, .body = GOOD},
      {.url = NULL}};
  const struct action_call call = {.deadline_ms = clock_monotonic_ms() + 30000,
                                   .cancel_fd = -1,
                                   .error = &error};
  char *held = NULL;
  script = exchanges;
  asked = 0;
  assert_int_equal(etcd_put_if_absent(&etcd, "k", "v", "", &held, &call),
                   -EPROTO);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(goes_on_where_another_endpoint_may_answer),
      cmocka_unit_test(ends_at_what_all_endpoints_would_say),
      cmocka_unit_test(endpoints_share_the_time),
      cmocka_unit_test(logs_in_for_every_refusal_of_a_token),
      cmocka_unit_test(needs_no_login_where_authentication_is_off),
      cmocka_unit_test(drops_its_token_when_authentication_is_switched_off),
      cmocka_unit_test(a_wrong_password_is_not_allowed),
      cmocka_unit_test(a_txn_that_did_nothing_is_no_success),
  };
  return cmocka_run_group_tests(tests, set_up, remove_password);
}
