/* SPDX-License-Identifier: MIT */
/* pg_connection: nobody listens at the other end, or a server that
 * does not answer. */
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
#include "dbpool/pg_connection.h"
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

static struct dbpool_endpoint_options endpoint_at(int64_t port,
                                                  double timeout_s) {
  return (struct dbpool_endpoint_options){
      .host = host,
      .port = port,
      .user = user,
      .ssl_mode = 1, /* disable */
      .timeout_s = timeout_s,
  };
}

static struct pg_connection *
connect_to(const struct dbpool_endpoint_options *endpoint) {
  return pg_connection_new(endpoint, (struct pg_connection_defaults){0});
}

/* How many connections were made; accepts and closes them. */
static int count_connections(int listener) {
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

static void refuses_when_nobody_listens(void **state) {
  (void)state;
  int64_t port;
  (void)close(listen_somewhere(&port));
  struct dbpool_endpoint_options endpoint = endpoint_at(port, 5);
  struct pg_connection *connection = connect_to(&endpoint);
  for (int i = 0; i < 3; i++) {
    struct error error = {{0}};
    assert_int_equal(
        pg_connection_open(connection, clock_monotonic_ms() + LONG_MS, &error),
        -ECONNREFUSED);
    assert_non_null(strstr(error.text, "Connection refused"));
    assert_null(strstr(error.text, "Is the server running"));
    assert_null(pg_connection_session(connection));
  }
  pg_connection_free(connection, 0);
  pg_connection_free(NULL, 0);
}

static void continues_an_attempt_in_the_background(void **state) {
  (void)state;
  int64_t port;
  int listener = listen_somewhere(&port);
  struct dbpool_endpoint_options endpoint = endpoint_at(port, 60);
  struct pg_connection *connection = connect_to(&endpoint);
  struct error error = {{0}};
  struct pollfd called = {.fd = listener, .events = POLLIN};
  assert_int_equal(pg_connection_open(connection, clock_monotonic_ms(), &error),
                   -EAGAIN);
  assert_int_equal(poll(&called, 1, LONG_MS), 1);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(
        pg_connection_open(connection, clock_monotonic_ms() + 1, &error),
        -EAGAIN);
  }
  assert_int_equal(count_connections(listener), 1);
  pg_connection_free(connection, clock_monotonic_ms() + LONG_MS);
  (void)close(listener);
}

static void ends_an_attempt_at_the_timeout(void **state) {
  (void)state;
  int64_t port;
  int listener = listen_somewhere(&port);
  struct dbpool_endpoint_options endpoint = endpoint_at(port, 0.1);
  struct pg_connection *connection = connect_to(&endpoint);
  struct error error = {{0}};
  assert_int_equal(
      pg_connection_open(connection, clock_monotonic_ms() + LONG_MS, &error),
      -ETIMEDOUT);
  assert_string_equal(error.text, "no answer within 0.1 s");
  pg_connection_free(connection, 0);
  (void)close(listener);
}

static void refuses_a_query_while_closed(void **state) {
  (void)state;
  struct dbpool_endpoint_options endpoint = endpoint_at(1, 1);
  struct pg_connection *connection = connect_to(&endpoint);
  struct pg_connection_result result = {0};
  struct error error = {{0}};
  assert_int_equal(
      pg_connection_query(connection, "SELECT 1", 0, &result, &error), -EPIPE);
  assert_int_equal(result.len, 0);
  pg_connection_result_fini(&result);
  pg_connection_free(connection, 0);
}

static void survives_without_memory(void **state) {
  (void)state;
  int64_t port;
  (void)close(listen_somewhere(&port));
  struct dbpool_endpoint_options endpoint = endpoint_at(port, 5);
  bool has_failed = true;
  for (size_t allocations = 0; has_failed; allocations++) {
    struct error error = {{0}};
    failing_after(allocations);
    struct pg_connection *connection = connect_to(&endpoint);
    int code = connection == NULL
                   ? -ENOMEM
                   : pg_connection_open(connection,
                                        clock_monotonic_ms() + LONG_MS, &error);
    has_failed = failing_stop();
    assert_int_equal(code, has_failed ? -ENOMEM : -ECONNREFUSED);
    pg_connection_free(connection, 0);
  }
}

/* ---- target ---- */

struct log {
  int lines;
  char last[LOG_LINE_BYTES];
};

