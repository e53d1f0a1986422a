/* SPDX-License-Identifier: MIT */
/* haproxy_socket: the runtime API against a stand-in for HAProxy; tests/system
 * has the real one. */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "resource_alert/clients/haproxy_socket.h"

#define LONG_MS 30000

static char place[] = "/tmp/haproxy_socket.XXXXXX";
static char path[64];
static struct haproxy_socket haproxy = {.path = path};
static struct error error;

static int make_place(void **state) {
  (void)state;
  (void)signal(SIGPIPE, SIG_IGN);
  if (mkdtemp(place) == NULL) {
    return -1;
  }
  (void)snprintf(path, sizeof(path), "%s/socket", place);
  return 0;
}

static int remove_place(void **state) {
  (void)state;
  return rmdir(place);
}

static int listen_there(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)),
                   0);
  assert_int_equal(listen(fd, 1), 0);
  return fd;
}

/* Never returns. reads: the question is taken, not only seen to have come. */
static void serve_one(int listener, const char *answer, size_t bytes,
                      bool reads) {
  char question[64];
  int fd = accept(listener, NULL, NULL);
  if (recv(fd, question, sizeof(question), reads ? 0 : MSG_PEEK) <= 0) {
    _exit(1);
  }
  while (bytes > 0) {
    ssize_t put = write(fd, answer, bytes);
    if (put <= 0) {
      _exit(0); /* it has heard enough */
    }
    answer += put;
    bytes -= (size_t)put;
  }
  _exit(0);
}

static struct action_call call_within(int64_t ms) {
  return (struct action_call){.deadline_ms = clock_monotonic_ms() + ms,
                              .cancel_fd = -1,
                              .error = &error};
}

/* What haproxy_socket_request() returns for a response of BYTES bytes. */
static int ask_one(const char *answer, size_t bytes, bool reads, char **ret) {
  int status = 0;
  int listener = listen_there();
  pid_t server = fork();
  if (server == 0) {
    serve_one(listener, answer, bytes, reads);
  }
  struct action_call call = call_within(LONG_MS);
  error = (struct error){{0}};
  int code = haproxy_socket_request(&haproxy, "show stat", ret, &call);
  (void)close(listener);
  (void)unlink(path);
  assert_int_equal(waitpid(server, &status, 0), server);
  assert_int_equal(status, 0);
  return code;
}

static void an_answer_is_yours(void **state) {
  (void)state;
  char *answer = NULL;
  assert_int_equal(ask_one("a\nb\n", 4, true, &answer), 0);
  assert_string_equal(answer, "a\nb\n");
  free(answer);
}

static void silence_is_success(void **state) {
  (void)state;
  assert_int_equal(ask_one("\n", 1, true, NULL), 0);
}

static void words_are_a_failure(void **state) {
  (void)state;
  assert_int_equal(ask_one("No such server.\n\n", 17, true, NULL), -ENOENT);
  assert_string_equal(error.text, "HAProxy: show stat: No such server.");
  assert_int_equal(ask_one("Permission denied\n\n", 19, true, NULL), -EACCES);
  assert_string_equal(error.text, "HAProxy: show stat: Permission denied; the "
                                  "socket must have level admin");
  assert_int_equal(ask_one("Cannot be changed.\n\n", 20, true, NULL), -EIO);
}

static void what_set_addr_says_is_success(void **state) {
  static const char *const texts[] = {
      "IP changed from '127.0.0.9' to '10.0.0.1', port changed from '1' to "
      "'80' by 'stats socket command'\n\n",
      "no need to change the addr, port changed from '1' to '80' by 'stats "
      "socket command'\n\n",
      "no need to change the addr, no need to change the port by 'stats socket "
      "command'\n\n",
  };
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    assert_int_equal(ask_one(texts[i], strlen(texts[i]), true, NULL), 0);
  }
}

