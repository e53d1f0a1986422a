/* SPDX-License-Identifier: MIT */
/* connection, target: nobody at the other end, or somebody who is silent. */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "dbpool/connection.h"
#include "dbpool/target.h"
#include "support/failing.h"

#define LONG_MS 10000

static char host[] = "127.0.0.1";
static char user[] = "nobody";

/* A port of the loopback interface; connections wait there unaccepted. */
static int listen_somewhere(int64_t *ret_port) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t bytes = sizeof(address);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, bytes), 0);
  assert_int_equal(listen(fd, 16), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
  *ret_port = ntohs(address.sin_port);
  return fd;
}

static struct endpoint_options endpoint_at(int64_t port, double timeout_s) {
  return (struct endpoint_options){
      .host = host,
      .port = port,
      .user = user,
      .ssl_mode = 1, /* disable */
      .timeout_s = timeout_s,
  };
}

static struct connection *connect_to(const struct endpoint_options *endpoint) {
  return connection_new(endpoint, (struct connection_defaults){0});
}

/* How many connections were made; takes them. */
static int count_callers(int listener) {
  int count = 0;
  struct pollfd wait = {.fd = listener, .events = POLLIN};
  while (poll(&wait, 1, 0) == 1) {
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    (void)close(fd);
    count++;
  }
  return count;
}

static void nobody_listens(void **state) {
  (void)state;
  int64_t port;
  (void)close(listen_somewhere(&port));
  struct endpoint_options endpoint = endpoint_at(port, 5);
  struct connection *connection = connect_to(&endpoint);
  for (int i = 0; i < 3; i++) {
    struct error error = {{0}};
    assert_int_equal(
        connection_open(connection, clock_monotonic_ms() + LONG_MS, &error),
        -ECONNREFUSED);
    assert_non_null(strstr(error.text, "Connection refused"));
    assert_null(strstr(error.text, "Is the server running"));
    assert_null(connection_session(connection));
  }
  connection_free(connection, 0);
  connection_free(NULL, 0);
}

static void an_attempt_goes_on_behind(void **state) {
  (void)state;
  int64_t port;
  int listener = listen_somewhere(&port);
  struct endpoint_options endpoint = endpoint_at(port, 60);
  struct connection *connection = connect_to(&endpoint);
  struct error error = {{0}};
  struct pollfd called = {.fd = listener, .events = POLLIN};
  assert_int_equal(connection_open(connection, clock_monotonic_ms(), &error),
                   -EAGAIN);
  assert_int_equal(poll(&called, 1, LONG_MS), 1);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(
        connection_open(connection, clock_monotonic_ms() + 1, &error), -EAGAIN);
  }
  assert_int_equal(count_callers(listener), 1);
  connection_free(connection, clock_monotonic_ms() + LONG_MS);
  (void)close(listener);
}

static void an_attempt_ends_by_itself(void **state) {
  (void)state;
  int64_t port;
  int listener = listen_somewhere(&port);
  struct endpoint_options endpoint = endpoint_at(port, 0.1);
  struct connection *connection = connect_to(&endpoint);
  struct error error = {{0}};
  assert_int_equal(
      connection_open(connection, clock_monotonic_ms() + LONG_MS, &error),
      -ETIMEDOUT);
  assert_string_equal(error.text, "did not answer within 0.1 s");
  connection_free(connection, 0);
  (void)close(listener);
}

static void a_closed_one_cannot_be_asked(void **state) {
  (void)state;
  struct endpoint_options endpoint = endpoint_at(1, 1);
  struct connection *connection = connect_to(&endpoint);
  struct answer answer;
  struct error error = {{0}};
  assert_int_equal(connection_ask(connection, "SELECT 1", 0, &answer, &error),
                   -EPIPE);
  assert_int_equal(answer.len, 0);
  answer_fini(&answer);
  connection_free(connection, 0);
}

static void survives_without_memory(void **state) {
  (void)state;
  int64_t port;
  (void)close(listen_somewhere(&port));
  struct endpoint_options endpoint = endpoint_at(port, 5);
  bool has_failed = true;
  for (size_t allocations = 0; has_failed; allocations++) {
    struct error error = {{0}};
    failing_after(allocations);
    struct connection *connection = connect_to(&endpoint);
    int code = connection == NULL
                   ? -ENOMEM
                   : connection_open(connection, clock_monotonic_ms() + LONG_MS,
                                     &error);
    has_failed = failing_stop();
    assert_int_equal(code, has_failed ? -ENOMEM : -ECONNREFUSED);
    connection_free(connection, 0);
  }
}

/* ---- target ---- */

struct log {
  int lines;
  char last[LOG_LINE_BYTES];
};

static void say(void *context, enum log_level level, const char *line) {
  struct log *log = context;
  (void)level;
  log->lines++;
  (void)snprintf(log->last, sizeof(log->last), "%s", line);
}

static int say_nothing(void *context, struct connection *connection,
                       int64_t deadline_ms, struct error *error) {
  (void)context;
  (void)connection;
  (void)deadline_ms;
  (void)error;
  return 0;
}

