/* SPDX-License-Identifier: MIT */
/* peers: how many processes of an application hold a pool's sessions. */
#include "dbpool/peers.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAUSE_US INT64_C(60000000)
#define ESTABLISHED 1
#define PATH_BYTES 512

void peers_fini(struct peers *peers) {
  if (peers != NULL) {
    free(peers->items);
    *peers = (struct peers){.proc = peers->proc};
  }
}

static bool is_loopback(const struct session *session) {
  return strncmp(session->client_address, "127.", 4) == 0 ||
         strcmp(session->client_address, "::1") == 0;
}

static int compare_ports(const void *a, const void *b) {
  const struct peer *left = a;
  const struct peer *right = b;
  return (left->port > right->port) - (left->port < right->port);
}

static struct peer *find_port(const struct peer *items, size_t len, int port) {
  const struct peer key = {.port = port};
  return len == 0 ? NULL
                  : bsearch(&key, items, len, sizeof(key), compare_ports);
}

/* ---- what procfs knows ---- */

/* Lines of net/tcp: "sl: local:port remote:port state ... inode ...". */
static void read_sockets(struct peers *peers, const char *name) {
  char path[PATH_BYTES];
  char line[PATH_BYTES];
  (void)snprintf(path, sizeof(path), "%s/net/%s", peers->proc, name);
  FILE *file = fopen(path, "re");
  while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
    unsigned port;
    unsigned state;
    uint64_t inode;
    if (sscanf(line,
               "%*[^:]: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s "
               "%*s %*s %" SCNu64,
               &port, &state, &inode) != 3 ||
        state != ESTABLISHED) {
      continue;
    }
    struct peer *peer = find_port(peers->items, peers->len, (int)port);
    if (peer != NULL) {
      peer->inode = inode;
    }
  }
  if (file != NULL) {
    (void)fclose(file);
  }
}

static void match_inode(struct peers *peers, uint64_t inode, int64_t pid) {
  for (size_t i = 0; i < peers->len; i++) {
    if (peers->items[i].inode == inode) {
      peers->items[i].pid = pid;
    }
  }
}

static void read_process(struct peers *peers, const char *pid) {
  char path[PATH_BYTES];
  (void)snprintf(path, sizeof(path), "%s/%s/fd", peers->proc, pid);
  DIR *directory = opendir(path);
  if (directory == NULL) {
    return; /* it has ended, or is not ours to look at */
  }
  const struct dirent *entry;
  while ((entry = readdir(directory)) != NULL) {
    char link[64];
    uint64_t inode;
    ssize_t length =
        readlinkat(dirfd(directory), entry->d_name, link, sizeof(link) - 1);
    if (length <= 0) {
      continue;
    }
    link[length] = '\0';
    if (sscanf(link, "socket:[%" SCNu64 "]", &inode) == 1 && inode != 0) {
      match_inode(peers, inode, strtoll(pid, NULL, 10));
    }
  }
  (void)closedir(directory);
}

static void search(struct peers *peers) {
  for (size_t i = 0; i < peers->len; i++) {
    peers->items[i].is_new = false;
  }
  read_sockets(peers, "tcp");
  read_sockets(peers, "tcp6");
  DIR *directory = opendir(peers->proc);
  if (directory == NULL) {
    return;
  }
  const struct dirent *entry;
  while ((entry = readdir(directory)) != NULL) {
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') {
      read_process(peers, entry->d_name);
    }
  }
  (void)closedir(directory);
}

/* ---- counting ---- */

/* Makes the list anew from this round's local sessions; keeps what is known.
 * Returns true if procfs was not searched for one of them. */
static bool list_local(struct peers *peers,
                       const struct session *const *sessions, size_t len) {
  struct peer *items = calloc(len + 1, sizeof(*items));
  if (items == NULL) {
    return false;
  }
  size_t items_len = 0;
  bool has_new = false;
  for (size_t i = 0; i < len; i++) {
    if (!is_loopback(sessions[i])) {
      continue;
    }
    const struct peer *known =
        find_port(peers->items, peers->len, sessions[i]->client_port);
    struct peer peer = {.port = sessions[i]->client_port, .is_new = true};
    if (known != NULL) {
      peer = *known;
    }
    has_new |= peer.is_new;
    items[items_len++] = peer;
  }
  qsort(items, items_len, sizeof(*items), compare_ports);
  free(peers->items);
  peers->items = items;
  peers->len = items_len;
  return has_new;
}

static int compare_numbers(const void *a, const void *b) {
  const int64_t *left = a;
  const int64_t *right = b;
  return (*left > *right) - (*left < *right);
}

/* Of known processes; those that are not known are one, if there are any. */
static int64_t count_local(const struct peers *peers) {
  int64_t *pids = calloc(peers->len + 1, sizeof(*pids));
  if (pids == NULL) {
    return peers->len > 0 ? 1 : 0;
  }
  for (size_t i = 0; i < peers->len; i++) {
    pids[i] = peers->items[i].pid;
  }
  qsort(pids, peers->len, sizeof(*pids), compare_numbers);
  int64_t count = 0;
  for (size_t i = 0; i < peers->len; i++) {
    count += i == 0 || pids[i] != pids[i - 1] ? 1 : 0;
  }
  /* One that was not found is of a process that was, as far as we know. */
  if (count > 1 && pids[0] == 0) {
    count--;
  }
  free(pids);
  return count;
}

static int compare_addresses(const void *a, const void *b) {
  const char *const *left = a;
  const char *const *right = b;
  return strcmp(*left, *right);
}

static int64_t count_remote(const struct session *const *sessions, size_t len) {
  const char **addresses = calloc(len + 1, sizeof(char *));
  if (addresses == NULL) {
    return 0;
  }
  size_t addresses_len = 0;
  for (size_t i = 0; i < len; i++) {
    if (sessions[i]->client_address[0] != '\0' && !is_loopback(sessions[i])) {
      addresses[addresses_len++] = sessions[i]->client_address;
    }
  }
  qsort(addresses, addresses_len, sizeof(char *), compare_addresses);
  int64_t count = 0;
  for (size_t i = 0; i < addresses_len; i++) {
    count += i == 0 || strcmp(addresses[i], addresses[i - 1]) != 0 ? 1 : 0;
  }
  free(addresses);
  return count;
}

static int64_t count_unix(const struct session *const *sessions, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (sessions[i]->client_port < 0) {
      return 1;
    }
  }
  return 0;
}

int64_t peers_count(struct peers *peers, const struct session *const *sessions,
                    size_t len, int64_t now_us) {
  bool has_new = list_local(peers, sessions, len);
  bool may_look = peers->looked_us == 0 ||
                  now_us - peers->looked_us >= PAUSE_US ||
                  now_us < peers->looked_us;
  if (has_new && may_look) {
    peers->looked_us = now_us;
    search(peers);
  }
  int64_t count = count_local(peers) + count_remote(sessions, len) +
                  count_unix(sessions, len);
  return count > 0 ? count : 1;
}
