/* SPDX-License-Identifier: MIT */
/* error: a code for the program, one line of text for the person. */
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

int error_set(struct error *error, int code, const char *format, ...) {
  if (error == NULL) {
    return code;
  }
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(error->text, sizeof(error->text), format, arguments);
  va_end(arguments);
  text_chomp(error->text);
  text_blank_controls(error->text);
  return code;
}

void error_prefix(struct error *error, const char *format, ...) {
  if (error == NULL) {
    return;
  }
  char rest[ERROR_TEXT_BYTES];
  memcpy(rest, error->text, sizeof(rest));
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(error->text, sizeof(error->text), format, arguments);
  va_end(arguments);
  size_t used = strlen(error->text);
  (void)snprintf(error->text + used, sizeof(error->text) - used, ": %.*s",
                 (int)(sizeof(error->text) - used), rest);
  text_blank_controls(error->text);
}
