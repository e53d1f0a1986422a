/* SPDX-License-Identifier: MIT */
/* http_server, http_connections: which names are served, and which connections
 * are closed. */
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "resource_alert/status/http_connections.h"
#include "resource_alert/status/http_server.h"

/* ---- names ---- */

static char pattern[] = "*.Example.org";
static char *patterns[] = {pattern};
static const struct option_strings further = {.items = patterns, .len = 1};
static const struct http_server_names names = {
    .own = {"web1.prod.example.com", NULL}, .patterns = &further};

static void test_which_names_are_served(void **state) {
  static const char *const served[] = {
      NULL,
      "127.0.0.1",
      "10.1.2.3:80",
      "[::1]",
      "[fe80::]:1",
      "localhost",
      "LOCALHOST.:1",
      "web1",
      "WEB1:9180",
      "a.b.example.org",
      "web1.prod.example.com.",
  };
  static const char *const refused[] = {
      "",
      ":",
      ":80",
      ".",
      "[",
      "[]",
      "[::1",
      "[::1]x",
      "[evil]",
      "::1",
      "127.1",
      "0x7f000001",
      "127.0.0.1.evil",
      "web2",
      "web1.evil",
      "prod",
      "example.org",
      "localhost.evil",
      "a.example.org.evil",
      "web1..",
  };
  for (size_t i = 0; i < sizeof(served) / sizeof(served[0]); i++) {
    assert_true(http_server_accepts_host(&names, served[i]));
  }
  for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
    assert_false(http_server_accepts_host(&names, refused[i]));
  }
}

/* ---- clients ---- */

static struct http_connections clients;
static int ends[HTTP_CONNECTIONS_MAX + 1];
static size_t opened;

static struct http_connection *add(const struct sockaddr *address,
                                   int64_t now_ms) {
  int pair[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  (void)close(pair[1]);
  ends[opened++] = pair[0];
  return http_connections_add(&clients, pair[0], address, now_ms);
}

static struct http_connection *add_v4(uint32_t number, int64_t now_ms) {
  const struct sockaddr_in v4 = {.sin_family = AF_INET,
                                 .sin_addr = {htonl(0x0a000000 + number)}};
  return add((const struct sockaddr *)&v4, now_ms);
}

static struct http_connection *add_v6(const char *text) {
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
  assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
  return add((const struct sockaddr *)&v6, 0);
}

static int begin(void **state) {
  http_connections_init(&clients);
  opened = 0;
  return 0;
}

static int finish(void **state) {
  for (size_t i = 0; i < opened; i++) {
    (void)close(ends[i]);
  }
  return 0;
}

static void test_the_oldest_of_the_largest_group_gives_way(void **state) {
  struct http_connection *alone = add_v4(1, 0);
  struct http_connection *first = add_v4(2, 0);
  for (uint32_t i = 0; i < HTTP_CONNECTIONS_FULL - 4; i++) {
    assert_non_null(add_v4(i < 40 ? 2 : 100 + i, 0));
  }
  assert_false(first->is_cut);
  struct http_connection *third = add_v4(2, 0);
  assert_false(first->is_cut || alone->is_cut);
  assert_non_null(add_v4(3, 0));
  assert_non_null(add_v4(4, 0));
  assert_true(first->is_cut);
  assert_false(alone->is_cut || third->is_cut);
}

static void test_where_all_are_alone_the_oldest_gives_way(void **state) {
  struct http_connection *first = add_v4(1, 0);
  struct http_connection *second = add_v4(2, 0);
  for (uint32_t i = 2; i < HTTP_CONNECTIONS_FULL; i++) {
    assert_non_null(add_v4(1 + i, 0));
  }
  assert_false(first->is_cut);
  assert_non_null(add_v4(1000, 0));
  assert_true(first->is_cut);
  assert_false(second->is_cut);
}

static void test_a_network_of_ipv6_is_one_address(void **state) {
  struct http_connection *other = add_v6("2001:db8:0:2::1");
  struct http_connection *first = add_v6("2001:db8:0:1::1");
  char text[64];
  for (int i = 0; i < HTTP_CONNECTIONS_ADDRESS_MAX; i++) {
    (void)snprintf(text, sizeof(text), "2001:db8:0:1:%x::9", 1 + i);
    assert_non_null(add_v6(text));
  }
  assert_true(first->is_cut);
  assert_false(other->is_cut);
}

static void test_a_full_table_takes_no_more(void **state) {
  for (uint32_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
    assert_non_null(add_v4(i, 0));
  }
  assert_null(add_v4(1000, 0));
  http_connections_remove(&clients.items[7]);
  assert_non_null(http_connections_add(
      &clients, ends[HTTP_CONNECTIONS_MAX],
      (const struct sockaddr *)&(struct sockaddr_in){.sin_family = AF_INET},
      0));
}

static void test_late_ones_are_shut_down(void **state) {
  struct http_connection *late = add_v4(1, 0);
  struct http_connection *early = add_v4(1, 1);
  http_connections_shut_late(&clients, HTTP_CONNECTIONS_REQUEST_MS - 1);
  assert_false(late->is_cut);
  http_connections_shut_late(&clients, HTTP_CONNECTIONS_REQUEST_MS);
  assert_true(late->is_cut);
  assert_false(early->is_cut);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_which_names_are_served),
      cmocka_unit_test_setup_teardown(
          test_the_oldest_of_the_largest_group_gives_way, begin, finish),
      cmocka_unit_test_setup_teardown(
          test_where_all_are_alone_the_oldest_gives_way, begin, finish),
      cmocka_unit_test_setup_teardown(test_a_network_of_ipv6_is_one_address,
                                      begin, finish),
      cmocka_unit_test_setup_teardown(test_a_full_table_takes_no_more, begin,
                                      finish),
      cmocka_unit_test_setup_teardown(test_late_ones_are_shut_down, begin,
                                      finish),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