static void a_fault_is_said_once(void **state) {
  (void)state;
  int64_t port;
  (void)close(listen_somewhere(&port));
  struct endpoint_options endpoint = endpoint_at(port, 5);
  struct log log = {0};
  const struct log_sink sink = {say, &log};
  struct target target = {.name = "pool \"trading\"",
                          .connection = connect_to(&endpoint),
                          .timeout_ms = LONG_MS,
                          .report = &sink};
  for (int i = 0; i < 5; i++) {
    assert_int_equal(target_ask(&target, LONG_MS, say_nothing, NULL),
                     -ECONNREFUSED);
  }
  assert_int_equal(log.lines, 1);
  assert_memory_equal(log.last, "pool \"trading\": connection to server", 35);
  assert_non_null(strstr(log.last, "; trying again at each read"));
  /* An hour later. */
  target.complaint.said_ms -= COMPLAINT_REMINDER_MS;
  (void)target_ask(&target, LONG_MS, say_nothing, NULL);
  assert_int_equal(log.lines, 2);
  assert_non_null(strstr(log.last, "; has failed 6 times by now"));
  target_fini(&target, 0);
}

#define INTERVAL_MS 200
/* Half of the interval, and what a busy machine adds. */
#define READ_MS_MAX 5000

static int ask(void *context, struct connection *connection,
               int64_t deadline_ms, struct error *error) {
  return connection_ask(connection, "SELECT 1", deadline_ms, context, error);
}

static int ask_in_time(struct target *target, struct answer *answer) {
  int64_t start_ms = clock_monotonic_ms();
  int code = target_ask(target, INTERVAL_MS, ask, answer);
  assert_in_range(clock_monotonic_ms() - start_ms, 0, READ_MS_MAX);
  return code;
}

static void a_read_waits_half_an_interval(void **state) {
  (void)state;
  int64_t port;
  int listener = listen_somewhere(&port);
  struct endpoint_options endpoint = endpoint_at(port, 60);
  struct log log = {0};
  const struct log_sink sink = {say, &log};
  struct target target = {.name = "pool",
                          .connection = connect_to(&endpoint),
                          .timeout_ms = 60000,
                          .report = &sink};
  struct answer answer = {0};
  for (int i = 0; i < 3; i++) {
    assert_int_equal(ask_in_time(&target, &answer), -EAGAIN);
  }
  assert_int_equal(log.lines, 0); /* nothing is certain yet */
  target.give_up_ms = clock_monotonic_ms();
  assert_int_equal(ask_in_time(&target, &answer), -ETIMEDOUT);
  assert_int_equal(log.lines, 1);
  assert_int_equal(ask_in_time(&target, &answer), -ETIMEDOUT); /* known */
  assert_int_equal(log.lines, 1);
  assert_int_equal(count_callers(listener), 1);
  target_fini(&target, clock_monotonic_ms() + LONG_MS);
  (void)close(listener);
}

static void swallow(int fd) {
  char bytes[1024];
  if (read(fd, bytes, sizeof(bytes)) <= 0) {
    _exit(1);
  }
}

/* A server that greets its one client, and answers its one question when told
 * to. Never returns. */
static void serve_one(int listener, int told) {
  static const char hello[] = "R\0\0\0\10\0\0\0\0" /* welcome */
                              "Z\0\0\0\5I";        /* ready */
  static const char answer[] = "T\0\0\0\32\0\1x\0\0\0\0\0\0\0\0\0\0\31"
                               "\377\377\377\377\377\377\0\0"
                               "D\0\0\0\13\0\1\0\0\0\1"
                               "7"
                               "C\0\0\0\15SELECT 1\0"
                               "Z\0\0\0\5I";
  int fd = accept(listener, NULL, NULL);
  swallow(fd); /* who it is */
  ssize_t sent = write(fd, hello, sizeof(hello) - 1);
  swallow(fd); /* the question */
  swallow(told);
  sent += write(fd, answer, sizeof(answer) - 1);
  swallow(fd); /* goodbye */
  _exit(sent > 0 ? 0 : 1);
}

static void a_late_answer_is_taken(void **state) {
  (void)state;
  int64_t port;
  int tell[2];
  int status;
  int listener = listen_somewhere(&port);
  assert_int_equal(pipe(tell), 0);
  pid_t server = fork();
  if (server == 0) {
    serve_one(listener, tell[0]);
  }
  struct endpoint_options endpoint = endpoint_at(port, 60);
  struct log log = {0};
  const struct log_sink sink = {say, &log};
  struct target target = {.name = "pool",
                          .connection = connect_to(&endpoint),
                          .timeout_ms = 60000,
                          .report = &sink};
  struct answer answer = {0};
  while (!connection_is_asked(target.connection)) {
    assert_int_equal(ask_in_time(&target, &answer), -EAGAIN);
  }
  assert_int_equal(ask_in_time(&target, &answer), -EAGAIN);
  assert_int_equal(write(tell[1], "!", 1), 1);
  int code;
  while ((code = ask_in_time(&target, &answer)) == -EAGAIN) {
  }
  assert_int_equal(code, 0);
  assert_int_equal(answer.len, 1);
  assert_string_equal(PQgetvalue(answer.results[0], 0, 0), "7");
  assert_in_range(answer.took_ns, 1, INT64_C(60000000000));
  assert_int_equal(log.lines, 0);
  answer_fini(&answer);
  target_fini(&target, 0);
  assert_int_equal(waitpid(server, &status, 0), server);
  assert_int_equal(status, 0);
  (void)close(tell[0]);
  (void)close(tell[1]);
  (void)close(listener);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nobody_listens),
      cmocka_unit_test(an_attempt_goes_on_behind),
      cmocka_unit_test(an_attempt_ends_by_itself),
      cmocka_unit_test(a_closed_one_cannot_be_asked),
      cmocka_unit_test(survives_without_memory),
      cmocka_unit_test(a_fault_is_said_once),
      cmocka_unit_test(a_read_waits_half_an_interval),
      cmocka_unit_test(a_late_answer_is_taken),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
