/* SPDX-License-Identifier: MIT */
/* names: each text once, however many series bear it. */
#include "resource_alert/alerts/names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/alerts/fingerprint.h"

#define FIRST_BUCKETS 64

struct name {
  struct name *next;
  uint64_t hash;
  size_t takers;
  char text[];
};

static struct name **bucket_of(const struct names *names, uint64_t hash) {
  return &names->buckets[hash & (names->buckets_len - 1)];
}

/* Where it cannot grow it only gets slower. */
static void grow(struct names *names) {
  size_t len = names->buckets_len == 0 ? FIRST_BUCKETS : names->buckets_len * 2;
  struct names larger = {.buckets = calloc(len, sizeof(struct name *)),
                         .buckets_len = len,
                         .len = names->len};
  if (larger.buckets == NULL) {
    return;
  }
  for (size_t i = 0; i < names->buckets_len; i++) {
    while (names->buckets[i] != NULL) {
      struct name *name = names->buckets[i];
      struct name **bucket = bucket_of(&larger, name->hash);
      names->buckets[i] = name->next;
      name->next = *bucket;
      *bucket = name;
    }
  }
  free(names->buckets);
  *names = larger;
}

static struct name *add(struct names *names, const char *text, uint64_t hash) {
  size_t bytes = strlen(text) + 1;
  struct name *name = malloc(sizeof(*name) + bytes);
  if (name == NULL) {
    return NULL;
  }
  struct name **bucket = bucket_of(names, hash);
  *name = (struct name){.next = *bucket, .hash = hash};
  memcpy(name->text, text, bytes);
  *bucket = name;
  names->len++;
  return name;
}

const char *names_take(struct names *names, const char *text) {
  if (names->len >= names->buckets_len) {
    grow(names);
  }
  if (names->buckets_len == 0) {
    return NULL;
  }
  uint64_t hash = fingerprint_of_bytes(text, strlen(text));
  struct name *name = *bucket_of(names, hash);
  while (name != NULL && strcmp(name->text, text) != 0) {
    name = name->next;
  }
  if (name == NULL) {
    name = add(names, text, hash);
  }
  if (name == NULL) {
    return NULL;
  }
  name->takers++;
  return name->text;
}

void names_drop(struct names *names, const char *text) {
  if (text == NULL) {
    return;
  }
  struct name **place =
      bucket_of(names, fingerprint_of_bytes(text, strlen(text)));
  while ((*place)->text != text) {
    place = &(*place)->next;
  }
  struct name *name = *place;
  if (--name->takers == 0) {
    *place = name->next;
    names->len--;
    free(name);
  }
}

void names_fini(struct names *names) {
  free(names->buckets);
  *names = (struct names){0};
}
