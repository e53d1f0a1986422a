/* SPDX-License-Identifier: MIT */
/* unix_pairs: which two Unix sockets are connected to each other. */
#ifndef DBPOOL_LINUX_UNIX_PAIRS_H
#define DBPOOL_LINUX_UNIX_PAIRS_H

#include <stddef.h>
#include <stdint.h>

struct unix_pair {
  uint32_t inode;
  uint32_t peer;
};

/* All zero is empty. */
struct unix_pairs {
  struct unix_pair *items; /* by inode */
  size_t len, size;
};

/* Asks the kernel (netlink, sock_diag) for all of this network namespace; needs
 * no privilege and does not wait. Empty where the kernel does not tell. */
void unix_pairs_read(struct unix_pairs *pairs);

/* The inode of the other end; 0: not known. */
uint64_t unix_pairs_peer(const struct unix_pairs *pairs, uint64_t inode);

/* Frees the array and zeroes the struct. */
void unix_pairs_fini(struct unix_pairs *pairs);

#endif
