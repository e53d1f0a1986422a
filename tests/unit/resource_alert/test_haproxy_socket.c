/* SPDX-License-Identifier: MIT */
/* haproxy_socket: the runtime API against a stand-in for HAProxy; tests/system
 * has the real one. */
#include "unit.h"

#include <errno.h>
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
  int code = haproxy_socket_request(path, "show stat", ret, &call);
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
  assert_int_equal(ask_one("No such server.\n\n", 17, true, NULL), -EIO);
  assert_string_equal(error.text, "HAProxy: show stat: No such server.");
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
  assert_int_equal(haproxy_socket_request(path, "show stat", NULL, &call),
                   -ETIMEDOUT);
  assert_string_equal(error.text, "HAProxy does not respond in time");
  (void)close(listener);
  (void)unlink(path);
}

static void a_daemon_that_stops_does_not_wait(void **state) {
  (void)state;
  int stop[2];
  int listener = listen_there();
  assert_int_equal(pipe(stop), 0);
  assert_int_equal(write(stop[1], "", 1), 1);
  struct action_call call = call_within(LONG_MS);
  call.cancel_fd = stop[0];
  assert_int_equal(haproxy_socket_request(path, "show stat", NULL, &call),
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
  assert_int_equal(haproxy_socket_request(path, "show stat", NULL, &call),
                   -ENOENT);
  (void)snprintf(long_path, sizeof(long_path), "%s/%0200d", place, 0);
  assert_int_equal(haproxy_socket_request(long_path, "show stat", NULL, &call),
                   -ENAMETOOLONG);
}

static void one_line_only(void **state) {
  (void)state;
  char long_line[2048];
  (void)snprintf(long_line, sizeof(long_line), "%02000d", 0);
  static const char *const lines[] = {"a\nb", "a;b", "a\rb"};
  struct action_call call = call_within(LONG_MS);
  for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
    assert_int_equal(haproxy_socket_request(path, lines[i], NULL, &call),
                     -EINVAL);
  }
  assert_int_equal(haproxy_socket_request(path, long_line, NULL, &call),
                   -EINVAL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_answer_is_yours),
      cmocka_unit_test(silence_is_success),
      cmocka_unit_test(words_are_a_failure),
      cmocka_unit_test(an_endless_answer_is_refused),
      cmocka_unit_test(a_peer_that_dies_is_told),
      cmocka_unit_test(a_peer_that_hangs_is_left),
      cmocka_unit_test(a_daemon_that_stops_does_not_wait),
      cmocka_unit_test(nobody_there),
      cmocka_unit_test(one_line_only),
  };
  return cmocka_run_group_tests(tests, make_place, remove_place);
}
