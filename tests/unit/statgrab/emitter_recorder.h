/* SPDX-License-Identifier: MIT */
/* emitter_recorder: an emitter that records what is sent. */
#pragma once

#include "recorder.h"
#include "statgrab/emitter.h"

static struct recorded samples[RECORDER_MAX];
static size_t samples_len;
static struct recorder own_names = {"statgrab", samples, &samples_len};
static struct recorder native_names = {"native", samples, &samples_len};

static inline struct emitter recording_emitter(const char *group,
                                               bool is_native) {
  samples_len = 0;
  struct emitter emitter = {
      .own = {.sink = recorder_sink(&own_names), .prefix = group, .item = ""},
      .common = {.sink = recorder_sink(&own_names),
                 .prefix = group,
                 .item = ""},
      .is_native = is_native,
  };
  if (is_native) {
    emitter.common = (struct emitter_sink){
        .sink = recorder_sink(&native_names), .prefix = "", .item = ""};
  }
  return emitter;
}

static inline double value(const char *name) {
  return recorder_value(&own_names, name);
}

static inline void assert_near(double found, double wanted) {
  if (!(fabs(found - wanted) < 1e-6)) {
    fail_msg("%.9g is not %.9g", found, wanted);
  }
}
