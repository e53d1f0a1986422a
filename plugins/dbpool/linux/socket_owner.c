/* SPDX-License-Identifier: MIT */
/* socket_owner: finds the inode of the client's socket of a session, and the
 * process that has it open.
 *
 * Through the loopback interface the client's port leads to its inode
 * (/proc/net/tcp). A Unix socket has no name: the server's process is known, so
 * its sockets are listed (/proc/PID/fd), and the kernel reports which socket
 * each is connected to (sock_diag(7)). Then all processes are searched for the
 * inodes. */
#include "dbpool/client_processes.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TCP_ESTABLISHED_STATE 1
#define PATH_BYTES 512
/* No host has more; a kernel that never ends its list is given up. */
#define UNIX_SOCKETS_MAX 1000000
#define DATAGRAM_BYTES 32768

/* ---- loopback interface: by the client's port ---- */

/* Lines of net/tcp: "sl: local:port remote:port state ... inode ...". */
static bool parse_tcp_line(const char *line, int *ret_port,
                           uint64_t *ret_inode) {
  unsigned port;
  unsigned state;
  if (sscanf(line,
             "%*[^:]: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*s "
             "%*s %" SCNu64,
             &port, &state, ret_inode) != 3) {
    return false;
  }
  *ret_port = (int)port;
  return state == TCP_ESTABLISHED_STATE;
}

static void find_tcp_inodes(struct client_process *items, size_t len,
                            const char *proc, const char *name) {
  char path[PATH_BYTES];
  char line[PATH_BYTES];
  (void)snprintf(path, sizeof(path), "%s/net/%s", proc, name);
  FILE *file = fopen(path, "re");
  while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
    int port;
    uint64_t inode;
    if (!parse_tcp_line(line, &port, &inode)) {
      continue;
    }
    for (size_t i = 0; i < len; i++) {
      if (items[i].port == port) {
        items[i].inode = inode;
      }
    }
  }
  if (file != NULL) {
    (void)fclose(file);
  }
}

/* ---- which process has which socket open ---- */

