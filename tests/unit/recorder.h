/* SPDX-License-Identifier: MIT */
/* recorder: a sample_sink that keeps what is put, for unit tests. */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/metric.h"
#include "unit.h"

#define RECORDER_MAX 4096

struct recorded {
  char name[512]; /* plugin[-instance]/type[-instance] */
  enum sample_kind kind;
  size_t values_len;
  union sample_value values[SAMPLE_VALUES_MAX];
};

struct recorder {
  const char *plugin;
  struct recorded *all;
  size_t *len; /* shared by the recorders of several plugins */
};

static inline void recorder_put(void *context, const struct sample *sample) {
  struct recorder *recorder = context;
  assert_true(*recorder->len < RECORDER_MAX);
  struct recorded *to = &recorder->all[(*recorder->len)++];
  (void)snprintf(to->name, sizeof(to->name), "%s%s%s/%s%s%s", recorder->plugin,
                 sample->plugin_instance[0] == '\0' ? "" : "-",
                 sample->plugin_instance, sample->type,
                 sample->type_instance[0] == '\0' ? "" : "-",
                 sample->type_instance);
  to->kind = sample->kind;
  to->values_len = sample->values_len;
  memcpy(to->values, sample->values, sizeof(to->values));
}

static inline struct sample_sink recorder_sink(struct recorder *recorder) {
  return (struct sample_sink){.put = recorder_put, .context = recorder};
}

/* The latest sample of that name; NULL if there is none. */
static inline const struct recorded *recorder_find(const struct recorder *in,
                                                   const char *name) {
  for (size_t i = *in->len; i > 0; i--) {
    if (strcmp(in->all[i - 1].name, name) == 0) {
      return &in->all[i - 1];
    }
  }
  return NULL;
}

/* Its first value; NaN if there is none. */
static inline double recorder_value(const struct recorder *in,
                                    const char *name) {
  const struct recorded *found = recorder_find(in, name);
  if (found == NULL) {
    return (double)NAN;
  }
  return found->kind == SAMPLE_GAUGE ? found->values[0].gauge
                                     : (double)found->values[0].derive;
}
