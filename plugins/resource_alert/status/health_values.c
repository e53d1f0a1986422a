/* SPDX-License-Identifier: MIT */
/* health_values: the last values of a few series of this host, under the names
 * that /health shows them by. */
#include "resource_alert/status/health_values.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_util.h"
#include "resource_alert/rules/metric_selector.h"

#define VALUES_MAX 32
#define VALID_INTERVALS 3

struct health_value {
  const char *name; /* borrowed */
  struct metric_selector selector;
  _Atomic double value;
  _Atomic int64_t valid_until_ms; /* monotonic; 0: there was none */
};

struct health_values {
  const char *host;
  size_t len;
  struct health_value items[];
};

/* ---- the options ---- */

static const char *const default_values[] = {
    "memory_usage",  "statgrab-memory/percent-used",
    "disk_free",     "statgrab-df-root/percent-free",
    "cpu_usage",     "statgrab-cpu/percent-active",
    "process_count", "statgrab-processes/ps_count:processes",
};

/* Which of the two it is cannot be known here: see check_health_block(). */
static int check_health_value(const char *value, struct error *error) {
  return value[0] == '\0' ? error_set(error, -EINVAL, "must not be empty") : 0;
}

static int check_health_block(const void *target, struct error *error) {
  const struct health_options *options = target;
  struct metric_selector selector;
  if (options->values.len == 0 || options->values.len % 2 != 0 ||
      options->values.len > (size_t)2 * VALUES_MAX) {
    return error_set(error, -EINVAL,
                     "each Value needs a name and a series, and there may be "
                     "at most %d: write Value \"memory_usage\" "
                     "\"statgrab-memory/percent-used\"",
                     VALUES_MAX);
  }
  for (size_t i = 0; i < options->values.len; i += 2) {
    const char *metric = options->values.items[i + 1];
    int code = option_check_name(options->values.items[i], error);
    if (code == 0 && strpbrk(metric, "*?[") != NULL) {
      code = error_set(error, -EINVAL, "is a pattern: name one series");
    }
    if (code == 0) {
      code = metric_selector_init(&selector, metric, error);
    }
    if (code != 0) {
      error_prefix(error, "Value \"%s\"", options->values.items[i]);
      return code;
    }
    metric_selector_fini(&selector);
  }
  return 0;
}

static const struct option option_rows[] = {
    {OPTION("Value", STRINGS, struct health_options, values),
     .example = "\"memory_usage\" \"statgrab-memory/percent-used\"",
     .check = check_health_value,
     .help = "A name, and the series of this host whose last value C</health> "
             "shows under that name, as "
             "C<plugin[-instance]/type[-instance][:data source]>, without "
             "wildcards. It must be a gauge. May be given up to 32 times. The "
             "value is null if there is none within three intervals."},
};

const struct option_block health_values_block = {
    .name = "Health",
    .size = sizeof(struct health_options),
    .help = "The values that C</health> shows. Without this block: "
            "C<memory_usage>, C<disk_free> and C<cpu_usage> in percent, and "
            "C<process_count>, all of B<statgrab>.",
    OPTION_ROWS(option_rows),
    .check = check_health_block,
};

/* ---- the values ---- */

int health_values_new(const struct option_blocks *blocks, const char *host,
                      struct health_values **ret, struct error *error) {
  const struct health_options *options =
      blocks->len == 0 ? NULL : blocks->items;
  size_t len = options == NULL ? OPTION_COUNT(default_values) / 2
                               : options->values.len / 2;
  struct health_values *values =
      calloc(1, sizeof(*values) + len * sizeof(values->items[0]));
  if (values == NULL) {
    return error_set(error, -ENOMEM, "status: out of memory");
  }
  values->host = host;
  for (size_t i = 0; i < len; i++) {
    struct health_value *one = &values->items[i];
    const char *metric = options == NULL ? default_values[2 * i + 1]
                                         : options->values.items[2 * i + 1];
    one->name =
        options == NULL ? default_values[2 * i] : options->values.items[2 * i];
    int code = metric_selector_init(&one->selector, metric, error);
    if (code != 0) {
      health_values_free(values);
      return code;
    }
    values->len++;
  }
  *ret = values;
  return 0;
}

void health_values_free(struct health_values *values) {
  for (size_t i = 0; values != NULL && i < values->len; i++) {
    metric_selector_fini(&values->items[i].selector);
  }
  free(values);
}

/* WHOLE is NAME, or "NAME-INSTANCE". */
static bool is_joined(const char *whole, const char *name,
                      const char *instance) {
  size_t length = strlen(name);
  return strncmp(whole, name, length) == 0 &&
         (instance[0] == '\0' ? whole[length] == '\0'
                              : whole[length] == '-' &&
                                    strcmp(whole + length + 1, instance) == 0);
}

static void keep_value(struct health_value *one, const struct reading *reading,
                       int64_t now_ms) {
  struct reading_source source;
  for (size_t i = 0; i < reading->values_len; i++) {
    reading->type.describe(reading->type.handle, i, &source);
    if (source.kind == READING_GAUGE &&
        metric_selector_matches_source(&one->selector, source.name)) {
      double value;
      memcpy(&value, (const char *)reading->values + i * sizeof(value),
             sizeof(value));
      atomic_store(&one->value, value);
      atomic_store(&one->valid_until_ms,
                   now_ms + VALID_INTERVALS * (reading->interval_ns / 1000000));
      return;
    }
  }
}

void health_values_take(struct health_values *values,
                        const struct reading *reading, int64_t now_ms) {
  const struct reading_names *names = reading->names;
  for (size_t i = 0; values != NULL && i < values->len; i++) {
    struct health_value *one = &values->items[i];
    if (is_joined(one->selector.plugin, names->plugin,
                  names->plugin_instance) &&
        is_joined(one->selector.type, names->type, names->type_instance) &&
        strcmp(names->host, values->host) == 0) {
      keep_value(one, reading, now_ms);
    }
  }
}

json_t *health_values_to_json(const struct health_values *values,
                              int64_t now_ms) {
  json_t *object = json_object();
  for (size_t i = 0; values != NULL && i < values->len; i++) {
    const struct health_value *one = &values->items[i];
    bool is_valid = atomic_load(&one->valid_until_ms) > now_ms;
    (void)json_object_set_new(
        object, one->name,
        is_valid ? json_util_from_number(atomic_load(&one->value))
                 : json_null());
  }
  return object;
}