/* Calls found() for each socket that the process has open. */
static void list_open_sockets(const char *proc, const char *pid,
                              void (*found)(void *context, uint64_t inode),
                              void *context) {
  char path[PATH_BYTES];
  (void)snprintf(path, sizeof(path), "%s/%s/fd", proc, pid);
  DIR *directory = opendir(path);
  if (directory == NULL) {
    return; /* it has ended, or we may not see it */
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

struct owner_search {
  struct client_process *items;
  size_t len;
  int64_t pid; /* whose sockets are listed now */
};

static void set_owner(void *context, uint64_t inode) {
  const struct owner_search *search = context;
  for (size_t i = 0; i < search->len; i++) {
    if (search->items[i].inode == inode) {
      search->items[i].pid = search->pid;
    }
  }
}

static void search_all_processes(struct owner_search *search,
                                 const char *proc) {
  DIR *directory = opendir(proc);
  if (directory == NULL) {
    return;
  }
  const struct dirent *entry;
  while ((entry = readdir(directory)) != NULL) {
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') {
      search->pid = strtoll(entry->d_name, NULL, 10);
      list_open_sockets(proc, entry->d_name, set_owner, search);
    }
  }
  (void)closedir(directory);
}

/* ---- Unix sockets: by the socket that the server's is connected to ---- */

struct unix_socket {
  uint32_t inode;
  uint32_t peer; /* the inode of the other end */
};

struct unix_sockets {
  struct unix_socket *items; /* by inode */
  size_t len, size;
};

static bool request_unix_sockets(int fd) {
  const struct {
    struct nlmsghdr head;
    struct unix_diag_req body;
  } request = {
      .head = {.nlmsg_len = sizeof(request),
               .nlmsg_type = SOCK_DIAG_BY_FAMILY,
               .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
      .body = {.sdiag_family = AF_UNIX,
               .udiag_states = UINT32_MAX,
               .udiag_show = UDIAG_SHOW_PEER},
  };
  return send(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request);
}

static bool add_unix_socket(struct unix_sockets *sockets, uint32_t inode,
                            uint32_t peer) {
  if (sockets->len == UNIX_SOCKETS_MAX) {
    return false;
  }
  if (sockets->len == sockets->size) {
    size_t size = sockets->size * 2 + 64;
    struct unix_socket *larger =
        realloc(sockets->items, size * sizeof(*larger));
    if (larger == NULL) {
      return false;
    }
    sockets->items = larger;
    sockets->size = size;
  }
  sockets->items[sockets->len++] = (struct unix_socket){inode, peer};
  return true;
}

/* One message: a socket with its attributes, the peer among them. Returns false
 * if there was no memory for it. */
static bool read_unix_socket(struct unix_sockets *sockets, const char *message,
                             size_t bytes) {
  struct unix_diag_msg body;
  struct rtattr attribute;
  if (bytes < sizeof(body)) {
    return true;
  }
  memcpy(&body, message, sizeof(body));
  size_t at = NLMSG_ALIGN(sizeof(body));
  while (at + sizeof(attribute) <= bytes) {
    uint32_t peer;
    memcpy(&attribute, message + at, sizeof(attribute));
    if (attribute.rta_type == UNIX_DIAG_PEER &&
        attribute.rta_len >= RTA_LENGTH(sizeof(peer)) &&
        at + RTA_LENGTH(sizeof(peer)) <= bytes) {
      memcpy(&peer, message + at + RTA_LENGTH(0), sizeof(peer));
      return add_unix_socket(sockets, body.udiag_ino, peer);
    }
    at += attribute.rta_len < sizeof(attribute)
              ? bytes
              : RTA_ALIGN((size_t)attribute.rta_len);
  }
  return true;
}

/* One datagram has many messages. Returns false after the last one. */
static bool read_datagram(struct unix_sockets *sockets, const char *bytes,
                          size_t len) {
  struct nlmsghdr head;
  for (size_t at = 0; at + sizeof(head) <= len;
       at += NLMSG_ALIGN((size_t)head.nlmsg_len)) {
    memcpy(&head, bytes + at, sizeof(head));
    if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        head.nlmsg_len < NLMSG_HDRLEN || head.nlmsg_len > len - at ||
        !read_unix_socket(sockets, bytes + at + NLMSG_HDRLEN,
                          head.nlmsg_len - NLMSG_HDRLEN)) {
      return false; /* NLMSG_DONE, NLMSG_ERROR, or invalid */
    }
  }
  return true;
}

static int compare_inodes(const void *a, const void *b) {
  const struct unix_socket *left = a;
  const struct unix_socket *right = b;
  return (left->inode > right->inode) - (left->inode < right->inode);
}

/* All Unix sockets of this network namespace; needs no privilege and does not
 * wait: the kernel has answered by the time that send() returns. */
static void read_unix_sockets(struct unix_sockets *sockets) {
  char bytes[DATAGRAM_BYTES];
  ssize_t len;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) {
    return;
  }
  if (request_unix_sockets(fd)) {
    while ((len = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0 &&
           read_datagram(sockets, bytes, (size_t)len)) {
    }
  }
  (void)close(fd);
  if (sockets->len > 0) {
    qsort(sockets->items, sockets->len, sizeof(*sockets->items),
          compare_inodes);
  }
}

struct peer_search {
  const struct unix_sockets *sockets;
  struct client_process *item;
};

static void set_inode_of_peer(void *context, uint64_t inode) {
  const struct peer_search *search = context;
  const struct unix_socket key = {.inode = (uint32_t)inode};
  const struct unix_socket *found =
      inode > UINT32_MAX
          ? NULL
          : bsearch(&key, search->sockets->items, search->sockets->len,
                    sizeof(key), compare_inodes);
  if (found != NULL && found->peer != 0) {
    search->item->inode = found->peer;
  }
}

static int find_unix_inodes(struct client_process *items, size_t len,
                            const char *proc) {
  struct unix_sockets sockets = {0};
  bool is_read = false;
  for (size_t i = 0; i < len; i++) {
    if (items[i].port >= 0) {
      continue;
    }
    if (!is_read) {
      is_read = true;
      read_unix_sockets(&sockets);
    }
    if (sockets.len == 0) {
      return -ENOTSUP;
    }
    char pid[24];
    struct peer_search search = {&sockets, &items[i]};
    (void)snprintf(pid, sizeof(pid), "%" PRId64, items[i].session_pid);
    list_open_sockets(proc, pid, set_inode_of_peer, &search);
  }
  free(sockets.items);
  return 0;
}

int client_processes_find(struct client_process *items, size_t len,
                          const char *proc) {
  find_tcp_inodes(items, len, proc, "tcp");
  find_tcp_inodes(items, len, proc, "tcp6");
  int code = find_unix_inodes(items, len, proc);
  struct owner_search search = {.items = items, .len = len};
  search_all_processes(&search, proc);
  return code;
}
