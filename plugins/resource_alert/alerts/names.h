/* SPDX-License-Identifier: MIT */
/* names: each text once, however many series bear it. */
#ifndef RESOURCE_ALERT_ALERTS_NAMES_H
#define RESOURCE_ALERT_ALERTS_NAMES_H

#include <stddef.h>

struct name;

/* All zero is empty. Guarded by the caller's lock. */
struct names {
  struct name **buckets;
  size_t buckets_len; /* a power of two, or 0 */
  size_t len;
};

/* TEXT, shared: names_drop() once for each call. NULL when memory is short. */
const char *names_take(struct names *names, const char *text);

/* text: from names_take(). Accepts NULL. */
void names_drop(struct names *names, const char *text);

/* Frees the set; what was taken must have been dropped. */
void names_fini(struct names *names);

#endif
