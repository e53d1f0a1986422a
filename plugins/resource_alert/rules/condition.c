/* SPDX-License-Identifier: MIT */
/* condition: an OnlyIf line: what another value must be for a rule to apply,
 * and the last value of the series that such lines compare. */
#include "resource_alert/rules/condition.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/glob.h"

/* The monotonic clock that both readings are dated by lags by up to 250 ms. */
#define FRESH_TOLERANCE_MS 500

/* "<", "<=", ">" or ">=", then a number, and nothing behind it. */
static int parse_condition_comparison(const char *text,
                                      struct condition *condition,
                                      struct error *error) {
  bool has_sign = text[0] == '<' || text[0] == '>';
  bool is_or_equal = has_sign && text[1] == '=';
  const char *number = text + (has_sign ? 1 : 0) + (is_or_equal ? 1 : 0);
  char *end = NULL;
  double limit = strtod(number, &end);
  if (!has_sign || end == number || *end != '\0' || !isfinite(limit)) {
    return error_set(error, -EINVAL,
                     "\"%s\" is not a comparison: write <, <=, > or >= and a "
                     "number, as in \">= 5\"",
                     text);
  }
  if (text[0] == '<') {
    condition->sign = is_or_equal ? CONDITION_AT_MOST : CONDITION_LESS;
  } else {
    condition->sign = is_or_equal ? CONDITION_AT_LEAST : CONDITION_GREATER;
  }
  condition->limit = limit;
  return 0;
}

/* Cuts TEXT at the first C. Returns what follows, NULL if there is none. */
static char *cut_at_char(char *text, char c) {
  char *at = strchr(text, c);
  if (at != NULL) {
    *at++ = '\0';
  }
  return at;
}

static bool fits_reading_name(const char *text) {
  return text == NULL || strlen(text) < READING_NAME_BYTES;
}

/* Cuts TEXT, which stays the owner of the parts. A dash begins an instance:
 * "plugin-" names the empty one. */
static int parse_condition_metric(char *text, struct condition *condition,
                                  struct error *error) {
  bool is_literal = glob_is_literal(text);
  char *type = cut_at_char(text, '/');
  if (!is_literal || type == NULL || strchr(type, '/') != NULL) {
    return error_set(error, -EINVAL,
                     "is not plugin[-instance]/type[-instance][:data source] "
                     "without wildcards");
  }
  condition->source = cut_at_char(type, ':');
  condition->plugin_instance = cut_at_char(text, '-');
  const char *type_instance = cut_at_char(type, '-');
  condition->type_instance = type_instance == NULL ? "" : type_instance;
  condition->plugin = text;
  condition->type = type;
  bool is_whole = text[0] != '\0' && type[0] != '\0' &&
                  (condition->source == NULL || condition->source[0] != '\0') &&
                  fits_reading_name(text) && fits_reading_name(type) &&
                  fits_reading_name(type_instance) &&
                  fits_reading_name(condition->plugin_instance) &&
                  fits_reading_name(condition->source);
  return is_whole ? 0
                  : error_set(error, -EINVAL,
                              "has an empty part or one longer than %d bytes",
                              READING_NAME_BYTES - 1);
}