static void record_line(void *context, enum log_level level, const char *line) {
  struct log *log = context;
  (void)level;
  log->lines++;
  (void)snprintf(log->last, sizeof(log->last), "%s", line);
}

static int exchange_nothing(void *context, struct pg_connection *connection,
                            int64_t deadline_ms, struct error *error) {
  (void)context;
  (void)connection;
  (void)deadline_ms;
  (void)error;
  return 0;
}

static void logs_a_failure_once_then_hourly(void **state) {
  (void)state;
  int64_t port;
  (void)close(listen_somewhere(&port));
  struct dbpool_endpoint_options endpoint = endpoint_at(port, 5);
  struct log log = {0};
  const struct log_sink sink = {record_line, &log};
  struct pg_connection_target target = {.name = "pool \"trading\"",
                                        .connection = connect_to(&endpoint),
                                        .timeout_ms = LONG_MS,
                                        .log = &sink};
  for (int i = 0; i < 5; i++) {
    assert_int_equal(
        pg_connection_target_query(&target, LONG_MS, exchange_nothing, NULL),
        -ECONNREFUSED);
  }
  assert_int_equal(log.lines, 1);
  assert_memory_equal(log.last, "pool \"trading\": connection to server", 35);
  assert_non_null(strstr(log.last, "; trying again at each read"));
  /* An hour later. */
  target.complaint.logged_ms -= LOG_REMINDER_MS;
  (void)pg_connection_target_query(&target, LONG_MS, exchange_nothing, NULL);
  assert_int_equal(log.lines, 2);
  assert_non_null(strstr(log.last, "; failed 6 times so far"));
  pg_connection_target_fini(&target, 0);
}

#define INTERVAL_MS 200
/* Half of the interval, and what a busy machine adds. */
#define READ_MS_MAX 5000

static int run_select(void *context, struct pg_connection *connection,
                      int64_t deadline_ms, struct error *error) {
  return pg_connection_query(connection, "SELECT 1", deadline_ms, context,
                             error);
}

static int read_in_time(struct pg_connection_target *target,
                        struct pg_connection_result *result) {
  int64_t start_ms = clock_monotonic_ms();
  int code =
      pg_connection_target_query(target, INTERVAL_MS, run_select, result);
  assert_in_range(clock_monotonic_ms() - start_ms, 0, READ_MS_MAX);
  return code;
}

static void waits_at_most_half_an_interval(void **state) {
  (void)state;
  int64_t port;
  int listener = listen_somewhere(&port);
  struct dbpool_endpoint_options endpoint = endpoint_at(port, 60);
  struct log log = {0};
  const struct log_sink sink = {record_line, &log};
  struct pg_connection_target target = {.name = "pool",
                                        .connection = connect_to(&endpoint),
                                        .timeout_ms = 60000,
                                        .log = &sink};
  struct pg_connection_result result = {0};
  for (int i = 0; i < 3; i++) {
    assert_int_equal(read_in_time(&target, &result), -EAGAIN);
  }
  assert_int_equal(log.lines, 0); /* the outcome is open */
  target.expires_ms = clock_monotonic_ms();
  assert_int_equal(read_in_time(&target, &result), -ETIMEDOUT);
  assert_int_equal(log.lines, 1);
  assert_int_equal(read_in_time(&target, &result), -ETIMEDOUT); /* known */
  assert_int_equal(log.lines, 1);
  assert_int_equal(count_connections(listener), 1);
  pg_connection_target_fini(&target, clock_monotonic_ms() + LONG_MS);
  (void)close(listener);
}

static void skip_input(int fd) {
  char bytes[1024];
  if (read(fd, bytes, sizeof(bytes)) <= 0) {
    _exit(1);
  }
}

/* A server that accepts its one client, and answers its one query after a byte
 * on the pipe. Never returns. */
static void serve_one(int listener, int permission) {
  static const char hello[] = "R\0\0\0\10\0\0\0\0" /* welcome */
                              "Z\0\0\0\5I";        /* ready */
  static const char answer[] = "T\0\0\0\32\0\1x\0\0\0\0\0\0\0\0\0\0\31"
                               "\377\377\377\377\377\377\0\0"
                               "D\0\0\0\13\0\1\0\0\0\1"
                               "7"
                               "C\0\0\0\15SELECT 1\0"
                               "Z\0\0\0\5I";
  int fd = accept(listener, NULL, NULL);
  skip_input(fd); /* the startup message */
  ssize_t sent = write(fd, hello, sizeof(hello) - 1);
  skip_input(fd); /* the query */
  skip_input(permission);
  sent += write(fd, answer, sizeof(answer) - 1);
  skip_input(fd); /* the end */
  _exit(sent > 0 ? 0 : 1);
}

