/* SPDX-License-Identifier: MIT */
/* emitter_recorder: an emitter that records what is sent. */
#pragma once

#include "recorder.h"
#include "statgrab/emitter.h"

static struct recorded samples[RECORDER_MAX];
static size_t samples_len;
static struct recorder recorder = {"statgrab", samples, &samples_len};

static inline struct emitter recording_emitter(const char *group) {
  samples_len = 0;
  return (struct emitter){recorder_sink(&recorder), group, ""};
}

static inline double value(const char *name) {
  return recorder_value(&recorder, name);
}

static inline void assert_near(double found, double wanted) {
  if (!(fabs(found - wanted) < 1e-6)) {
    fail_msg("%.9g is not %.9g", found, wanted);
  }
}
