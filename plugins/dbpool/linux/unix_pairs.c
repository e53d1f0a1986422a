/* SPDX-License-Identifier: MIT */
/* unix_pairs: which two Unix sockets are connected to each other, as the
 * kernel's sock_diag(7) tells. */
#include "dbpool/linux/unix_pairs.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dbpool/rows.h"

/* More than any host has; so a kernel that never ends is left. */
#define PAIRS_MAX 1000000
#define ANSWER_BYTES 32768

void unix_pairs_fini(struct unix_pairs *pairs) {
  free(pairs->items);
  *pairs = (struct unix_pairs){0};
}

static bool ask(int fd) {
  const struct {
    struct nlmsghdr head;
    struct unix_diag_req body;
  } question = {
      .head = {.nlmsg_len = sizeof(question),
               .nlmsg_type = SOCK_DIAG_BY_FAMILY,
               .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
      .body = {.sdiag_family = AF_UNIX,
               .udiag_states = UINT32_MAX,
               .udiag_show = UDIAG_SHOW_PEER},
  };
  return send(fd, &question, sizeof(question), 0) == (ssize_t)sizeof(question);
}

static bool add(struct unix_pairs *pairs, uint32_t inode, uint32_t peer) {
  struct unix_pair *larger =
      pairs->len < pairs->size
          ? pairs->items
          : rows_reserve(pairs->items, &pairs->size, pairs->len * 2 + 64,
                         sizeof(*larger));
  if (larger == NULL || pairs->len == PAIRS_MAX) {
    return false;
  }
  pairs->items = larger;
  pairs->items[pairs->len++] = (struct unix_pair){inode, peer};
  return true;
}

/* One socket. Returns false if there was no room for it. */
static bool take_socket(struct unix_pairs *pairs, const char *message,
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
      return add(pairs, body.udiag_ino, peer);
    }
    at += attribute.rta_len < sizeof(attribute)
              ? bytes
              : RTA_ALIGN((size_t)attribute.rta_len);
  }
  return true;
}

/* One datagram has many messages. Returns false behind the last one. */
static bool take_messages(struct unix_pairs *pairs, const char *bytes,
                          size_t len) {
  struct nlmsghdr head;
  for (size_t at = 0; at + sizeof(head) <= len;
       at += NLMSG_ALIGN((size_t)head.nlmsg_len)) {
    memcpy(&head, bytes + at, sizeof(head));
    if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        head.nlmsg_len < NLMSG_HDRLEN || head.nlmsg_len > len - at ||
        !take_socket(pairs, bytes + at + NLMSG_HDRLEN,
                     head.nlmsg_len - NLMSG_HDRLEN)) {
      return false; /* NLMSG_DONE, NLMSG_ERROR, or nonsense */
    }
  }
  return true;
}

static int compare_inodes(const void *a, const void *b) {
  const struct unix_pair *left = a;
  const struct unix_pair *right = b;
  return (left->inode > right->inode) - (left->inode < right->inode);
}

void unix_pairs_read(struct unix_pairs *pairs) {
  char bytes[ANSWER_BYTES];
  ssize_t len;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  pairs->len = 0;
  if (fd < 0) {
    return;
  }
  if (ask(fd)) {
    /* The kernel answers while it is asked: what is not there never comes. */
    while ((len = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0 &&
           take_messages(pairs, bytes, (size_t)len)) {
    }
  }
  (void)close(fd);
  if (pairs->len > 0) {
    qsort(pairs->items, pairs->len, sizeof(*pairs->items), compare_inodes);
  }
}

uint64_t unix_pairs_peer(const struct unix_pairs *pairs, uint64_t inode) {
  const struct unix_pair key = {.inode = (uint32_t)inode};
  if (pairs->len == 0 || inode > UINT32_MAX) {
    return 0;
  }
  const struct unix_pair *pair =
      bsearch(&key, pairs->items, pairs->len, sizeof(key), compare_inodes);
  return pair == NULL ? 0 : pair->peer;
}