static void returns_a_late_result(void **state) {
  (void)state;
  int64_t port;
  int permission[2];
  int status;
  int listener = listen_somewhere(&port);
  assert_int_equal(pipe(permission), 0);
  pid_t server = fork();
  if (server == 0) {
    serve_one(listener, permission[0]);
  }
  struct dbpool_endpoint_options endpoint = endpoint_at(port, 60);
  struct log log = {0};
  const struct log_sink sink = {record_line, &log};
  struct pg_connection_target target = {.name = "pool",
                                        .connection = connect_to(&endpoint),
                                        .timeout_ms = 60000,
                                        .log = &sink};
  struct pg_connection_result result = {0};
  while (!pg_connection_is_pending(target.connection)) {
    assert_int_equal(read_in_time(&target, &result), -EAGAIN);
  }
  assert_int_equal(read_in_time(&target, &result), -EAGAIN);
  assert_int_equal(write(permission[1], "!", 1), 1);
  int code;
  while ((code = read_in_time(&target, &result)) == -EAGAIN) {
  }
  assert_int_equal(code, 0);
  assert_int_equal(result.len, 1);
  assert_string_equal(PQgetvalue(result.tables[0], 0, 0), "7");
  assert_in_range(result.took_ns, 1, INT64_C(60000000000));
  assert_int_equal(log.lines, 0);
  pg_connection_result_fini(&result);
  pg_connection_target_fini(&target, 0);
  assert_int_equal(waitpid(server, &status, 0), server);
  assert_int_equal(status, 0);
  (void)close(permission[0]);
  (void)close(permission[1]);
  (void)close(listener);
}

/* A server that answers its one query with rows until the client goes. Never
 * returns. */
static void serve_without_end(int listener) {
  static const char hello[] = "R\0\0\0\10\0\0\0\0"
                              "Z\0\0\0\5I";
  static const char columns[] = "T\0\0\0\32\0\1x\0\0\0\0\0\0\0\0\0\0\31"
                                "\377\377\377\377\377\377\0\0";
  static const char row[] = "D\0\0\0\13\0\1\0\0\0\1"
                            "7";
  char rows[(sizeof(row) - 1) * 4096];
  for (size_t i = 0; i < sizeof(rows); i++) {
    rows[i] = row[i % (sizeof(row) - 1)];
  }
  int fd = accept(listener, NULL, NULL);
  skip_input(fd);
  ssize_t sent = write(fd, hello, sizeof(hello) - 1);
  skip_input(fd);
  sent = write(fd, columns, sizeof(columns) - 1);
  while (sent > 0) {
    sent = send(fd, rows, sizeof(rows), MSG_NOSIGNAL);
  }
  _exit(0);
}

static void ends_a_result_without_end(void **state) {
  int64_t port;
  int status;
  int listener = listen_somewhere(&port);
  pid_t server = fork();
  if (server == 0) {
    serve_without_end(listener);
  }
  struct dbpool_endpoint_options endpoint = endpoint_at(port, 60);
  struct log log = {0};
  const struct log_sink sink = {record_line, &log};
  struct pg_connection_target target = {.name = "pool",
                                        .connection = connect_to(&endpoint),
                                        .timeout_ms = 60000,
                                        .log = &sink};
  struct pg_connection_result result = {0};
  int code;
  while ((code = read_in_time(&target, &result)) == -EAGAIN) {
  }
  assert_int_equal(code, -EMSGSIZE);
  assert_non_null(strstr(log.last, "too long"));
  pg_connection_result_fini(&result);
  pg_connection_target_fini(&target, 0);
  assert_int_equal(waitpid(server, &status, 0), server);
  (void)close(listener);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refuses_when_nobody_listens),
      cmocka_unit_test(continues_an_attempt_in_the_background),
      cmocka_unit_test(ends_an_attempt_at_the_timeout),
      cmocka_unit_test(refuses_a_query_while_closed),
      cmocka_unit_test(survives_without_memory),
      cmocka_unit_test(logs_a_failure_once_then_hourly),
      cmocka_unit_test(waits_at_most_half_an_interval),
      cmocka_unit_test(returns_a_late_result),
      cmocka_unit_test(ends_a_result_without_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
