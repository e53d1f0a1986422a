/* SPDX-License-Identifier: MIT */
/* emitter: sends values under the names that a collectd series can have. */
#include "statgrab/emitter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/hash_map.h"
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

/* Of 1000 long names two have the same hash with a probability of 1e-4 (n^2
 * / 2 / 2^32). */
#define HASH_BYTES 9 /* "-" and eight digits */

void emitter_clean_name(const char *text, char name[EMITTER_ITEM_BYTES]) {
  size_t used = 0;
  while (*text != '\0') {
    size_t length = text_utf8_length(text);
    bool is_bad = length == 0 || (unsigned char)*text < ' ' || *text == 0x7f;
    size_t bytes = length == 0 ? 1 : length;
    if (used + bytes >= EMITTER_ITEM_BYTES) {
      name[used] = '\0';
      emitter_append_hash(text - used, name);
      return;
    }
    memcpy(name + used, text, bytes);
    if (is_bad) {
      name[used] = '_';
    } else if (name[used] == '/') {
      name[used] = '-';
    }
    used += bytes;
    text += bytes;
  }
  name[used] = '\0';
}

/* The hash is of the whole text, not of the cut name: names that are cut
 * alike differ in it. */
void emitter_append_hash(const char *text, char name[EMITTER_ITEM_BYTES]) {
  size_t at = strlen(name);
  if (at > EMITTER_ITEM_BYTES - 1 - HASH_BYTES) {
    at = EMITTER_ITEM_BYTES - 1 - HASH_BYTES;
    while (at > 0 && ((unsigned char)name[at] & 0xc0) == 0x80) {
      at--; /* not inside a UTF-8 character */
    }
  }
  uint32_t hash = (uint32_t)hash_map_hash_seeded(text, strlen(text), 0);
  (void)snprintf(name + at, EMITTER_ITEM_BYTES - at, "-%08x", hash);
}

void emitter_make_path_name(const char *path, char name[EMITTER_ITEM_BYTES]) {
  const char *below = path[0] == '/' ? path + 1 : path;
  emitter_clean_name(strcmp(path, "/") == 0 ? "root" : below, name);
}
