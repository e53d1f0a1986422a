/* SPDX-License-Identifier: MIT */
/* null_owners: a system that does not tell who holds a socket. */
#include "dbpool/owners.h"

void owners_find(struct owner *owners, size_t len, const char *proc) {
  (void)owners;
  (void)len;
  (void)proc;
}