static void one_form_of_an_address(void **state) {
  static const char *const forms[][2] = {
      {"10.1.0.1", "10.1.0.1"},
      {"FD00::1", "fd00::1"},
      {"fd00:0:0::1", "fd00::1"},
      {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
      {"::ffff:10.1.0.1", "10.1.0.1"},
      {"::FFFF:0a01:1", "10.1.0.1"},
      {"64:ff9b::10.1.0.1", "64:ff9b::a01:1"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
  };
  static const char *const none[] = {
      "",      "-",      "10.1.0.01", "10.1",        "fe80::1%eth0",
      "[::1]", "::1:::", "api",       "10.1.0.1:80", "10.1.0.1 "};
  char address[HAPROXY_SOCKET_ADDRESS_BYTES];
  for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
    assert_true(haproxy_socket_format_address(forms[i][0], address));
    assert_string_equal(address, forms[i][1]);
  }
  for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
    assert_false(haproxy_socket_format_address(none[i], address));
  }
}

static void names_are_those_that_haproxy_takes(void **state) {
  static const char *const names[] = {"api", "api:8000", "-a", ".b", ":", "_"};
  static const char *const none[] = {"",    ".",   "..",  "a b",
                                     "a/b", "a;b", "a\n", "\xc3\xbc"};
  char long_name[HAPROXY_SOCKET_NAME_BYTES + 1];
  memset(long_name, 'x', sizeof(long_name) - 1);
  long_name[sizeof(long_name) - 1] = '\0';
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    assert_int_equal(haproxy_socket_check_name(names[i], &error), 0);
  }
  for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
    assert_int_equal(haproxy_socket_check_name(none[i], &error), -EINVAL);
  }
  assert_int_equal(haproxy_socket_check_name(long_name, &error), -EINVAL);
  assert_int_equal(haproxy_socket_check_name(long_name + 1, &error), 0);
}

static struct haproxy_socket_slots slots;

/* Takes copies, since the parser cuts up what it gets. */
static int parse(const char *state, const char *sessions) {
  char texts[2][1024];
  (void)snprintf(texts[0], sizeof(texts[0]), "%s", state);
  (void)snprintf(texts[1], sizeof(texts[1]), "%s", sessions);
  return haproxy_socket_parse_slots(&slots, texts[0], texts[1], &error);
}

#define HEAD                                                                   \
  "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state "  \
  "srv_port\n"

static void slots_are_what_was_shown_last(void **state) {
  assert_int_equal(parse(HEAD "3 api 1 a1 FD00::1 2 4 8000\n"
                              "3 api 2 a2 127.0.0.9 0 5 1\n"
                              "3 api 3 mine - 2 0 0\n",
                         "# x/y a b c d e used_cur\napi/a1 3/1 - - - 5 7\n"),
                   0);
  assert_int_equal(slots.len, 3);
  assert_string_equal(slots.items[0].address, "fd00::1");
  assert_int_equal(slots.items[0].port, 8000);
  assert_int_equal(slots.items[0].sessions, 7);
  assert_true(slots.items[0].is_disabled && !slots.items[0].is_out);
  assert_true(slots.items[1].is_disabled && slots.items[1].is_out);
  assert_false(slots.items[2].is_disabled || slots.items[2].is_out);
  assert_string_equal(slots.items[2].address, "");
  assert_int_equal(parse(HEAD "3 api 1 web1 10.0.0.1 2 8 8000\n", ""), 0);
  assert_int_equal(slots.len, 1);
  assert_string_equal(slots.items[0].name, "web1");
  assert_int_equal(slots.items[0].sessions, 0);
  assert_true(slots.items[0].is_draining);
  assert_int_equal(parse("Can't find backend.\n\n", ""), -EPROTO);
  assert_int_equal(slots.len, 0);
}

static void an_endless_answer_is_refused(void **state) {
  (void)state;
  char *answer = NULL;
  char *endless = calloc(2, HAPROXY_SOCKET_RESPONSE_BYTES);
  assert_non_null(endless);
  memset(endless, 'x', 2 * HAPROXY_SOCKET_RESPONSE_BYTES);
  assert_int_equal(
      ask_one(endless, 2 * HAPROXY_SOCKET_RESPONSE_BYTES, true, &answer),
      -EMSGSIZE);
  assert_null(answer);
  free(endless);
}

