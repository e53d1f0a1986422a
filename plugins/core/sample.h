/* SPDX-License-Identifier: MIT */
/* sample: one reading on its way from a trade to collectd's bus. */
#ifndef CORE_SAMPLE_H
#define CORE_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

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

/* Where a trade puts its samples: collectd's bus in the daemon, an array in a
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

#endif
