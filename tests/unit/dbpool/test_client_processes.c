/* SPDX-License-Identifier: MIT */
/* client_processes: processes counted from a made-up procfs, and real ones. */
#include "unit.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dbpool/client_processes.h"

#define SECOND INT64_C(1000000)

static char proc[] = "/tmp/processes.XXXXXX";

static void write_file(const char *name, const char *text) {
  char path[256];
  (void)snprintf(path, sizeof(path), "%s/%s", proc, name);
  FILE *file = fopen(path, "we");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static void make_directory(const char *name) {
  char path[256];
  (void)snprintf(path, sizeof(path), "%s/%s", proc, name);
  assert_int_equal(mkdir(path, 0700), 0);
}

static void link_socket(const char *name, const char *target) {
  char path[256];
  (void)snprintf(path, sizeof(path), "%s/%s", proc, name);
  assert_int_equal(symlink(target, path), 0);
}

static int make_proc(void **state) {
  (void)state;
  assert_non_null(mkdtemp(proc));
  make_directory("net");
  /* Ports 50000 to 50003; the last one is closing. */
  write_file(
      "net/tcp",
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
      "retrnsmt   uid  timeout inode\n"
      "   0: 0100007F:C350 0100007F:1538 01 00000000:00000000 00:00000000 "
      "00000000  1000        0 700 1 0000000000000000 20 4 30 10 -1\n"
      "   1: 0100007F:C351 0100007F:1538 01 00000000:00000000 00:00000000 "
      "00000000  1000        0 701 1 0000000000000000 20 4 30 10 -1\n"
      "   2: 0100007F:1538 0100007F:C351 01 00000000:00000000 00:00000000 "
      "00000000  1000        0 799 1 0000000000000000 20 4 30 10 -1\n"
      "   3: 0100007F:C353 0100007F:1538 06 00000000:00000000 00:00000000 "
      "00000000  1000        0 702 1 0000000000000000 20 4 30 10 -1\n"
      "nonsense\n");
  write_file("net/tcp6",
             "  sl  local_address                         remote_address\n"
             "   0: 00000000000000000000000001000000:C352 "
             "00000000000000000000000001000000:1538 01 00000000:00000000 "
             "00:00000000 00000000  1000        0 702 1 0000000000000000\n");
  make_directory("100");
  make_directory("100/fd");
  link_socket("100/fd/3", "socket:[700]");
  link_socket("100/fd/4", "socket:[701]");
  link_socket("100/fd/5", "/dev/null");
  make_directory("200");
  make_directory("200/fd");
  link_socket("200/fd/3", "socket:[702]");
  make_directory("300"); /* has just ended */
  return 0;
}

static int remove_proc(void **state) {
  (void)state;
  static const char *const names[] = {
      "100/fd/3", "100/fd/4", "100/fd/5", "100/fd", "100",
      "200/fd/3", "200/fd",   "200",      "300",    "net/tcp",
      "net/tcp6", "net",      ""};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", proc, names[i]);
    assert_int_equal(remove(path), 0);
  }
  return 0;
}

struct client {
  const char *address;
  int port;
};

static struct client_process_count
count_sessions(struct client_processes *processes, const struct client *clients,
               size_t len, int64_t per_process, int64_t now_us) {
  struct pool_session sessions[8];
  const struct pool_session *pointers[8];
  for (size_t i = 0; i < len; i++) {
    sessions[i] = (struct pool_session){.pid = (int64_t)(900 - i),
                                        .backend_start_us = 1,
                                        .client_address = clients[i].address,
                                        .client_port = clients[i].port};
    pointers[i] = &sessions[i];
  }
  return client_processes_search_and_count(processes, pointers, len,
                                           per_process, now_us);
}

static int64_t count_clients(struct client_processes *processes,
                             const struct client *clients, size_t len,
                             int64_t now_us) {
  struct client_process_count count =
      count_sessions(processes, clients, len, 0, now_us);
  return count.local + count.remote;
}

