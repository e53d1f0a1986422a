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
#define REPLY_BYTES 1024

/* ---- loopback interface: by the client's port ---- */

/* Lines of net/tcp: "sl: local:port remote:port state ... inode ...". */
static void find_tcp_inodes(struct client_process *items, size_t len,
                            const char *proc, const char *name) {
  char path[PATH_BYTES];
  char line[PATH_BYTES];
  (void)snprintf(path, sizeof(path), "%s/net/%s", proc, name);
  FILE *file = fopen(path, "re");
  while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
    unsigned port;
    unsigned state;
    uint64_t inode;
    int fields = sscanf(line,
                        "%*[^:]: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s "
                        "%*s %*s %*s %" SCNu64,
                        &port, &state, &inode);
    bool is_open = fields == 3 && state == TCP_ESTABLISHED_STATE;
    for (size_t i = 0; is_open && i < len; i++) {
      if (items[i].port == (int)port) {
        items[i].inode = inode;
      }
    }
  }
  if (file != NULL) {
    (void)fclose(file);
  }
}

/* ---- which process has which socket open ---- */

/* The descriptors of a process; NULL if it has ended or we may not see it. */
static DIR *open_descriptors(const char *proc, int64_t pid) {
  char path[PATH_BYTES];
  (void)snprintf(path, sizeof(path), "%s/%" PRId64 "/fd", proc, pid);
  return opendir(path);
}

/* The inode of the next socket among the descriptors; 0 after the last one,
 * when they are closed. Accepts NULL. */
static uint64_t read_next_socket(DIR *descriptors) {
  const struct dirent *entry;
  while (descriptors != NULL && (entry = readdir(descriptors)) != NULL) {
    char link[64] = "";
    uint64_t inode;
    ssize_t bytes =
        readlinkat(dirfd(descriptors), entry->d_name, link, sizeof(link) - 1);
    if (bytes > 0 && sscanf(link, "socket:[%" SCNu64 "]", &inode) == 1 &&
        inode != 0) {
      return inode;
    }
  }
  if (descriptors != NULL) {
    (void)closedir(descriptors);
  }
  return 0;
}

/* Of two processes that share a socket after fork(), the later one counts. */
static void find_owners(struct client_process *items, size_t len,
                        const char *proc) {
  DIR *directory = opendir(proc);
  const struct dirent *entry;
  while (directory != NULL && (entry = readdir(directory)) != NULL) {
    int64_t pid = strtoll(entry->d_name, NULL, 10); /* 0: not a process */
    DIR *descriptors = pid > 0 ? open_descriptors(proc, pid) : NULL;
    uint64_t inode;
    while ((inode = read_next_socket(descriptors)) != 0) {
      for (size_t i = 0; i < len; i++) {
        if (items[i].inode == inode) {
          items[i].pid = pid;
        }
      }
    }
  }
  if (directory != NULL) {
    (void)closedir(directory);
  }
}

/* ---- Unix sockets: by the socket that the server's is connected to ---- */

/* One socket by its inode; without NLM_F_DUMP the reply is one message. */
static bool request_unix_socket(int fd, uint32_t inode) {
  const struct {
    struct nlmsghdr head;
    struct unix_diag_req body;
  } request = {
      .head = {.nlmsg_len = sizeof(request),
               .nlmsg_type = SOCK_DIAG_BY_FAMILY,
               .nlmsg_flags = NLM_F_REQUEST},
      .body = {.sdiag_family = AF_UNIX,
               .udiag_ino = inode,
               .udiag_show = UDIAG_SHOW_PEER,
               .udiag_cookie = {UINT32_MAX, UINT32_MAX}}, /* any */
  };
  return send(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request);
}

/* The inode of the socket that a Unix socket is connected to, by sock_diag(7);
 * 0: none, or not a Unix socket. Needs no privilege and does not wait: the
 * kernel has answered by the time that send() returns. */
static uint32_t find_unix_peer(int fd, uint32_t inode) {
  char reply[REPLY_BYTES];
  struct nlmsghdr head;
  if (!request_unix_socket(fd, inode)) {
    return 0;
  }
  ssize_t len = recv(fd, reply, sizeof(reply), MSG_DONTWAIT);
  if (len < (ssize_t)sizeof(head)) {
    return 0;
  }
  memcpy(&head, reply, sizeof(head));
  if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY) {
    return 0; /* NLMSG_ERROR */
  }
  struct rtattr attribute = {0};
  for (size_t at = NLMSG_SPACE(sizeof(struct unix_diag_msg));
       at + RTA_LENGTH(sizeof(uint32_t)) <= (size_t)len;
       at += RTA_ALIGN((size_t)attribute.rta_len)) {
    memcpy(&attribute, reply + at, sizeof(attribute));
    if (attribute.rta_type == UNIX_DIAG_PEER) {
      uint32_t peer;
      memcpy(&peer, reply + at + RTA_LENGTH(0), sizeof(peer));
      return peer;
    }
    if (attribute.rta_len < sizeof(attribute)) {
      break;
    }
  }
  return 0;
}

/* The server's process has other sockets, too; only the one to its client is
 * connected to a Unix socket. */
static void find_unix_inodes(struct client_process *items, size_t len,
                             const char *proc) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) {
    return;
  }
  for (size_t i = 0; i < len; i++) {
    if (items[i].port >= 0) {
      continue;
    }
    DIR *descriptors = open_descriptors(proc, items[i].session_pid);
    uint64_t inode;
    while ((inode = read_next_socket(descriptors)) != 0) {
      uint32_t peer =
          inode > UINT32_MAX ? 0 : find_unix_peer(fd, (uint32_t)inode);
      items[i].inode = peer != 0 ? peer : items[i].inode;
    }
  }
  (void)close(fd);
}

void client_processes_search_host(struct client_process *items, size_t len,
                                  const char *proc) {
  find_tcp_inodes(items, len, proc, "tcp");
  find_tcp_inodes(items, len, proc, "tcp6");
  find_unix_inodes(items, len, proc);
  find_owners(items, len, proc);
}
