/* SPDX-License-Identifier: MIT */
/* find_owners: from a session to the inode of the client's end of its socket,
 * and from there to the process that has it open, by procfs. */
#include "dbpool/owners.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dbpool/linux/unix_pairs.h"

#define ESTABLISHED 1
#define PATH_BYTES 512

/* ---- through the loopback interface: by the client's port ---- */

/* Lines of net/tcp: "sl: local:port remote:port state ... inode ...". */
static bool parse_socket(const char *line, int *ret_port, uint64_t *ret_inode) {
  unsigned port;
  unsigned state;
  if (sscanf(line,
             "%*[^:]: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*s "
             "%*s %" SCNu64,
             &port, &state, ret_inode) != 3) {
    return false;
  }
  *ret_port = (int)port;
  return state == ESTABLISHED;
}

static void read_sockets(struct owner *owners, size_t len, const char *proc,
                         const char *name) {
  char path[PATH_BYTES];
  char line[PATH_BYTES];
  (void)snprintf(path, sizeof(path), "%s/net/%s", proc, name);
  FILE *file = fopen(path, "re");
  while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
    int port;
    uint64_t inode;
    if (!parse_socket(line, &port, &inode)) {
      continue;
    }
    for (size_t i = 0; i < len; i++) {
      if (owners[i].port == port) {
        owners[i].inode = inode;
      }
    }
  }
  if (file != NULL) {
    (void)fclose(file);
  }
}

/* ---- who has which socket open ---- */

/* Calls found() for each socket that the process has open. */
static void each_socket(const char *proc, const char *pid,
                        void (*found)(void *context, uint64_t inode),
                        void *context) {
  char path[PATH_BYTES];
  (void)snprintf(path, sizeof(path), "%s/%s/fd", proc, pid);
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
      found(context, inode);
    }
  }
  (void)closedir(directory);
}

struct search {
  struct owner *owners;
  size_t len;
  int64_t pid;
};

static void take_owner(void *context, uint64_t inode) {
  const struct search *search = context;
  for (size_t i = 0; i < search->len; i++) {
    if (search->owners[i].inode == inode) {
      search->owners[i].pid = search->pid;
    }
  }
}

static void search_processes(struct search *search, const char *proc) {
  DIR *directory = opendir(proc);
  if (directory == NULL) {
    return;
  }
  const struct dirent *entry;
  while ((entry = readdir(directory)) != NULL) {
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') {
      search->pid = strtoll(entry->d_name, NULL, 10);
      each_socket(proc, entry->d_name, take_owner, search);
    }
  }
  (void)closedir(directory);
}

/* ---- through a Unix socket: by the other end, which the server has ---- */

struct other_end {
  const struct unix_pairs *pairs;
  struct owner *owner;
};

static void take_other_end(void *context, uint64_t inode) {
  const struct other_end *end = context;
  uint64_t peer = unix_pairs_peer(end->pairs, inode);
  if (peer != 0) {
    end->owner->inode = peer;
  }
}

static void follow_pairs(struct owner *owners, size_t len, const char *proc) {
  struct unix_pairs pairs = {0};
  bool is_read = false;
  for (size_t i = 0; i < len; i++) {
    if (owners[i].port >= 0) {
      continue;
    }
    if (!is_read) {
      is_read = true;
      unix_pairs_read(&pairs);
    }
    char pid[24];
    struct other_end end = {&pairs, &owners[i]};
    (void)snprintf(pid, sizeof(pid), "%" PRId64, owners[i].session_pid);
    each_socket(proc, pid, take_other_end, &end);
  }
  unix_pairs_fini(&pairs);
}

void owners_find(struct owner *owners, size_t len, const char *proc) {
  read_sockets(owners, len, proc, "tcp");
  read_sockets(owners, len, proc, "tcp6");
  follow_pairs(owners, len, proc);
  struct search search = {.owners = owners, .len = len};
  search_processes(&search, proc);
}
