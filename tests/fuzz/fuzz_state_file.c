/* SPDX-License-Identifier: MIT */
/* fuzz_state_file: any bytes as a state file; what is taken from it is written
 * and read again as the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/event/state_line.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(void *context, const struct stored_alert *alert) {
  const struct stored_alert *before = context;
  if (memcmp(alert->names, before->names, sizeof(*alert->names)) != 0 ||
      strcmp(alert->source, before->source) != 0 ||
      strcmp(alert->rule, before->rule) != 0 || alert->state != before->state ||
      alert->since_wall_ms != before->since_wall_ms ||
      (alert->change == NULL) != (before->change == NULL) ||
      (alert->change != NULL &&
       (alert->change->number != before->change->number ||
        alert->change->held_ms != before->change->held_ms))) {
    abort();
  }
}

static void write_again(void *context, const struct stored_alert *alert) {
  (void)context;
  struct stored_alert copy = *alert;
  char *line = state_line_format(alert);
  if (line == NULL) {
    return;
  }
  line[strlen(line) - 1] = '\0';
  struct untold_marks marks = {0};
  if (state_line_parse(line, compare, &copy, &marks, NULL) != 0) {
    abort();
  }
  free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = text_of(data, size);
  struct error error = {{0}};
  struct untold_marks marks = {0};
  (void)state_line_check_head(text, &error);
  (void)state_line_parse(text, write_again, NULL, &marks, &error);
  free(text);
  return 0;
}
