/* SPDX-License-Identifier: MIT */
/* pg_client: servers that are hostile, dead or full. tests/system has the real
 * PostgreSQL. */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "resource_alert/clients/pg_client.h"

/* AddressSanitizer keeps freed memory for a while. */
#ifndef __has_feature
#define __has_feature(name) 0
#endif
#ifdef __SANITIZE_ADDRESS__ /* gcc's */
#define KEEPS_WHAT_WAS_FREED true
#else
#define KEEPS_WHAT_WAS_FREED __has_feature(address_sanitizer)
#endif

/* A message with a fixed text; its length is the text's without the type. */
#define READY "Z\0\0\0\5I"
#define HELLO "R\0\0\0\10\0\0\0\0" READY
#define COLUMN                                                                 \
  "T\0\0\0\32\0\1x\0\0\0\0\0\0\0\0\0\0\31\377\377\377\377\377\377\0\0"
#define ROW "D\0\0\0\13\0\1\0\0\0\1t"
#define NOTICE "N\0\0\0\31SNOTICE\0C00000\0Mhey\0\0"
#define DONE "C\0\0\0\15SELECT 1\0"

struct text {
  const char *bytes;
  size_t len;
};
#define TEXT(literal)                                                          \
  (struct text) { literal, sizeof(literal) - 1 }

static const char *const keywords[] = {"port", "user", "sslmode", "gssencmode",
                                       NULL};
static char port_text[8];
static const char *const values[] = {port_text, "nobody", "disable", "disable"};

static int listen_somewhere(void) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t bytes = sizeof(address);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, bytes), 0);
  assert_int_equal(listen(fd, 16), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
  (void)snprintf(port_text, sizeof(port_text), "%u",
                 (unsigned)ntohs(address.sin_port));
  return fd;
}

/* Answers the startup with WELCOME and the query with BEGINNING, then REPEATED
 * until the client goes. Never returns. */
static void serve(int listener, struct text welcome, struct text beginning,
                  struct text repeated) {
  char input[1024];
  char block[65536];
  size_t filled = 0;
  (void)alarm(120);
  int fd = accept(listener, NULL, NULL);
  if (read(fd, input, sizeof(input)) <= 0 ||
      write(fd, welcome.bytes, welcome.len) < 0 ||
      read(fd, input, sizeof(input)) <= 0 ||
      write(fd, beginning.bytes, beginning.len) < 0) {
    _exit(0);
  }
  while (repeated.len > 0 && filled + repeated.len <= sizeof(block)) {
    memcpy(block + filled, repeated.bytes, repeated.len);
    filled += repeated.len;
  }
  while (filled > 0 && send(fd, block, filled, MSG_NOSIGNAL) > 0) {
  }
  while (read(fd, input, sizeof(input)) > 0) {
  }
  _exit(0);
}

static struct error error;
static int64_t limit_ms = 30000; /* of a call */

/* Asks a server that answers so. */
static int ask(struct text welcome, struct text beginning,
               struct text repeated) {
  int status;
  int listener = listen_somewhere();
  pid_t server = fork();
  if (server == 0) {
    serve(listener, welcome, beginning, repeated);
  }
  struct pg_client client = {.keywords = keywords,
                             .values = values,
                             .hosts = {"127.0.0.1"},
                             .hosts_len = 1};
  int64_t begun_ms = clock_monotonic_ms();
  const struct action_call call = {
      .deadline_ms = begun_ms + limit_ms, .cancel_fd = -1, .error = &error};
  PGresult *rows = NULL;
  int code = pg_client_query(&client, "SELECT true", NULL, 0, &call, &rows);
  assert_in_range(clock_monotonic_ms() - begun_ms, 0, limit_ms + 10000);
  if (code == 0) {
    assert_string_equal(PQgetvalue(rows, 0, 0), "t");
  } else {
    assert_null(client.session);
  }
  PQclear(rows);
  pg_client_close(&client);
  (void)close(listener);
  assert_int_equal(waitpid(server, &status, 0), server);
  return code;
}

static void takes_an_answer(void **state) {
  assert_int_equal(ask(TEXT(HELLO), TEXT(COLUMN ROW DONE READY), TEXT("")), 0);
}

static void bounds_an_answer_without_end(void **state) {
  struct rusage before, after;
  (void)getrusage(RUSAGE_SELF, &before);
  int code = ask(TEXT(HELLO), TEXT(COLUMN), TEXT(ROW));
  assert_int_equal(code, -EMSGSIZE);
  code =
      ask(TEXT(HELLO), TEXT(COLUMN "D\77\0\0\0\0\1\76\377\377\0"), TEXT("x"));
  assert_int_equal(code, -EMSGSIZE);
  code = ask(TEXT(HELLO), TEXT(""), TEXT(NOTICE));
  assert_int_equal(code, -EMSGSIZE);
  code = ask(TEXT(HELLO), TEXT(""), TEXT(DONE));
  assert_int_equal(code, -EMSGSIZE);
  (void)getrusage(RUSAGE_SELF, &after);
  if (!KEEPS_WHAT_WAS_FREED) {
    assert_in_range(after.ru_maxrss - before.ru_maxrss, 0, 64 * 1024); /* KB */
  }
}

