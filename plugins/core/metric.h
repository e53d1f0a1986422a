/* SPDX-License-Identifier: MIT */
/* metric: values on their way to collectd's bus (samples) and from it
 * (readings). */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The most data sources of any type we send: load has three. */
#define SAMPLE_VALUES_MAX 3

enum sample_kind {
  SAMPLE_GAUGE,  /* a level; NaN means that there is no reading */
  SAMPLE_DERIVE, /* a counter; collectd makes the rate of it */
};

union sample_value {
  double gauge;
  int64_t derive;
};

/* All strings are borrowed for the duration of the call that takes the sample.
 * plugin_instance, type_instance: "" where there is none. type: a name in
 * types.db whose data sources are all of the given kind, values_len of them. */
struct sample {
  const char *plugin_instance;
  const char *type;
  const char *type_instance;
  enum sample_kind kind;
  size_t values_len;
  union sample_value values[SAMPLE_VALUES_MAX];
};

/* Where a library puts its samples: collectd's bus in the daemon, an array in a
 * test. put must not keep the sample. */
struct sample_sink {
  void (*put)(void *context, const struct sample *sample);
  void *context;
};

static inline void sample_put_gauge(const struct sample_sink *sink,
                                    const char *plugin_instance,
                                    const char *type, const char *type_instance,
                                    double value) {
  const struct sample sample = {
      .plugin_instance = plugin_instance,
      .type = type,
      .type_instance = type_instance,
      .kind = SAMPLE_GAUGE,
      .values_len = 1,
      .values = {{.gauge = value}},
  };
  sink->put(sink->context, &sample);
}

static inline void sample_put_derive(const struct sample_sink *sink,
                                     const char *plugin_instance,
                                     const char *type,
                                     const char *type_instance, int64_t value) {
  const struct sample sample = {
      .plugin_instance = plugin_instance,
      .type = type,
      .type_instance = type_instance,
      .kind = SAMPLE_DERIVE,
      .values_len = 1,
      .values = {{.derive = value}},
  };
  sink->put(sink->context, &sample);
}

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
static inline void reading_set_name(char *place, const char *name) {
  memcpy(place, name, strlen(name) + 1);
}

enum reading_kind {
  READING_GAUGE,    /* double: a level */
  READING_DERIVE,   /* int64_t: a counter that may be set back */
  READING_COUNTER,  /* uint64_t: a counter that wraps at 32 or 64 bits */
  READING_ABSOLUTE, /* uint64_t: a counter that is emptied by reading it */
};

/* One data source of a type. A level or rate outside min ... max (NaN: no
 * limit) is not a reading. */
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