int condition_init(struct condition *condition, const char *metric,
                   const char *comparison, struct error *error) {
  struct condition made = {.text = strdup(metric)};
  if (made.text == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = parse_condition_metric(made.text, &made, error);
  if (code != 0) {
    error_prefix(error, "OnlyIf \"%s\"", metric);
  } else {
    code = parse_condition_comparison(comparison, &made, error);
    if (code != 0) {
      error_prefix(error, "OnlyIf");
    }
  }
  if (code != 0) {
    condition_fini(&made);
    return code;
  }
  *condition = made;
  return 0;
}

void condition_fini(struct condition *condition) {
  if (condition != NULL) {
    free(condition->text);
    *condition = (struct condition){0};
  }
}

bool condition_holds(const struct condition *condition, double value) {
  switch (condition->sign) {
  case CONDITION_LESS:
    return value < condition->limit;
  case CONDITION_AT_MOST:
    return value <= condition->limit;
  case CONDITION_GREATER:
    return value > condition->limit;
  case CONDITION_AT_LEAST:
    return value >= condition->limit;
  }
  return false;
}

void condition_fill_names(const struct condition *condition,
                          const struct reading_names *names,
                          struct reading_names *ret_names) {
  *ret_names = (struct reading_names){.host = ""};
  reading_set_name(ret_names->host, names->host);
  reading_set_name(ret_names->plugin, condition->plugin);
  reading_set_name(ret_names->plugin_instance,
                   condition->plugin_instance != NULL
                       ? condition->plugin_instance
                       : names->plugin_instance);
  reading_set_name(ret_names->type, condition->type);
  reading_set_name(ret_names->type_instance, condition->type_instance);
}

bool condition_may_compare(const struct condition *condition,
                           const struct reading_names *names) {
  return strcmp(condition->plugin, names->plugin) == 0 &&
         strcmp(condition->type, names->type) == 0 &&
         strcmp(condition->type_instance, names->type_instance) == 0 &&
         (condition->plugin_instance == NULL ||
          strcmp(condition->plugin_instance, names->plugin_instance) == 0);
}

/* ---- the values that are compared ---- */

struct condition_input {
  struct hash_node node;
  size_t users; /* guarded by the lock of the inputs */
  _Atomic double value;
  _Atomic int64_t seen_ms;
  _Atomic uint32_t interval_ms; /* 0: no value yet */
  char key[];
};

void condition_inputs_init(struct condition_inputs *inputs) {
  *inputs = (struct condition_inputs){0};
  (void)pthread_mutex_init(&inputs->lock, NULL);
}

void condition_inputs_fini(struct condition_inputs *inputs) {
  hash_map_fini(&inputs->map);
  (void)pthread_mutex_destroy(&inputs->lock);
}

/* For its first user, which may be the series itself or one that compares it.
 * Under the lock. */
static struct condition_input *add_input(struct condition_inputs *inputs,
                                         const char *key, size_t key_bytes) {
  struct condition_input *input = calloc(1, sizeof(*input) + key_bytes);
  if (input == NULL) {
    return NULL;
  }
  memcpy(input->key, key, key_bytes);
  if (hash_map_insert(&inputs->map, &input->node, input->key, key_bytes) != 0) {
    free(input);
    return NULL;
  }
  return input;
}

struct condition_input *condition_inputs_take(struct condition_inputs *inputs,
                                              const char *key,
                                              size_t key_bytes) {
  (void)pthread_mutex_lock(&inputs->lock);
  struct condition_input *input =
      HASH_MAP_OWNER(hash_map_find(&inputs->map, key, key_bytes),
                     struct condition_input, node);
  if (input == NULL) {
    input = add_input(inputs, key, key_bytes);
  }
  if (input != NULL) {
    input->users++;
  }
  (void)pthread_mutex_unlock(&inputs->lock);
  return input;
}

void condition_inputs_release(struct condition_inputs *inputs,
                              struct condition_input *input) {
  if (input == NULL) {
    return;
  }
  (void)pthread_mutex_lock(&inputs->lock);
  if (--input->users == 0) {
    hash_map_remove(&inputs->map, &input->node);
    free(input);
  }
  (void)pthread_mutex_unlock(&inputs->lock);
}

void condition_input_set(struct condition_input *input, double value,
                         int64_t now_ms, uint32_t interval_ms) {
  atomic_store_explicit(&input->value, value, memory_order_relaxed);
  atomic_store_explicit(&input->seen_ms, now_ms, memory_order_relaxed);
  atomic_store_explicit(&input->interval_ms, interval_ms, memory_order_relaxed);
}

void condition_inputs_set(struct condition_inputs *inputs, const char *key,
                          size_t key_bytes, double value, int64_t now_ms,
                          uint32_t interval_ms) {
  (void)pthread_mutex_lock(&inputs->lock);
  struct condition_input *input =
      HASH_MAP_OWNER(hash_map_find(&inputs->map, key, key_bytes),
                     struct condition_input, node);
  if (input != NULL) {
    condition_input_set(input, value, now_ms, interval_ms);
  }
  (void)pthread_mutex_unlock(&inputs->lock);
}

double condition_input_value(const struct condition_input *input,
                             int64_t now_ms) {
  int64_t age_ms =
      now_ms - atomic_load_explicit(&input->seen_ms, memory_order_relaxed);
  int64_t interval_ms =
      atomic_load_explicit(&input->interval_ms, memory_order_relaxed);
  bool is_fresh =
      interval_ms > 0 && age_ms <= 2 * interval_ms + FRESH_TOLERANCE_MS;
  return is_fresh ? atomic_load_explicit(&input->value, memory_order_relaxed)
                  : (double)NAN;
}