static void a_peer_that_dies_is_told(void **state) {
  (void)state;
  char *answer = NULL;
  assert_int_equal(ask_one("", 0, false, &answer), -ECONNRESET);
  assert_string_equal(error.text, "HAProxy: Connection reset by peer");
}

static void a_peer_that_hangs_is_left(void **state) {
  (void)state;
  int listener = listen_there(); /* and nobody takes what comes */
  struct action_call call = call_within(20);
  assert_int_equal(haproxy_socket_request(&haproxy, "show stat", NULL, &call),
                   -ETIMEDOUT);
  assert_string_equal(error.text, "HAProxy does not respond in time");
  (void)close(listener);
  (void)unlink(path);
}

/* Data that is there already is no reason to go on. */
static void a_peer_that_never_pauses_is_left_at_the_deadline(void **state) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(write(ends[1], "x", 1), 1);
  struct action_call call = call_within(LONG_MS);
  assert_int_equal(action_call_wait(&call, ends[0], POLLIN, "HAProxy"), 0);
  call.deadline_ms = clock_monotonic_ms();
  assert_int_equal(action_call_wait(&call, ends[0], POLLIN, "HAProxy"),
                   -ETIMEDOUT);
  (void)close(ends[0]);
  (void)close(ends[1]);
}

static void a_daemon_that_stops_does_not_wait(void **state) {
  (void)state;
  int stop[2];
  int listener = listen_there();
  assert_int_equal(pipe(stop), 0);
  assert_int_equal(write(stop[1], "", 1), 1);
  struct action_call call = call_within(LONG_MS);
  call.cancel_fd = stop[0];
  assert_int_equal(haproxy_socket_request(&haproxy, "show stat", NULL, &call),
                   -ECANCELED);
  (void)close(stop[0]);
  (void)close(stop[1]);
  (void)close(listener);
  (void)unlink(path);
}

static void nobody_there(void **state) {
  (void)state;
  char long_path[256];
  struct action_call call = call_within(LONG_MS);
  assert_int_equal(haproxy_socket_request(&haproxy, "show stat", NULL, &call),
                   -ENOENT);
  (void)snprintf(long_path, sizeof(long_path), "%s/%0200d", place, 0);
  const struct haproxy_socket far = {.path = long_path};
  assert_int_equal(haproxy_socket_request(&far, "show stat", NULL, &call),
                   -ENAMETOOLONG);
}

static void one_line_only(void **state) {
  (void)state;
  char long_line[2048];
  (void)snprintf(long_line, sizeof(long_line), "%02000d", 0);
  static const char *const lines[] = {"a\nb", "a;b", "a\rb"};
  struct action_call call = call_within(LONG_MS);
  for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
    assert_int_equal(haproxy_socket_request(&haproxy, lines[i], NULL, &call),
                     -EINVAL);
  }
  assert_int_equal(haproxy_socket_request(&haproxy, long_line, NULL, &call),
                   -EINVAL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_answer_is_yours),
      cmocka_unit_test(silence_is_success),
      cmocka_unit_test(words_are_a_failure),
      cmocka_unit_test(what_set_addr_says_is_success),
      cmocka_unit_test(one_form_of_an_address),
      cmocka_unit_test(names_are_those_that_haproxy_takes),
      cmocka_unit_test(slots_are_what_was_shown_last),
      cmocka_unit_test(a_peer_that_never_pauses_is_left_at_the_deadline),
      cmocka_unit_test(an_endless_answer_is_refused),
      cmocka_unit_test(a_peer_that_dies_is_told),
      cmocka_unit_test(a_peer_that_hangs_is_left),
      cmocka_unit_test(a_daemon_that_stops_does_not_wait),
      cmocka_unit_test(nobody_there),
      cmocka_unit_test(one_line_only),
  };
  return cmocka_run_group_tests(tests, make_place, remove_place);
}
