/* SPDX-License-Identifier: MIT */
/* peers, owners: processes counted from a made-up procfs, and real ones. */
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

#include "dbpool/linux/unix_pairs.h"
#include "dbpool/peers.h"

#define SECOND INT64_C(1000000)

static char proc[] = "/tmp/peers.XXXXXX";

static void write_file(const char *name, const char *text) {
  char path[256];
  (void)snprintf(path, sizeof(path), "%s/%s", proc, name);
  FILE *file = fopen(path, "we");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static void make(const char *name) {
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
  make("net");
  /* Ports 50000 to 50003; the last one waits for its end. */
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
  make("100");
  make("100/fd");
  link_socket("100/fd/3", "socket:[700]");
  link_socket("100/fd/4", "socket:[701]");
  link_socket("100/fd/5", "/dev/null");
  make("200");
  make("200/fd");
  link_socket("200/fd/3", "socket:[702]");
  make("300"); /* has just ended */
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

static int64_t count(struct peers *peers, const struct client *clients,
                     size_t len, int64_t now_us) {
  struct session sessions[8];
  const struct session *pointers[8];
  for (size_t i = 0; i < len; i++) {
    sessions[i] = (struct session){.pid = (int64_t)(900 - i),
                                   .backend_start_us = 1,
                                   .client_address = clients[i].address,
                                   .client_port = clients[i].port};
    pointers[i] = &sessions[i];
  }
  return peers_count(peers, pointers, len, now_us);
}

static void counts_processes(void **state) {
  (void)state;
  static const struct {
    struct client clients[6];
    size_t len;
    int64_t processes;
  } cases[] = {
      {{{0}}, 0, 1},
      {{{"127.0.0.1", 50000}, {"127.0.0.1", 50001}}, 2, 1},
      {{{"127.0.0.1", 50001}, {"::1", 50002}, {"127.0.0.1", 50000}}, 3, 2},
      /* A port that nobody is found for. */
      {{{"127.0.0.1", 50003}}, 1, 1},
      {{{"127.0.0.1", 50003}, {"127.0.0.1", 50000}}, 2, 1},
      {{{"10.0.0.1", 1}, {"10.0.0.2", 2}, {"10.0.0.1", 3}}, 3, 2},
      {{{"", -1}, {"", -1}}, 2, 1},
      {{{"", -1}, {"10.0.0.1", 7}, {"127.0.0.1", 50000}}, 3, 2},
      {{{"", 0}, {"", 0}}, 2, 1}, /* hidden */
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct peers peers = {.proc = proc};
    assert_int_equal(count(&peers, cases[i].clients, cases[i].len, SECOND),
                     cases[i].processes);
    peers_fini(&peers);
  }
  peers_fini(NULL);
}

static void searches_once_a_minute(void **state) {
  (void)state;
  static const struct client clients[] = {{"127.0.0.1", 50000}, {"::1", 50002}};
  struct peers peers = {.proc = proc};
  assert_int_equal(count(&peers, clients, 1, 100 * SECOND), 1);
  assert_int_equal(count(&peers, clients, 2, 159 * SECOND), 1);
  assert_int_equal(count(&peers, clients, 2, 160 * SECOND), 2);
  peers.proc = "/nowhere"; /* what is known needs no search */
  assert_int_equal(count(&peers, clients, 2, 300 * SECOND), 2);
  peers_fini(&peers);
}

static void a_new_session_is_searched_for(void **state) {
  (void)state;
  struct session session = {.pid = 7,
                            .backend_start_us = 1,
                            .client_address = "127.0.0.1",
                            .client_port = 50000};
  const struct session *sessions[] = {&session};
  struct peers peers = {.proc = proc};
  (void)peers_count(&peers, sessions, 1, 100 * SECOND);
  assert_int_equal(peers.owners[0].pid, 100);
  session.backend_start_us = 2; /* another one with the same process id */
  session.client_port = 50002;
  (void)peers_count(&peers, sessions, 1, 101 * SECOND);
  assert_int_equal(peers.owners[0].pid, 0);
  assert_int_equal(peers.indistinct, 0); /* not yet */
  (void)peers_count(&peers, sessions, 1, 200 * SECOND);
  assert_int_equal(peers.owners[0].pid, 200);
  session.backend_start_us = 3;
  session.client_port = 50009;
  (void)peers_count(&peers, sessions, 1, 300 * SECOND);
  assert_int_equal(peers.indistinct, 1);
  peers_fini(&peers);
}

/* ---- real processes on a real Unix socket ---- */

#define CLIENTS 2

/* Connects so many times and stays. Never returns. */
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

static void put_down(pid_t pid) {
  assert_int_equal(kill(pid, SIGKILL), 0);
  assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void tells_processes_on_a_unix_socket(void **state) {
  (void)state;
  struct unix_pairs pairs = {0};
  unix_pairs_read(&pairs);
  bool is_told = pairs.len > 0;
  unix_pairs_fini(&pairs);
  if (!is_told) {
    print_message("this kernel has no unix_diag: NOT tested\n");
    skip();
  }
  static const int connections[CLIENTS] = {2, 1};
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", proc);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(
      bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
  assert_int_equal(listen(listener, 8), 0);
  struct session sessions[3];
  const struct session *pointers[3];
  pid_t clients[CLIENTS];
  size_t len = 0;
  for (size_t i = 0; i < CLIENTS; i++) {
    clients[i] = fork();
    if (clients[i] == 0) {
      be_client(&address, connections[i]);
    }
    for (int j = 0; j < connections[i]; j++) {
      sessions[len] = (struct session){.pid = serve_next(listener),
                                       .backend_start_us = 1,
                                       .client_address = "",
                                       .client_port = -1};
      pointers[len] = &sessions[len];
      len++;
    }
  }
  struct peers peers = {.proc = "/proc"};
  assert_int_equal(peers_count(&peers, pointers, len, SECOND), CLIENTS);
  assert_int_equal(peers.indistinct, 0);
  for (size_t i = 0; i < len; i++) {
    pid_t owner = (pid_t)peers.owners[i].pid;
    assert_true(owner == clients[0] || owner == clients[1]);
  }
  peers_fini(&peers);
  for (size_t i = 0; i < len; i++) {
    put_down((pid_t)sessions[i].pid);
  }
  for (size_t i = 0; i < CLIENTS; i++) {
    put_down(clients[i]);
  }
  assert_int_equal(close(listener), 0);
  assert_int_equal(unlink(address.sun_path), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_processes),
      cmocka_unit_test(searches_once_a_minute),
      cmocka_unit_test(a_new_session_is_searched_for),
      cmocka_unit_test(tells_processes_on_a_unix_socket),
  };
  return cmocka_run_group_tests(tests, make_proc, remove_proc);
}
