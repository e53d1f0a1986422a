/* SPDX-License-Identifier: MIT */
/* record_render: what Graphite answers to /render?format=json: a list of
 * {"target": "collectd.HOST.PLUGIN.TYPE", "datapoints": [[value, time], ...]},
 * the value null where there is none. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/simulate/identity.h"
#include "ctl/simulate/record_parts.h"

#define FILE_BYTES_MAX ((off_t)256 << 20) /* takes ten times as much memory */
#define NAME_BYTES (4 * READING_NAME_BYTES)

/* "PREFIXhost.plugin.type[.source]". Returns false for another target. */
static bool name_target(const char *target, const char *prefix,
                        struct reading_names *ret_names, char *ret_source) {
  char name[NAME_BYTES];
  size_t skipped = strlen(prefix);
  if (strncmp(target, prefix, skipped) != 0 ||
      snprintf(name, sizeof(name), "%s", target + skipped) >=
          (int)sizeof(name)) {
    return false;
  }
  size_t parts = 1;
  for (char *dot = strchr(name, '.'); dot != NULL; dot = strchr(dot, '.')) {
    bool is_source = ++parts == 4;
    *dot++ = is_source ? '\0' : '/';
    (void)snprintf(ret_source, READING_NAME_BYTES, "%s",
                   is_source ? dot : "value");
  }
  return parts <= 4 && identity_parse(name, ret_names, NULL) == 0;
}

static int take_points(struct record_series *series, const json_t *points) {
  size_t len = json_array_size(points);
  struct render_point *larger = realloc(
      series->render.points, (series->render.len + len + 1) * sizeof(*larger));
  if (larger == NULL) {
    return -ENOMEM;
  }
  series->render.points = larger;
  for (size_t i = 0; i < len; i++) {
    const json_t *point = json_array_get(points, i);
    const json_t *value = json_array_get(point, 0);
    double at_s = json_number_value(json_array_get(point, 1));
    if (json_is_number(value) && at_s > 0 && at_s < RECORD_EPOCH_S_MAX) {
      larger[series->render.len++] = (struct render_point){
          (int64_t)(at_s * 1000), json_number_value(value)};
    }
  }
  return 0;
}

static int take_target(struct record *record, const json_t *one,
                       const char *prefix) {
  const char *target = json_string_value(json_object_get(one, "target"));
  struct reading_names names;
  char source[READING_NAME_BYTES] = "value";
  if (target == NULL || !name_target(target, prefix, &names, source)) {
    record->counts.foreign_targets++;
    return 0;
  }
  struct record_series *series =
      record_series_of(record, &names, RECORD_RENDER, source);
  return series == NULL
             ? -ENOMEM
             : take_points(series, json_object_get(one, "datapoints"));
}

static json_t *load(const char *path, struct error *error) {
  struct stat status;
  json_error_t mistake;
  if (stat(path, &status) == 0 && status.st_size > FILE_BYTES_MAX) {
    (void)error_set(error, -EFBIG,
                    "%s is larger than 256 MB: ask Graphite for less at a time",
                    path);
    return NULL;
  }
  json_t *targets = json_load_file(path, 0, &mistake);
  if (!json_is_array(targets)) {
    (void)error_set(error, -EINVAL,
                    "%s:%d:%d: error: %s; a file is what Graphite answers to "
                    "/render?format=json",
                    path, targets == NULL ? mistake.line : 1,
                    targets == NULL ? mistake.column : 1,
                    targets == NULL ? mistake.text : "no list of targets");
    json_decref(targets);
    return NULL;
  }
  return targets;
}

int record_read_render(struct record *record, const char *path,
                       const char *prefix, struct error *error) {
  json_t *targets = load(path, error);
  if (targets == NULL) {
    return -EINVAL;
  }
  int code = 0;
  for (size_t i = 0; i < json_array_size(targets) && code == 0; i++) {
    code = take_target(record, json_array_get(targets, i), prefix);
  }
  json_decref(targets);
  return code == 0 ? 0 : error_set(error, code, "out of memory");
}

bool record_render_read(struct record_series *series) {
  struct render *render = &series->render;
  while (render->next < render->len) {
    const struct render_point *point = &render->points[render->next++];
    if (point->at_ms > series->point.at_ms) {
      series->point.at_ms = point->at_ms;
      memcpy(&series->point.values[0], &point->value, sizeof(point->value));
      return true;
    }
  }
  return false;
}