static void refuses_a_copy(void **state) {
  assert_int_equal(ask(TEXT(HELLO), TEXT("H\0\0\0\11\0\0\1\0\0"), TEXT("")),
                   -EPROTO);
  assert_int_equal(ask(TEXT(HELLO), TEXT("G\0\0\0\11\0\0\1\0\0"), TEXT("")),
                   -EPROTO);
  assert_int_equal(ask(TEXT(HELLO), TEXT("W\0\0\0\11\0\0\1\0\0"), TEXT("")),
                   -EPROTO);
}

static void ends_at_the_deadline(void **state) {
  limit_ms = 500;
  assert_int_equal(ask(TEXT(HELLO), TEXT(""), TEXT("")), -ETIMEDOUT);
  assert_int_equal(ask(TEXT(""), TEXT(""), TEXT("")), -ETIMEDOUT);
  limit_ms = 30000;
}

static void keeps_notices_off_standard_error(void **state) {
  char seen[16];
  int pipe_fds[2];
  int kept = dup(STDERR_FILENO);
  assert_int_equal(pipe2(pipe_fds, O_NONBLOCK), 0);
  assert_true(dup2(pipe_fds[1], STDERR_FILENO) >= 0);
  int code = ask(TEXT("R\0\0\0\10\0\0\0\0" NOTICE READY),
                 TEXT(NOTICE COLUMN ROW NOTICE DONE READY), TEXT(""));
  (void)dup2(kept, STDERR_FILENO);
  assert_int_equal(code, 0);
  assert_int_equal(read(pipe_fds[0], seen, sizeof(seen)), -1);
  (void)close(pipe_fds[0]);
  (void)close(pipe_fds[1]);
  (void)close(kept);
}

#define REFUSAL(state, text)                                                   \
  "E\0\0\0\41SFATAL\0VFATAL\0C" state "\0M" text "\0\0"

static void tells_errors_apart(void **state) {
  /* While connecting. */
  assert_int_equal(ask(TEXT(REFUSAL("28P01", "passw")), TEXT(""), TEXT("")),
                   -EACCES);
  assert_int_equal(ask(TEXT(REFUSAL("3D000", "no db")), TEXT(""), TEXT("")),
                   -ENOENT);
  assert_int_equal(ask(TEXT(REFUSAL("53300", "many ")), TEXT(""), TEXT("")),
                   -EBUSY);
  assert_int_equal(ask(TEXT(REFUSAL("08P01", "param")), TEXT(""), TEXT("")),
                   -EINVAL);
  /* Of a statement. */
  const struct {
    struct text refusal;
    int code;
  } cases[] = {
      {TEXT(REFUSAL("25006", "ronly")), -EACCES},
      {TEXT(REFUSAL("42501", "privi")), -EACCES},
      {TEXT(REFUSAL("42P01", "table")), -ENOENT},
      {TEXT(REFUSAL("42703", "colum")), -EINVAL},
      {TEXT(REFUSAL("55P03", "locks")), -EBUSY},
      {TEXT(REFUSAL("57014", "times")), -ETIMEDOUT},
      {TEXT(REFUSAL("57P01", "admin")), -EBUSY},
      {TEXT(REFUSAL("XX000", "inter")), -EIO},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char answer[64];
    memcpy(answer, cases[i].refusal.bytes, cases[i].refusal.len);
    memcpy(answer + cases[i].refusal.len, READY, sizeof(READY) - 1);
    assert_int_equal(
        ask(TEXT(HELLO),
            (struct text){answer, cases[i].refusal.len + sizeof(READY) - 1},
            TEXT("")),
        cases[i].code);
  }
}

static void a_host_that_hangs_leaves_time_for_the_next(void **state) {
  int status;
  int listener = listen_somewhere();
  struct pg_client client = {.keywords = keywords,
                             .values = values,
                             .hosts = {"127.0.0.1", "127.0.0.2", "127.0.0.1"},
                             .hosts_len = 3};
  pid_t server = fork();
  if (server == 0) {
    int first = accept(listener, NULL, NULL); /* is never answered */
    (void)first;
    serve(listener, TEXT(HELLO), TEXT(COLUMN ROW DONE READY), TEXT(""));
  }
  const struct action_call call = {.deadline_ms = clock_monotonic_ms() + 6000,
                                   .cancel_fd = -1,
                                   .error = &error};
  PGresult *rows = NULL;
  assert_int_equal(
      pg_client_query(&client, "SELECT true", NULL, 0, &call, &rows), 0);
  assert_int_equal(client.current, 2);
  PQclear(rows);
  pg_client_close(&client);
  (void)close(listener);
  assert_int_equal(waitpid(server, &status, 0), server);
}

static int load_libpq(void **state) { return pg_client_load_library(NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(takes_an_answer),
      cmocka_unit_test(bounds_an_answer_without_end),
      cmocka_unit_test(refuses_a_copy),
      cmocka_unit_test(ends_at_the_deadline),
      cmocka_unit_test(keeps_notices_off_standard_error),
      cmocka_unit_test(tells_errors_apart),
      cmocka_unit_test(a_host_that_hangs_leaves_time_for_the_next),
  };
  (void)signal(SIGPIPE, SIG_IGN);
  return cmocka_run_group_tests(tests, load_libpq, NULL);
}