static void counts_processes(void **state) {
  (void)state;
  static const struct {
    struct client clients[6];
    size_t len;
    int64_t processes;
  } cases[] = {
      {{{0}}, 0, 0},
      {{{"127.0.0.1", 50000}, {"127.0.0.1", 50001}}, 2, 1},
      {{{"127.0.0.1", 50001}, {"::1", 50002}, {"127.0.0.1", 50000}}, 3, 2},
      /* A port without a process. */
      {{{"127.0.0.1", 50003}}, 1, 1},
      {{{"127.0.0.1", 50003}, {"127.0.0.1", 50000}}, 2, 1},
      {{{"10.0.0.1", 1}, {"10.0.0.2", 2}, {"10.0.0.1", 3}}, 3, 2},
      {{{"", -1}, {"", -1}}, 2, 1},
      {{{"", -1}, {"10.0.0.1", 7}, {"127.0.0.1", 50000}}, 3, 2},
      {{{"", 0}, {"", 0}}, 2, 0}, /* hidden */
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct client_processes processes = {.proc = proc};
    assert_int_equal(
        count_clients(&processes, cases[i].clients, cases[i].len, SECOND),
        cases[i].processes);
    client_processes_fini(&processes);
  }
  client_processes_fini(NULL);
}

/* A new session is searched for at once; a search that takes long, not again
 * before twenty times as long has passed. */
static void searches_for_new_sessions_at_once(void **state) {
  (void)state;
  static const struct client clients[] = {{"127.0.0.1", 50000}, {"::1", 50002}};
  struct client_processes processes = {.proc = proc};
  assert_int_equal(count_clients(&processes, clients, 1, 100 * SECOND), 1);
  processes.search_us = 0;
  assert_int_equal(count_clients(&processes, clients, 2, 101 * SECOND), 2);
  processes.proc = "/nowhere"; /* known processes need no search */
  assert_int_equal(count_clients(&processes, clients, 2, 300 * SECOND), 2);
  client_processes_fini(&processes);
  processes = (struct client_processes){.proc = proc};
  assert_int_equal(count_clients(&processes, clients, 1, 100 * SECOND), 1);
  processes.search_us = SECOND;
  struct client_process_count count =
      count_sessions(&processes, clients, 2, 0, 119 * SECOND);
  assert_int_equal(count.local, 2); /* probably */
  assert_false(count.is_exact);
  assert_int_equal(processes.items[0].pid, 0);
  count = count_sessions(&processes, clients, 2, 0, 120 * SECOND);
  assert_int_equal(count.local, 2);
  assert_true(count.is_exact);
  client_processes_fini(&processes);
}

static void counts_what_the_sessions_prove(void **state) {
  (void)state;
  static const struct client clients[] = {
      {"10.0.0.1", 1}, {"10.0.0.1", 2},      {"10.0.0.1", 3},
      {"10.0.0.2", 1}, {"127.0.0.1", 50000}, {"127.0.0.1", 50001}};
  struct client_processes processes = {.proc = proc};
  struct client_process_count count =
      count_sessions(&processes, clients, 6, 2, SECOND);
  assert_int_equal(count.remote, 3);
  assert_int_equal(count.local, 1);
  assert_false(count.is_exact);
  count = count_sessions(&processes, clients + 4, 2, 1, 2 * SECOND);
  assert_int_equal(count.local, 2);
  assert_true(count.is_exact);
  client_processes_fini(&processes);
}

