/* SPDX-License-Identifier: MIT */
/* emitter: sends values under the names that a collectd series can have. */
#include "statgrab/emitter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

/* ---- values ---- */

/* Sends a sample. Its plugin instance is "PREFIX-ITEM", or one of the two where
 * the other is empty. */
static void send_sample(const struct emitter *emitter, struct sample *sample) {
  char name[EMITTER_NAME_BYTES];
  if (emitter->item[0] == '\0' || emitter->prefix[0] == '\0') {
    sample->plugin_instance =
        emitter->item[0] == '\0' ? emitter->prefix : emitter->item;
  } else {
    (void)snprintf(name, sizeof(name), "%s-%s", emitter->prefix, emitter->item);
    sample->plugin_instance = name;
  }
  emitter->sink.put(emitter->sink.context, sample);
}

void emitter_send_gauges(const struct emitter *emitter, const char *type,
                         const char *type_instance, const double *values,
                         size_t len) {
  struct sample sample = {.type = type,
                          .type_instance = type_instance,
                          .kind = SAMPLE_GAUGE,
                          .values_len = len};
  for (size_t i = 0; i < len; i++) {
    sample.values[i].gauge = values[i];
  }
  send_sample(emitter, &sample);
}

void emitter_send_gauge(const struct emitter *emitter, const char *type,
                        const char *type_instance, double value) {
  if (!isnan(value)) {
    emitter_send_gauges(emitter, type, type_instance, &value, 1);
  }
}

void emitter_send_amount(const struct emitter *emitter, const char *type,
                         const char *type_instance, uint64_t value) {
  if (value != STATS_UNKNOWN) {
    emitter_send_gauge(emitter, type, type_instance, (double)value);
  }
}

/* Sends counters, unless one of them is unknown. collectd's are signed: the top
 * bit is cleared, or a kernel's counter that has it set would be negative. */
static void send_known_counters(const struct emitter *emitter, const char *type,
                                const char *type_instance,
                                const uint64_t *counters, size_t len) {
  struct sample sample = {.type = type,
                          .type_instance = type_instance,
                          .kind = SAMPLE_DERIVE,
                          .values_len = len};
  for (size_t i = 0; i < len; i++) {
    if (counters[i] == STATS_UNKNOWN) {
      return;
    }
    sample.values[i].derive = (int64_t)(counters[i] & INT64_MAX);
  }
  send_sample(emitter, &sample);
}

void emitter_send_counter(const struct emitter *emitter, const char *type,
                          const char *type_instance, uint64_t value) {
  send_known_counters(emitter, type, type_instance, &value, 1);
}

void emitter_send_counter_pair(const struct emitter *emitter, const char *type,
                               const char *type_instance, uint64_t first,
                               uint64_t second) {
  const uint64_t counters[] = {first, second};
  send_known_counters(emitter, type, type_instance, counters, 2);
}

/* ---- names ---- */

void emitter_make_path_name(const char *path, char name[EMITTER_ITEM_BYTES]) {
  const char *below = path[0] == '/' ? path + 1 : path;
  text_make_name(name, EMITTER_ITEM_BYTES,
                 strcmp(path, "/") == 0 ? "root" : below);
}
