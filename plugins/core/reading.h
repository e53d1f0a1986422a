/* SPDX-License-Identifier: MIT */
/* reading: one value list on its way from collectd's bus to a trade. */
#ifndef CORE_READING_H
#define CORE_READING_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define READING_NAME_BYTES 128

/* The identity of a series as collectd holds it, side by side, each ended by a
 * NUL, "" where there is none. Aligned to 8 and padded to whole words, so that
 * it can be looked at a word at a time. */
struct reading_names {
  _Alignas(8) char host[READING_NAME_BYTES];
  char plugin[READING_NAME_BYTES];
  char plugin_instance[READING_NAME_BYTES];
  char type[READING_NAME_BYTES];
  char type_instance[READING_NAME_BYTES];
};

/* place: one of the five, zeroed. name: shorter than READING_NAME_BYTES. */
static inline void reading_put_name(char *place, const char *name) {
  memcpy(place, name, strlen(name) + 1);
}

enum reading_kind {
  READING_GAUGE,    /* double: a level */
  READING_DERIVE,   /* int64_t: a counter that may be set back */
  READING_COUNTER,  /* uint64_t: a counter that wraps at 32 or 64 bits */
  READING_ABSOLUTE, /* uint64_t: a counter that is emptied by reading it */
};

/* One data source of a type. A level or rate outside min ... max (NaN: no such
 * end) is no reading. */
struct reading_source {
  char name[READING_NAME_BYTES];
  enum reading_kind kind;
  double min, max;
};

/* A type, as the daemon knows it. */
struct reading_type {
  const void *handle; /* the daemon's; passed back to describe */
  void (*describe)(const void *handle, size_t source,
                   struct reading_source *ret_source);
};

/* All pointers are borrowed for the call. */
struct reading {
  const struct reading_names *names;
  struct reading_type type;
  int64_t time_ns;     /* since the epoch, as the sender stamped it */
  int64_t interval_ns; /* to the next one, as the sender promises */
  size_t values_len;   /* data sources of the type */
  const void *values;  /* 8 bytes each, see enum reading_kind */
};

#endif
