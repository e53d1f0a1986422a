/* SPDX-License-Identifier: MIT */
/* peers: processes counted from a made-up procfs. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    sessions[i] = (struct session){.client_address = clients[i].address,
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
      {{{"", -1}, {"10.0.0.1", 7}, {"127.0.0.1", 50000}}, 3, 3},
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_processes),
      cmocka_unit_test(searches_once_a_minute),
  };
  return cmocka_run_group_tests(tests, make_proc, remove_proc);
}
