/* SPDX-License-Identifier: MIT */
/* terminal: prints states in colour and text from outside without control
 * characters. */
#include "ctl/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/text.h"

/* https://no-color.org: NO_COLOR switches it off. */
static bool has_colour(void) {
  const char *no_colour = getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) == 1 &&
         (no_colour == NULL || no_colour[0] == '\0');
}

int terminal_columns(void) {
  struct winsize size;
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0
             ? size.ws_col
             : 80;
}

void terminal_print_state(const json_t *object, const char *name, int width) {
  static const struct {
    const char *state;
    const char *colour;
  } colours[] = {
      {"OKAY", "32"},      {"WARNING", "33"}, {"MISSING", "33"},
      {"FAILURE", "1;31"}, {"ENGAGED", "31"}, {"ENGAGING", "33"},
      {"RELEASING", "33"}, {"UNKNOWN", "2"},  {"OFF", "2"},
  };
  char state[32];
  const char *colour = NULL;
  (void)terminal_copy_text(object, name, state, sizeof(state));
  for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
    colour = strcmp(colours[i].state, state) == 0 ? colours[i].colour : colour;
  }
  if (colour != NULL && has_colour()) {
    (void)printf("\033[%sm%-*s\033[0m", colour, width, state);
  } else {
    (void)printf("%-*s", width, state);
  }
}

void terminal_print_text(const json_t *object, const char *name, int width,
                         int max) {
  char text[512];
  (void)printf(" %-*.*s", width, max,
               terminal_copy_text(object, name, text, sizeof(text)));
}

void terminal_format_age(double seconds, char *text, size_t bytes) {
  static const struct {
    double size;
    const char *unit;
  } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
  size_t i = 0;
  while (i < 3 && seconds < units[i].size) {
    i++;
  }
  double whole = seconds < 0 ? 0 : seconds / units[i].size;
  if (i < 2) {
    double rest = (whole - (double)(long)whole) * units[i].size;
    (void)snprintf(text, bytes, "%ld %s %ld %s", (long)whole, units[i].unit,
                   (long)(rest / units[i + 1].size), units[i + 1].unit);
  } else {
    (void)snprintf(text, bytes, "%ld %s", (long)whole, units[i].unit);
  }
}

const char *terminal_copy_text(const json_t *object, const char *name,
                               char *buffer, size_t bytes) {
  const char *text = json_string_value(json_object_get(object, name));
  (void)snprintf(buffer, bytes, "%s", text == NULL ? "" : text);
  text_blank_controls(buffer);
  return buffer;
}