static void searches_for_a_new_session(void **state) {
  (void)state;
  struct pool_session session = {.pid = 7,
                                 .backend_start_us = 1,
                                 .client_address = "127.0.0.1",
                                 .client_port = 50000};
  const struct pool_session *sessions[] = {&session};
  struct client_processes processes = {.proc = proc};
  (void)client_processes_search_and_count(&processes, sessions, 1, 0,
                                          100 * SECOND);
  processes.search_us = SECOND / 2;
  assert_int_equal(processes.items[0].pid, 100);
  session.backend_start_us = 2; /* another one with the same process id */
  session.client_port = 50002;
  (void)client_processes_search_and_count(&processes, sessions, 1, 0,
                                          101 * SECOND);
  assert_int_equal(processes.items[0].pid, 0);
  assert_int_equal(processes.unknown, 0); /* not yet */
  (void)client_processes_search_and_count(&processes, sessions, 1, 0,
                                          200 * SECOND);
  assert_int_equal(processes.items[0].pid, 200);
  session.backend_start_us = 3;
  session.client_port = 50009;
  (void)client_processes_search_and_count(&processes, sessions, 1, 0,
                                          300 * SECOND);
  assert_int_equal(processes.unknown, 1);
  client_processes_fini(&processes);
}

/* ---- real processes on a real Unix socket ---- */

#define CLIENTS 2

/* Makes connections and keeps them. Never returns. */
static void be_client(const struct sockaddr_un *address, int connections) {
  for (int i = 0; i < connections; i++) {
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0) {
      _exit(1);
    }
  }
  for (;;) {
    (void)pause();
  }
}

/* Forks the server's process for the next connection. */
static pid_t serve_next(int listener) {
  int fd = accept(listener, NULL, NULL);
  assert_true(fd >= 0);
  pid_t pid = fork();
  while (pid == 0) {
    (void)pause();
  }
  assert_int_equal(close(fd), 0);
  return pid;
}

static void kill_process(pid_t pid) {
  assert_int_equal(kill(pid, SIGKILL), 0);
  assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void finds_processes_on_a_unix_socket(void **state) {
  (void)state;
  int pair[2];
  struct client_process own = {.session_pid = getpid(), .port = -1};
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  client_processes_search_host(&own, 1, "/proc");
  assert_int_equal(close(pair[0]) + close(pair[1]), 0);
  if (own.inode == 0) {
    print_message("this kernel has no unix_diag: NOT tested\n");
    skip();
  }
  assert_int_equal(own.pid, getpid());
  static const int connections[CLIENTS] = {2, 1};
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", proc);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(
      bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
  assert_int_equal(listen(listener, 8), 0);
  struct pool_session sessions[3];
  const struct pool_session *pointers[3];
  pid_t clients[CLIENTS];
  size_t len = 0;
  for (size_t i = 0; i < CLIENTS; i++) {
    clients[i] = fork();
    if (clients[i] == 0) {
      be_client(&address, connections[i]);
    }
    for (int j = 0; j < connections[i]; j++) {
      sessions[len] = (struct pool_session){.pid = serve_next(listener),
                                            .backend_start_us = 1,
                                            .client_address = "",
                                            .client_port = -1};
      pointers[len] = &sessions[len];
      len++;
    }
  }
  struct client_processes processes = {.proc = "/proc"};
  struct client_process_count count =
      client_processes_search_and_count(&processes, pointers, len, 0, SECOND);
  assert_int_equal(count.local, CLIENTS);
  assert_true(count.is_exact);
  assert_int_equal(processes.unknown, 0);
  for (size_t i = 0; i < len; i++) {
    pid_t owner = (pid_t)processes.items[i].pid;
    assert_true(owner == clients[0] || owner == clients[1]);
  }
  client_processes_fini(&processes);
  for (size_t i = 0; i < len; i++) {
    kill_process((pid_t)sessions[i].pid);
  }
  for (size_t i = 0; i < CLIENTS; i++) {
    kill_process(clients[i]);
  }
  assert_int_equal(close(listener), 0);
  assert_int_equal(unlink(address.sun_path), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_processes),
      cmocka_unit_test(searches_for_new_sessions_at_once),
      cmocka_unit_test(counts_what_the_sessions_prove),
      cmocka_unit_test(searches_for_a_new_session),
      cmocka_unit_test(finds_processes_on_a_unix_socket),
  };
  return cmocka_run_group_tests(tests, make_proc, remove_proc);
}
